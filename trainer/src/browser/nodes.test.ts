// Proves that a tab lends what its person allowed, whatever the browser tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodesOf } from "./nodes.ts";

test("a tab lends the threads that were allowed and half of its memory, as one processor", () => {
  for (const threads of [1, 3, 16]) {
    const [node, second] = nodesOf("s_123456789", threads, { deviceMemory: 8 });
    assert.equal(second, undefined);
    assert.equal(node?.milliCpu, 1_000 * threads);
    assert.equal(node?.memoryMiB, 4_096);
    assert.equal(node?.accelerators.length, 1);
  }
  assert.equal(nodesOf("s_1", 1, {})[0]?.memoryMiB, 2_048, "a browser that tells nothing");
});

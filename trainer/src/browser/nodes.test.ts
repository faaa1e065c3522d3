// Proves that a tab lends a part of its machine, whatever the browser tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodesOf } from "./nodes.ts";

test("a tab lends half of its cores and memory as one processor, four cores at most", () => {
  for (const [hardwareConcurrency, cores] of [
    [1, 1],
    [2, 1],
    [6, 3],
    [64, 4],
  ] as const) {
    const [node, second] = nodesOf("s_123456789", { hardwareConcurrency, deviceMemory: 8 });
    assert.equal(second, undefined);
    assert.equal(node?.milliCpu, 1_000 * cores);
    assert.equal(node?.memoryMiB, 4_096);
    assert.equal(node?.accelerators.length, 1);
  }
  assert.equal(nodesOf("s_1", {})[0]?.memoryMiB, 2_048, "a browser that tells nothing");
});

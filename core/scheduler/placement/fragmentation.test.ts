// Fragmentation, case by case as the paper lists them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fragmentation, typicalOf } from "./fragmentation.ts";
import { NodeTable } from "./nodes.ts";
import { RequestTable } from "./requests.ts";

const nodes = new NodeTable([{ model: "A", accelerators: 2, milliCpu: 8_000, memoryMiB: 1 }]);
const requests = new RequestTable(nodes);
const ask = (accelerators: number, milli: number, milliCpu: number, models = "") =>
  requests.know({ accelerators, milli, milliCpu, memoryMiB: 0, models });
const free = (milliCpu: number, ...parts: number[]) => ({
  kind: 0,
  milliCpu,
  free: Int16Array.from(parts),
  from: 0,
  stride: 2,
});

test("an accelerator too small for the next request is lost to it, the other is not", () => {
  const typical = typicalOf([[ask(1, 500, 1_000), 10]]);
  assert.equal(fragmentation(typical, free(8_000, 300, 1_000)), 300);
  assert.equal(fragmentation(typical, free(8_000, 300, 400)), 700);
});

test("without processor time, with another model, or for none, all that is free is lost", () => {
  assert.equal(fragmentation(typicalOf([[ask(1, 500, 9_000), 1]]), free(8_000, 300, 1_000)), 1_300);
  assert.equal(fragmentation(typicalOf([[ask(1, 5, 0, "B"), 1]]), free(8_000, 300, 1_000)), 1_300);
  assert.equal(fragmentation(typicalOf([[ask(0, 0, 1_000), 1]]), free(8_000, 300, 1_000)), 1_300);
});

test("a full node has nothing to lose", () => {
  assert.equal(fragmentation(typicalOf([[ask(1, 500, 1_000), 1]]), free(8_000, 0, 0)), 0);
});

test("the rarest twentieth of the arrivals is not looked at, and the shares add up to 1", () => {
  const typical = typicalOf([
    [ask(1, 500, 1_000), 96],
    [ask(1, 250, 1_000), 4],
  ]);
  assert.equal(typical.length, 1);
  assert.equal(typical[0]!.share, 1);
});

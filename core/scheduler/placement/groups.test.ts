// Groups are what sorting all nodes by their state would give, whatever happened before.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GroupTable } from "./groups.ts";
import { fits, NodeTable, RequestTable } from "./index.ts";

const shape = { model: "A", accelerators: 2, milliCpu: 4_000, memoryMiB: 4 };
const NODES = 9;

const change = fc.record({
  node: fc.nat(NODES - 1),
  free: fc.tuple(fc.constantFrom(0, 500, 1_000), fc.constantFrom(0, 1_000)),
  milliCpu: fc.integer({ min: 0, max: 4_000 }),
  memoryMiB: fc.nat(4),
});

/** The state of a node as text, found the slow way. */
function stateOf(nodes: NodeTable, node: number): string {
  const parts = [...nodes.free.subarray(2 * node, 2 * node + 2)].sort((a, b) => a - b);
  return `${Math.floor(nodes.freeMilliCpu[node]! / 1_000)}/${parts}`;
}

test("each group's lowest rank, and its first node with room, are those of a full search", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const nodes = new NodeTable(
        Array.from({ length: NODES }, () => shape),
        [3, 1, 4, 0, 5, 8, 2, 6, 7],
      );
      const groups = new GroupTable(nodes);
      const request = new RequestTable(nodes).know({
        accelerators: 1,
        milli: 500,
        milliCpu: 1_500,
        memoryMiB: 3,
        models: "",
      });
      for (const { node, free, milliCpu, memoryMiB } of changes) {
        nodes.free.set(free, 2 * node);
        nodes.freeMilliCpu[node] = milliCpu;
        nodes.freeMemoryMiB[node] = memoryMiB;
        groups.moved(node);
      }
      const byState = Map.groupBy(nodes.byRank, (node) => stateOf(nodes, node));
      assert.equal(groups.live(0).length, byState.size);
      for (const group of groups.live(0)) {
        const lowest = nodes.byRank[groups.lowest(group)]!;
        const alike = byState.get(stateOf(nodes, lowest))!;
        assert.equal(lowest, alike[0]);
        const first = alike.find((node) => fits(nodes, node, request)) ?? -1;
        assert.equal(groups.first(group, request), first);
      }
    }),
    { numRuns: 60 },
  );
});

test("a node that comes and goes leaves no trace that grows", () => {
  const nodes = new NodeTable([shape, shape, shape]);
  const groups = new GroupTable(nodes);
  const request = new RequestTable(nodes).know({
    accelerators: 2,
    milli: 1_000,
    milliCpu: 0,
    memoryMiB: 5,
    models: "",
  });
  // Node 0 stays lowest, so nothing that left is ever taken off the top of its group's heap.
  for (let time = 0; time < 100_000; time += 1) {
    nodes.free[2] = time % 2 === 0 ? 0 : 1_000;
    groups.moved(1);
  }
  const began = process.cpuUsage().user;
  for (let time = 0; time < 1_000; time += 1)
    assert.equal(groups.first(groups.live(0)[0]!, request), -1);
  assert.ok(process.cpuUsage().user - began < 500_000, "the group is searched as if it were huge");
});

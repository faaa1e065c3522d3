// States are found again, and rows stay sorted.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NodeTable } from "./nodes.ts";
import { StateTable, sortInto } from "./states.ts";

const nodes = new NodeTable([{ model: "A", accelerators: 4, milliCpu: 1, memoryMiB: 1 }]);
const part = fc.integer({ min: 0, max: 10 }).map((tenths) => tenths * 100);
const row = fc.array(part, { minLength: 4, maxLength: 4 });

test("equal states have one number, different ones never, however many there are", () => {
  const table = new StateTable(nodes);
  const numbers = new Map<string, number>();
  for (let index = 0; index < 20_000; index += 1) {
    const parts = Int16Array.of(0, index % 7, index % 1_000, 1_000);
    const milliCpu = index % 13;
    const key = `${milliCpu}/${parts}`;
    const state = table.find(0, milliCpu, parts);
    assert.equal(state, numbers.get(key) ?? numbers.size);
    numbers.set(key, state);
  }
  assert.equal(table.count, numbers.size);
});

test("a row is copied in ascending order", () => {
  fc.assert(
    fc.property(row, (parts) => {
      const sorted = new Int16Array(4);
      sortInto(sorted, Int16Array.from(parts), 0);
      assert.deepEqual(
        [...sorted],
        [...parts].sort((a, b) => a - b),
      );
    }),
  );
});

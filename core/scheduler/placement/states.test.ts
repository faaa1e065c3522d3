// States are found again, and rows stay sorted.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NodeTable } from "./nodes.ts";
import { StateTable, sortInto, takeFrom } from "./states.ts";

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

test("taking from a sorted row is taking from the node and sorting again", () => {
  fc.assert(
    fc.property(row, fc.nat(3), fc.integer({ min: 1, max: 10 }), (parts, place, tenths) => {
      const sorted = new Int16Array(4);
      sortInto(sorted, Int16Array.from(parts), 0);
      assert.deepEqual(
        [...sorted],
        [...parts].sort((a, b) => a - b),
      );
      const milli = tenths * 100;
      if (sorted[place]! < milli) return;
      const expected = [...sorted];
      expected[place]! -= milli;
      takeFrom(sorted, 1, milli, place);
      assert.deepEqual(
        [...sorted],
        expected.sort((a, b) => a - b),
      );
    }),
  );
});

test("whole accelerators are taken from the end of a sorted row", () => {
  const sorted = Int16Array.of(0, 300, 1_000, 1_000);
  takeFrom(sorted, 2, 1_000, 3);
  assert.deepEqual([...sorted], [0, 0, 0, 300]);
});

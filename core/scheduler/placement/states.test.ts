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

test("a state that was forgotten is a new one, and all others are found as before", () => {
  const state = fc.record({ milliCpu: fc.nat(9), parts: row, forget: fc.boolean() });
  fc.assert(
    fc.property(fc.array(state, { maxLength: 300 }), (states) => {
      const table = new StateTable(nodes);
      const known = new Map<string, number>();
      for (const { milliCpu, parts, forget } of states) {
        const key = `${milliCpu}/${parts}`;
        const before = known.get(key);
        const births = before === undefined ? 0 : table.born[before];
        const number = table.find(0, milliCpu, Int16Array.from(parts));
        if (before === undefined) assert.ok(![...known.values()].includes(number));
        else assert.deepEqual([number, table.born[number]], [before, births]);
        known.set(key, number);
        if (!forget) continue;
        table.forget(number);
        known.delete(key);
      }
      for (const [key, number] of known) {
        const [milliCpu, parts] = key.split("/");
        const again = table.find(
          0,
          Number(milliCpu),
          Int16Array.from(parts!.split(",").map(Number)),
        );
        assert.equal(again, number);
      }
    }),
  );
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

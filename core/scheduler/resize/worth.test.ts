// When it pays for a gang to stop and go on with more tasks.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Resizing, worthResizing } from "./worth.ts";

const HOUR_MS = 3_600_000;
const doubled: Resizing = {
  ...{ tasks: 4, moreTasks: 8, unsavedMs: 0, restartMs: 40_000, remainingMs: HOUR_MS },
};

test("twice the tasks are worth a short stop, and not the loss of what they save", () => {
  assert.ok(worthResizing(doubled));
  // It saves half an hour: half of that may be lost.
  assert.ok(worthResizing({ ...doubled, unsavedMs: HOUR_MS / 4 - 40_001 }));
  assert.ok(!worthResizing({ ...doubled, unsavedMs: HOUR_MS / 4 }));
  assert.ok(!worthResizing({ ...doubled, remainingMs: 160_000 }));
});

test("what is worth it stays so with more tasks, more time to go, or less to lose", () => {
  const ms = fc.integer({ min: 0, max: HOUR_MS });
  const arbitrary = fc.record({
    ...{ tasks: fc.integer({ min: 1, max: 64 }), more: fc.integer({ min: 1, max: 64 }) },
    ...{ unsavedMs: ms, restartMs: ms, remainingMs: fc.integer({ min: 0, max: 100 * HOUR_MS }) },
    ...{ better: fc.integer({ min: 0, max: HOUR_MS }) },
  });
  fc.assert(
    fc.property(arbitrary, ({ tasks, more, better, ...costs }) => {
      const plain = { ...costs, tasks, moreTasks: tasks + more };
      if (!worthResizing(plain)) return;
      assert.ok(worthResizing({ ...plain, moreTasks: plain.moreTasks + 1 }));
      assert.ok(worthResizing({ ...plain, remainingMs: costs.remainingMs + better }));
      assert.ok(worthResizing({ ...plain, unsavedMs: Math.max(0, costs.unsavedMs - better) }));
    }),
  );
});

test("a gang that has nothing to do any more never grows", () => {
  assert.ok(!worthResizing({ ...doubled, restartMs: 0, remainingMs: 0 }));
});

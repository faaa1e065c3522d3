// Tests of the queue settings' form: there and back, off as an empty text, faults.
import assert from "node:assert/strict";
import test from "node:test";
import { ageingOf, draftOfPool, queueChangeOf } from "./queue-form.ts";

test("queue settings come back as they were, ageing in its largest unit", () => {
  const set = {
    ageing: { pointMs: 5_400_000, pointsMax: 40 },
    backfill: "none",
    moves: true,
  } as const;
  assert.equal(draftOfPool(set).point, "90m");
  assert.deepEqual(queueChangeOf(draftOfPool(set)), set);
  const off = { ageing: null, backfill: "easy", moves: false } as const;
  assert.deepEqual(queueChangeOf(draftOfPool(off)), off);
});

test("what is no ageing is not sent", () => {
  const draft = draftOfPool({ ageing: null, backfill: "easy", moves: false });
  for (const wrong of [{ point: "soon" }, { point: "1h", most: "0" }, { point: "1h", most: "" }]) {
    assert.equal(queueChangeOf({ ...draft, ...wrong }), undefined, JSON.stringify(wrong));
  }
  assert.deepEqual(ageingOf({ ...draft, point: "1h" }), { pointMs: 3_600_000, pointsMax: 1_000 });
});

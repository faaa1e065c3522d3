// Which earlier models of a run are kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withMilestone } from "./milestones.ts";
import type { Milestone } from "./state.ts";

const at = (round: number): Milestone => ({
  ...{ round, digest: `d${round}`, checkpointBlob: `c${round}`, heldOutLoss: null },
});
const after = (rounds: number, first = 0): readonly number[] => {
  let list: readonly Milestone[] = [];
  for (let round = first; round <= rounds; round += 1) list = withMilestone(list, at(round));
  return list.map(({ round }) => round);
};

test("the first rounds are all kept, later ones at a doubled distance", () => {
  assert.deepEqual(after(3), [0, 1, 2, 3]);
  assert.deepEqual(after(4), [0, 2, 4]);
  assert.deepEqual(after(7), [0, 2, 4, 6]);
  assert.deepEqual(after(100), [0, 32, 64, 96]);
  assert.deepEqual(after(5, 1), [2, 4]);
});

test("there are never more than four, and never less than two of a long run, spread evenly", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 3_000 }), fc.constantFrom(0, 1), (rounds, first) => {
      const kept = after(rounds, first);
      assert.ok(kept.length >= 2 && kept.length <= 4, `${kept}`);
      const gaps = new Set(kept.slice(1).map((round, i) => round - kept[i]!));
      assert.equal(gaps.size, 1, `${kept}`);
      assert.ok(rounds - kept.at(-1)! < [...gaps][0]!, "the newest is less than a gap away");
    }),
    { numRuns: 60 },
  );
});

// Tests of the max-min program: by hand, and against prices that prove that no more is possible.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type MaxMinInput, maxMinShares } from "./max-min.ts";

/** The solver's own tolerance for levels, and some room for rounding. */
const NEAR = 3e-3;

const inputOf = (
  count: readonly number[],
  jobs: readonly { readonly gpus: number; readonly rate: readonly number[] }[],
): MaxMinInput => ({
  count,
  gpus: jobs.map(({ gpus }) => gpus),
  rate: Float64Array.from(jobs.flatMap(({ rate }) => rate)),
});

test("one kind is divided so that wide and narrow jobs come off alike", () => {
  // Width x rate x share is equal: two narrow jobs whole, the wide one for half of the time.
  const jobs = [1, 1, 2].map((gpus) => ({ gpus, rate: [1] }));
  const { level, share } = maxMinShares(inputOf([3], jobs));
  assert.ok(Math.abs(level - 1) < NEAR);
  assert.ok(Math.abs(share[2]! - 0.5) < NEAR);
});

test("each kind goes to the job that it suits", () => {
  const jobs = [
    { gpus: 1, rate: [2, 1] },
    { gpus: 1, rate: [1, 2] },
  ];
  const { level, share } = maxMinShares(inputOf([1, 1], jobs));
  assert.ok(Math.abs(level - 2) < NEAR);
  assert.ok(share[0]! > 0.99 && share[3]! > 0.99);
});

test("three equal jobs on a fast and a slow accelerator get a third of both together", () => {
  const jobs = [0, 0, 0].map(() => ({ gpus: 1, rate: [2, 1] }));
  assert.ok(Math.abs(maxMinShares(inputOf([1, 1], jobs)).level - 1) < NEAR);
});

test("no jobs need no shares", () => {
  assert.deepEqual([...maxMinShares(inputOf([1], [])).share], []);
});

const job = fc.record({
  gpus: fc.constantFrom(1, 2, 4),
  rate: fc.tuple(
    fc.constantFrom(0.5, 1, 2),
    fc.constantFrom(0, 0.3, 1, 3),
    fc.constantFrom(0, 0.1, 1, 2),
  ),
});

/** The least that a job's level costs at these prices, or Infinity if nothing reaches it. */
function costOf(gpus: number, rate: readonly number[], level: number, price: readonly number[]) {
  const need = level / gpus;
  const points = [
    { rate: 0, price: 0 },
    ...rate.map((each, at) => ({ rate: each, price: price[at]! })),
  ];
  let least = Infinity;
  for (const high of points) {
    if (high.rate < need) continue;
    for (const low of points) {
      if (low.rate >= need) continue;
      const part = (need - low.rate) / (high.rate - low.rate);
      least = Math.min(least, gpus * (part * high.price + (1 - part) * low.price));
    }
  }
  return least;
}

test("shares keep to what there is and reach the level, and no higher one can be reached", () => {
  fc.assert(
    fc.property(fc.array(job, { minLength: 1, maxLength: 12 }), (jobs) => {
      const count = [3, 4, 5];
      const { level, share } = maxMinShares(inputOf(count, jobs));
      const used = [0, 0, 0];
      jobs.forEach(({ gpus, rate }, at) => {
        const mine = [...share.subarray(at * 3, at * 3 + 3)];
        assert.ok(mine.every((part) => part >= 0));
        assert.ok(mine.reduce((a, b) => a + b) <= 1 + 1e-9);
        const got = gpus * mine.reduce((sum, part, kind) => sum + part * rate[kind]!, 0);
        assert.ok(got >= level * (1 - 1e-6), `${got} < ${level}`);
        mine.forEach((part, kind) => {
          used[kind]! += part * gpus;
        });
      });
      for (const [kind, each] of used.entries()) assert.ok(each <= count[kind]! * (1 + 1e-6));
      // Some prices make a level 3 % higher cost more than all accelerators together are worth.
      const higher = level * 1.03;
      const grid = 48;
      let proved = false;
      for (let a = 0; a <= grid && !proved; a += 1) {
        for (let b = 0; a + b <= grid && !proved; b += 1) {
          const price = [a / count[0]!, b / count[1]!, (grid - a - b) / count[2]!];
          const cost = jobs.reduce(
            (sum, { gpus, rate }) => sum + costOf(gpus, rate, higher, price),
            0,
          );
          proved = cost > grid * (1 - 1e-9);
        }
      }
      assert.ok(proved, `level ${level} is not the highest`);
    }),
    { numRuns: 150 },
  );
});

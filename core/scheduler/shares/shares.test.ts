// Tests of the pieces of shares/: the order by levels, the heap of times, and what an owner's own
// machine grants. The promise as a whole is tested where it is replayed, in simulator/replay.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ENTITLED, Levels, levelEnd, levelOf, NONE } from "./levels.ts";
import { OwnShare } from "./own-share.ts";
import { SharesPlan } from "./plan.ts";
import { Times } from "./times.ts";

const listed = (levels: Levels): number[] => {
  const jobs: number[] = [];
  for (let job = levels.first(); job !== NONE; job = levels.after(job)) jobs.push(job);
  return jobs;
};

test("levels double from a minute on one accelerator", () => {
  assert.deepEqual([0, 59, 60, 119, 120, 240].map(levelOf), [1, 1, 2, 2, 3, 4]);
  assert.equal(levelEnd(1), 60);
  assert.equal(levelEnd(3), 240);
});

test("the order is by level, and within a level by who entered first", () => {
  const move = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: ENTITLED, max: 5 }));
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const levels = new Levels();
      let model: { readonly job: number; readonly level: number }[] = [];
      for (const [job, level] of moves) {
        if (model.some((entry) => entry.job === job)) levels.remove(job);
        model = model.filter((entry) => entry.job !== job);
        levels.add(job, level);
        model.push({ job, level });
        assert.equal(levels.at(job), level);
      }
      const expected = [...model].sort((a, b) => a.level - b.level).map(({ job }) => job);
      assert.deepEqual(listed(levels), expected);
    }),
  );
});

test("times come out earliest first, whatever was taken out in between", () => {
  const entry = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 80 }), (entries) => {
      const times = new Times();
      entries.forEach(([atS], id) => {
        times.push(id, atS);
      });
      entries.forEach(([, dropped], id) => {
        if (dropped) times.drop(id);
      });
      const left = [...entries.keys()].filter((id) => !entries[id]![1]);
      left.sort((a, b) => entries[a]![0] - entries[b]![0] || a - b);
      for (const id of left) {
        assert.equal(times.nextS, entries[id]![0]);
        assert.equal(times.pop(), id);
      }
      assert.equal(times.nextS, Infinity);
    }),
  );
});

test("a backfilled job makes way when the head's turn comes, and is entitled again later", () => {
  const log: string[] = [];
  const share = new OwnShare(2, 0, {
    grant: (job) => log.push(`grant ${job}`),
    withdraw: (job) => log.push(`withdraw ${job}`),
  });
  share.submit(0, 1); // runs at once
  share.submit(1, 2); // must wait for the whole machine
  share.submit(2, 1); // fits beside the first
  share.advance(0);
  assert.deepEqual(log, ["grant 0", "grant 2"]);
  share.learn(0, 10, 10);
  share.advance(10);
  assert.deepEqual(log.slice(2), ["withdraw 2", "grant 1"]);
  share.learn(1, 5, 15);
  share.advance(15);
  assert.deepEqual(log.slice(4), ["grant 2"]);
});

test("a job wider than its owner's own machine only borrows", () => {
  const plan = new SharesPlan({ capacity: 4, ownCapacity: [2, 2], lossS: 60 });
  plan.submit(0, 0, 4);
  assert.deepEqual(plan.plan(0), { stops: [], starts: [0] });
  plan.submit(1, 1, 2);
  assert.deepEqual(plan.plan(5), { stops: [0], starts: [1] });
  plan.ended(1, 9);
  assert.deepEqual(plan.plan(9), { stops: [], starts: [0] });
});

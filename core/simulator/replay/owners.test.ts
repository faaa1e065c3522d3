// Tests of protocol C: EASY by hand, capacities and metrics, and the promise that a pool keeps to
// its owners on random mixes of owners.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SharesPlan } from "../../scheduler/shares/index.ts";
import { OwnShare, resumedAt } from "../../scheduler/shares/own-share.ts";
import { chanceOf } from "../chance.ts";
import { type OwnerJob, type OwnerTrace, ownerTrace } from "../traces/philly.ts";
import { replayEasy } from "./owners-easy.ts";
import { compareOwners, jobsOf, ownerNeeds, reportWaits } from "./owners-report.ts";
import { replayShared } from "./owners-shared.ts";

type Short = readonly [submitS: number, durationS: number, gpus: number, owner?: string];
const traceOf = (...jobs: readonly Short[]): OwnerTrace =>
  ownerTrace(
    jobs.map(([submitS, durationS, gpus, owner = "a"]) => ({ submitS, durationS, gpus, owner })),
  );
const easy = (
  trace: OwnerTrace,
  capacity: number,
  order: "fcfs" | "shortest-gpu-time" = "fcfs",
) => [...replayEasy(trace, jobsOf(trace), capacity, order)];

test("EASY backfills a job that ends by the time at which the head can start", () => {
  // 3 of 4 are busy to 100; the head needs 2; the third job ends at 100, the fourth would not.
  const trace = traceOf([0, 100, 3], [1, 50, 2], [2, 98, 1], [2, 99, 1]);
  assert.deepEqual(easy(trace, 4), [0, 100, 2, 100]);
});

test("EASY backfills a longer job on what the head leaves over", () => {
  // At 100 the head takes 3 of 4, so one accelerator is extra: it goes to the first that asks.
  const trace = traceOf([0, 100, 3], [1, 50, 3], [2, 500, 1], [3, 500, 1]);
  assert.deepEqual(easy(trace, 4), [0, 100, 2, 150]);
});

test("ends free their accelerators before submissions of the same second queue", () => {
  assert.deepEqual(easy(traceOf([0, 10, 1], [10, 5, 1]), 1), [0, 10]);
});

test("shortest GPU-time first orders by duration x width, and by arrival among equals", () => {
  const trace = traceOf([0, 10, 2], [1, 9, 2], [2, 4, 2], [3, 8, 1], [4, 8, 1]);
  // At 10 the third is first by size and arrival; two narrow ones fit side by side at 14.
  assert.deepEqual(easy(trace, 2, "shortest-gpu-time"), [0, 22, 10, 14, 14]);
});

test("an owner's own cluster has whole nodes of 8, a quarter above its demand", () => {
  // a: 40 x 100 s in 100 s is a demand of 40, so 50, so 56. b: widest 9, so 16.
  const needs = ownerNeeds(traceOf([0, 100, 40, "a"], [100, 1, 9, "b"]));
  assert.deepEqual(
    needs.map(({ capacity, widest, jobs }) => [capacity, widest, jobs]),
    [
      [56, 40, 1],
      [16, 9, 1],
    ],
  );
});

test("waits are reported by entry floor(n q), and short jobs count as ten minutes", () => {
  const trace = traceOf([0, 60, 1, "a"], [0, 1_200, 1, "b"]);
  const report = reportWaits(trace, Float64Array.of(3_600, 0));
  assert.equal(report.meanH, 0.5);
  assert.equal(report.p50H, 1);
  assert.equal(report.boundedSlowdown, ((3_600 + 60) / 600 + 1) / 2);
  assert.deepEqual(report.ownerMeanH, [1, 0]);
});

test("an owner is worse off from more than a second on", () => {
  const fairness = compareOwners([1 + 0.9 / 3_600, 2 + 2 / 3_600], [1, 2]);
  assert.deepEqual(fairness.worseOff, [1]);
});

const pooled = (trace: OwnerTrace, own: readonly number[], lossS: number) => {
  const capacity = own.reduce((sum, each) => sum + each, 0);
  return replayShared(
    trace,
    { capacity, lossS },
    new SharesPlan({
      ...{ capacity, ownCapacity: own, lossS },
    }),
  );
};

test("an owner gets its accelerators back at once, and the restart is charged", () => {
  // b borrows a's accelerator from 0 to 100 and goes on at 200 with 60 s of its 100 s lost.
  const trace = traceOf([0, 1_000, 1, "b"], [0, 300, 1, "b"], [100, 100, 1, "a"]);
  const { endS, preemptions, lostGpuH } = pooled(trace, [1, 1], 60);
  assert.deepEqual([...endS], [1_000, 460, 200]);
  assert.equal(preemptions, 1);
  assert.equal(lostGpuH, 60 / 3_600);
});

test("of two borrowers the one with less service comes first", () => {
  const trace = traceOf([0, 5_000, 1, "b"], [0, 5_000, 1, "b"], [1_000, 10, 1, "b"]);
  assert.equal(pooled(trace, [1, 1], 0).endS[2], 1_010);
});

const mix = fc
  .array(
    fc.record({
      submitS: fc.integer({ min: 0, max: 5_000 }),
      durationS: fc.oneof(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 20_000 }),
        fc.constant(3_600),
      ),
      gpus: fc.constantFrom(1, 1, 1, 2, 3, 4, 8),
      owner: fc.constantFrom("a", "b", "c", "d"),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((jobs: readonly OwnerJob[]) => ownerTrace(jobs));

/** Own machines as tight as they can be: the widest job, and sometimes one more. */
const tight = (trace: OwnerTrace, spare: number): readonly number[] =>
  ownerNeeds(trace).map(({ widest }, owner) => widest + ((owner + spare) % 2));

/** When each job of an owner ends on the owner's own machine, as shares/own-share.ts runs it. */
function ownEnds(trace: OwnerTrace, owner: number, capacity: number, lossS: number) {
  const endS = new Map<number, number>();
  const savedS = new Map<number, number>();
  const zeroS = new Map<number, number>();
  let nowS = 0;
  const share = new OwnShare(capacity, lossS, {
    grant(job) {
      const zero = nowS - resumedAt(savedS.get(job) ?? 0, lossS);
      zeroS.set(job, zero);
      endS.set(job, zero + trace.durationS[job]!);
    },
    withdraw: (job) => savedS.set(job, Math.max(savedS.get(job) ?? 0, nowS - zeroS.get(job)!)),
  });
  const jobs = [...jobsOf(trace, owner)];
  let arrived = 0;
  for (;;) {
    const arrivalS = arrived < jobs.length ? trace.submitS[jobs[arrived]!]! : Infinity;
    nowS = Math.min(arrivalS, share.nextEventS);
    if (nowS === Infinity) return endS;
    for (; arrived < jobs.length && trace.submitS[jobs[arrived]!]! <= nowS; arrived += 1) {
      share.submit(jobs[arrived]!, trace.gpus[jobs[arrived]!]!);
      share.learn(jobs[arrived]!, trace.durationS[jobs[arrived]!]!, nowS);
    }
    share.advance(nowS);
  }
}

/** First come first served with no backfilling at all, alone. */
function strictEnds(trace: OwnerTrace, owner: number, capacity: number): Map<number, number> {
  const endS = new Map<number, number>();
  const running: { readonly gpus: number; readonly endS: number }[] = [];
  let startS = 0;
  for (const job of jobsOf(trace, owner)) {
    startS = Math.max(startS, trace.submitS[job]!);
    const used = (atS: number) =>
      running.reduce((sum, other) => sum + (other.endS > atS ? other.gpus : 0), 0);
    const ends = running.map((other) => other.endS).sort((a, b) => a - b);
    for (const atS of [startS, ...ends]) {
      if (atS < startS || used(atS) + trace.gpus[job]! > capacity) continue;
      startS = atS;
      break;
    }
    endS.set(job, startS + trace.durationS[job]!);
    running.push({ gpus: trace.gpus[job]!, endS: startS + trace.durationS[job]! });
  }
  return endS;
}

test("whatever the others do, no job ends later than on its owner's own machine", () => {
  fc.assert(
    fc.property(mix, fc.constantFrom(0, 60), fc.constantFrom(0, 1), (trace, lossS, spare) => {
      const own = tight(trace, spare);
      const { endS } = pooled(trace, own, lossS);
      own.forEach((capacity, owner) => {
        const alone = ownEnds(trace, owner, capacity, lossS);
        for (const [job, aloneS] of alone) assert.ok(endS[job]! <= aloneS, `job ${job}`);
        assert.equal(alone.size, jobsOf(trace, owner).length);
      });
    }),
    { numRuns: 300 },
  );
});

test("no owner is worse off than alone, first come first served: not by a single job", () => {
  fc.assert(
    fc.property(mix, fc.constantFrom(0, 60), (trace, lossS) => {
      const own = tight(trace, 0);
      const { endS } = pooled(trace, own, lossS);
      own.forEach((capacity, owner) => {
        const alone = strictEnds(trace, owner, capacity);
        for (const [job, aloneS] of alone) assert.ok(endS[job]! <= aloneS, `job ${job}`);
      });
    }),
    { numRuns: 300 },
  );
});

test("nothing stands idle while a waiting job fits, and every job gets its whole run time", () => {
  fc.assert(
    fc.property(mix, fc.constantFrom(0, 60), (trace, lossS) => {
      const { idleHeldGpuH, waitS } = pooled(trace, tight(trace, 1), lossS);
      assert.equal(idleHeldGpuH, 0);
      assert.ok(waitS.every((wait) => wait >= 0));
    }),
    { numRuns: 100 },
  );
});

/** Heavy-tailed run times, owners of unequal size, arrivals spread or in common bursts. */
function chanceMix(seed: number): OwnerTrace {
  const chance = chanceOf(seed);
  const bursts = chance.hits(0.5);
  const jobs: OwnerJob[] = [];
  for (let owner = 0; owner < chance.whole(2, 8); owner += 1) {
    const widest = chance.pick([1, 4, 8, 16, 32]);
    for (let left = chance.whole(1, 120); left > 0; left -= 1) {
      const submitS = bursts
        ? chance.whole(0, 4) * 90_000 + chance.whole(0, 3_600)
        : chance.whole(0, 450_000);
      const durationS = Math.ceil(60 * 10 ** (chance.next() * 3.5));
      const gpus = Math.min(widest, 2 ** chance.whole(0, 5));
      jobs.push({ submitS, durationS, gpus, owner: `o${owner}` });
    }
  }
  return ownerTrace(jobs);
}

test("on heavy-tailed mixes no owner waits longer than alone with a backfill that foresees", () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const trace = chanceMix(seed);
    const own = ownerNeeds(trace).map(({ capacity }) => capacity);
    const aloneS = new Float64Array(trace.gpus.length);
    own.forEach((capacity, owner) => {
      const jobs = jobsOf(trace, owner);
      const startS = replayEasy(trace, jobs, capacity, "fcfs");
      jobs.forEach((job, at) => {
        aloneS[job] = startS[at]! - trace.submitS[job]!;
      });
    });
    const alone = reportWaits(trace, aloneS).ownerMeanH;
    const inPool = reportWaits(trace, pooled(trace, own, 60).waitS).ownerMeanH;
    assert.deepEqual(compareOwners(inPool, alone).worseOff, [], `seed ${seed}`);
  }
});

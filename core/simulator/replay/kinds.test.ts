// Tests of protocol B: arrivals, rounds, moves and the equal-share run by hand, and the promises of
// the policies on random jobs.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  byArrival,
  byGpuTimeLeft,
  byRelativeSpeed,
  byService,
  GuardedRounds,
  greedyPolicy,
  NO_KIND,
  type Round,
  type RoundPolicy,
} from "../../scheduler/rounds/index.ts";
import { chanceOf } from "../chance.ts";
import { type KindJob, speedKey } from "../traces/gavel.ts";
import { replayEqualShare } from "./equal-share.ts";
import { type KindTrace, kindTrace } from "./kinds-jobs.ts";
import { replayRounds } from "./rounds.ts";
import { reportRounds } from "./rounds-report.ts";

interface Given {
  readonly atS?: number;
  readonly gpus?: number;
  readonly steps: number;
  /** Steps a second by kind. */
  readonly speed: readonly number[];
}

function traceOf(count: readonly number[], jobs: readonly Given[]): KindTrace {
  return {
    kinds: count.map((each, kind) => ({ name: `k${kind}`, count: each })),
    arrivalS: Float64Array.from(jobs, ({ atS = 0 }) => atS),
    gpus: Int32Array.from(jobs, ({ gpus = 1 }) => gpus),
    totalSteps: Float64Array.from(jobs, ({ steps }) => steps),
    speed: Float64Array.from(jobs.flatMap(({ speed }) => speed)),
  };
}
function replay(trace: KindTrace, policy: RoundPolicy, moveCostS = 0) {
  return replayRounds(trace, { moveCostS, measured: [0, trace.gpus.length - 1] }, policy);
}

test("arrivals follow the gaps at a rate, and the file is read again when it ends", () => {
  const row = (jobType: string, unitGap: number): KindJob => ({
    ...{ jobType, gpus: 2, totalSteps: 10, arrivalS: 0, unitGap },
  });
  const speeds = new Map([[speedKey("fast", "a", 2), 3]]);
  const trace = kindTrace([row("a", 1), row("b", 0.5)], speeds, {
    ...{ kinds: [{ name: "fast", count: 4 }], count: 5, jobsPerHour: 2 },
  });
  assert.deepEqual([...trace.arrivalS], [0, 1_800, 2_700, 4_500, 5_400]);
  assert.deepEqual([...trace.speed], [3, 0, 3, 0, 3]);
});

test("a round ends with its longest job, and a job that ends early leaves its place idle", () => {
  // Two on two: the first ends at 100, the second at 400, the third must wait for round two.
  const trace = traceOf(
    [2],
    [100, 400, 10].map((steps) => ({ steps, speed: [1] })),
  );
  assert.deepEqual([...replay(trace, greedyPolicy(byArrival)).endS], [100, 400, 370]);
});

test("a job that cannot run anywhere free lets 360 s pass", () => {
  const nobody: RoundPolicy = {
    choose: ({ nowS, jobs }) => {
      if (nowS >= 720) jobs.kind[0] = 0;
    },
  };
  assert.deepEqual([...replay(traceOf([1], [{ steps: 10, speed: [1] }]), nobody).endS], [730]);
});

test("a move costs its seconds, a resumption on the same kind costs none, both are counted", () => {
  const plan = [0, NO_KIND, 0, 1];
  let round = 0;
  const policy: RoundPolicy = {
    choose: ({ jobs }) => {
      jobs.kind[0] = plan[Math.min(round, 3)]!;
      round += 1;
    },
  };
  const run = replay(traceOf([1, 1], [{ steps: 800, speed: [1, 1] }]), policy, 60);
  // 360 steps, a pause of 360 s, 360 steps, then 60 s for the move and the last 80 steps.
  assert.deepEqual([run.endS[0], run.moves, run.restarts], [1_080 + 60 + 80, 1, 2]);
});

test("a policy that gives an accelerator out twice is caught", () => {
  const twice: RoundPolicy = { choose: ({ jobs }) => jobs.kind.fill(0) };
  const trace = traceOf(
    [1],
    [
      { steps: 1, speed: [1] },
      { steps: 1, speed: [1] },
    ],
  );
  assert.throws(() => replay(trace, twice), /no more accelerators of a kind/);
});

test("least attained service goes to the job that has had least, not to the oldest", () => {
  const trace = traceOf(
    [1],
    [
      { steps: 720, speed: [1] },
      { atS: 360, steps: 360, speed: [1] },
    ],
  );
  assert.deepEqual([...replay(trace, greedyPolicy(byService)).endS], [1_080, 720]);
  assert.deepEqual([...replay(trace, greedyPolicy(byArrival)).endS], [720, 1_080]);
});

test("swaps give the kind to the job that gains most by it, and to none that cannot run", () => {
  // The first takes the fast kind, though it hardly gains by it; the second makes 36 steps
  // in the first round (360 s, since it is the longest) and the other 64 on the fast kind.
  const jobs = [
    { steps: 100, speed: [1, 0.9] },
    { steps: 100, speed: [1, 0.1] },
  ];
  const plain = replay(traceOf([1, 1], jobs), greedyPolicy(byArrival));
  assert.deepEqual([...plain.endS].map(Math.round), [100, 424]);
  const swapped = replay(traceOf([1, 1], jobs), greedyPolicy(byArrival, byRelativeSpeed));
  assert.deepEqual([...swapped.endS].map(Math.round), [111, 100]);
  const unable = [
    { steps: 100, speed: [1, 0] },
    { steps: 100, speed: [9, 1] },
  ];
  const kept = replay(
    traceOf([1, 1], unable),
    greedyPolicy(byArrival, () => 1),
  );
  assert.deepEqual([...kept.endS], [100, 100]);
});

test("shortest GPU-time counts the width of a job", () => {
  const jobs = [
    { gpus: 4, steps: 100, speed: [1] },
    { gpus: 1, steps: 300, speed: [1] },
  ];
  const trace = traceOf([4], jobs);
  const run = replay(trace, greedyPolicy(byGpuTimeLeft(trace.totalSteps)));
  assert.deepEqual([...run.endS], [400, 300]);
});

test("the equal-share run divides every kind by the number of active jobs", () => {
  // Alone: no more than one whole share, half of each kind. Two wide ones: half as fast each.
  const one = traceOf([1, 1], [{ steps: 30, speed: [2, 1] }]);
  assert.deepEqual([...replayEqualShare(one, 0)], [20]);
  const two = traceOf(
    [1, 1],
    [0, 0].map(() => ({ gpus: 2, steps: 30, speed: [2, 1] })),
  );
  assert.deepEqual([...replayEqualShare(two, 1)], [40, 40]);
  // Narrow beside wide: with n = 2 the narrow one still has its whole share until it ends at 20.
  const mixed = traceOf(
    [1, 1],
    [
      { steps: 30, speed: [2, 1] },
      { gpus: 2, steps: 30, speed: [2, 1] },
    ],
  );
  assert.deepEqual([...replayEqualShare(mixed, 1)], [20, 30]);
});

test("completion times, rho and unfinished jobs are those of the measured jobs", () => {
  const trace = traceOf(
    [1],
    [
      { steps: 360, speed: [1] },
      { steps: 3_600, speed: [1] },
    ],
  );
  const options = { moveCostS: 0, measured: [0, 1] as const, arrivalsMax: 2 };
  const stopped = replayRounds(trace, options, greedyPolicy(byArrival));
  const report = reportRounds(trace, stopped, [0, 1], Float64Array.of(720, 3_960));
  assert.equal(report.unfinished, 2);
  const whole = reportRounds(
    trace,
    replay(trace, greedyPolicy(byArrival)),
    [0, 1],
    Float64Array.of(720, 3_300),
  );
  assert.equal(whole.unfinished, 0);
  assert.equal(whole.meanH, (360 + 3_960) / 2 / 3_600);
  assert.equal(whole.rhoMax, 1.2);
  assert.equal(whole.rhoAbove1, 1);
});

/** Jobs of the benchmark's kind: few long ones, widths 1 to 8, other speeds on each kind. */
function mixOf(seed: number, jobs: number, gapS: number): KindTrace {
  const chance = chanceOf(seed);
  let atS = 0;
  return traceOf(
    [16, 16, 16],
    Array.from({ length: jobs }, () => {
      const seconds = 60 * 10 ** (chance.hits(0.8) ? 1 + chance.next() : 2 + chance.next());
      const speed = [
        1,
        0.2 + 0.8 * chance.next(),
        chance.hits(0.1) ? 0 : 0.1 + 0.6 * chance.next(),
      ];
      atS += -Math.log(1 - chance.next()) * gapS;
      return { atS, gpus: chance.pick([1, 1, 1, 1, 2, 4, 8]), steps: seconds, speed };
    }),
  );
}
const guardedFor = (trace: KindTrace) =>
  new GuardedRounds({ count: trace.kinds.map(({ count }) => count) });

test("the default policy starves nobody and keeps rho near 1.5, overloaded as well", () => {
  // All four bring more than the pool can do (about one job in 580 s), until arrivals stop.
  const mixes = [
    [1, 450],
    [2, 450],
    [3, 350],
    [4, 350],
  ] as const;
  for (const [seed, gapS] of mixes) {
    const trace = mixOf(seed, 400, gapS);
    const run = replay(trace, guardedFor(trace));
    const report = reportRounds(trace, run, [0, 399], replayEqualShare(trace, 399));
    assert.equal(report.unfinished, 0);
    assert.ok(report.rhoMax <= 2, `seed ${seed}: rho ${report.rhoMax}`);
    const las = replay(trace, greedyPolicy(byService, byRelativeSpeed));
    const other = reportRounds(trace, las, [0, 399], replayEqualShare(trace, 399));
    assert.ok(report.maxH <= other.maxH, `seed ${seed}: ${report.maxH} ${other.maxH}`);
  }
});

test("no round leaves accelerators idle that a waiting job could use", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
      const trace = mixOf(seed, 60, 150);
      const policy = guardedFor(trace);
      const checked: RoundPolicy = {
        arrived: (job, nowS, jobs) => policy.arrived(job, nowS, jobs),
        ended: (job, nowS, jobs) => policy.ended(job, nowS, jobs),
        choose(round) {
          policy.choose(round);
          assert.deepEqual(wasted(round), []);
        },
      };
      replay(trace, checked);
    }),
    { numRuns: 25 },
  );
});

/** Waiting jobs that would fit on a kind that they can run on. */
function wasted({ active, jobs, kinds }: Round): number[] {
  const free = [...kinds.count];
  for (const job of active) {
    const kind = jobs.kind[job]!;
    if (kind === NO_KIND) continue;
    free[kind]! -= jobs.gpus[job]!;
    assert.ok(jobs.speed[job * free.length + kind]! > 0, "nobody sits where it cannot run");
  }
  return active.filter(
    (job) =>
      jobs.kind[job] === NO_KIND &&
      free.some(
        (left, kind) => left >= jobs.gpus[job]! && jobs.speed[job * free.length + kind]! > 0,
      ),
  );
}

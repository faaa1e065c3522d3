// Tests of the pieces of rounds/: exchanges never lose, the equal-share clock counts, and the
// default policy's promises by hand. Whole replays are tested in simulator/replay.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EqualClock } from "./equal-clock.ts";
import { exchangeKinds } from "./exchange.ts";
import { chooseGreedily } from "./greedy.ts";
import { GuardedRounds } from "./guarded.ts";
import { NO_KIND, type RoundJobs } from "./types.ts";

interface Given {
  readonly gpus: number;
  readonly speed: readonly number[];
  readonly arrivalS?: number;
  readonly serviceGpuS?: number;
  readonly doneSteps?: number;
}
const jobsOf = (given: readonly Given[]): RoundJobs => ({
  gpus: Int32Array.from(given, ({ gpus }) => gpus),
  speed: Float64Array.from(given.flatMap(({ speed }) => speed)),
  bestSpeed: Float64Array.from(given, ({ speed }) => Math.max(...speed)),
  arrivalS: Float64Array.from(given, ({ arrivalS = 0 }) => arrivalS),
  serviceGpuS: Float64Array.from(given, ({ serviceGpuS = 0 }) => serviceGpuS),
  doneSteps: Float64Array.from(given, ({ doneSteps = 0 }) => doneSteps),
  lastKind: new Int8Array(given.length).fill(NO_KIND),
  kind: new Int8Array(given.length).fill(NO_KIND),
});
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

const givenJob = fc.record({
  gpus: fc.constantFrom(1, 1, 2, 4),
  speed: fc.array(fc.constantFrom(0, 0.1, 0.3, 0.5, 1), { minLength: 3, maxLength: 3 }),
});

test("exchanges never lose value, stay within what there is, and stop nobody", () => {
  fc.assert(
    fc.property(fc.array(givenJob, { minLength: 1, maxLength: 20 }), (given) => {
      const jobs = jobsOf(given);
      const count = [4, 5, 6];
      const active = numbers(given.length);
      const free = [...count];
      const round = { nowS: 0, active, jobs, kinds: { count } };
      const chosen = chooseGreedily(round, active, free);
      const value = Float64Array.from(chosen.flatMap((job) => given[job]!.speed));
      const total = () =>
        chosen.reduce((sum, job, at) => sum + value[at * 3 + jobs.kind[job]!]!, 0);
      const before = total();
      exchangeKinds({ jobs, chosen, free, value });
      assert.ok(total() >= before - 1e-12);
      const used = [0, 0, 0];
      for (const job of chosen) {
        assert.ok(given[job]!.speed[jobs.kind[job]!]! > 0);
        used[jobs.kind[job]!]! += given[job]!.gpus;
      }
      assert.deepEqual(
        used.map((each, kind) => each + free[kind]!),
        count,
      );
      assert.ok(free.every((left) => left >= 0));
    }),
  );
});

test("one wide job trades places with several narrow ones", () => {
  const narrow = { gpus: 1, speed: [1, 0.9] };
  const jobs = jobsOf([narrow, narrow, { gpus: 2, speed: [1, 0.2] }]);
  jobs.kind.set([0, 0, 1]);
  const value = Float64Array.of(1, 0.9, 1, 0.9, 1, 0.2);
  exchangeKinds({ jobs, chosen: [0, 1, 2], free: [0, 0], value });
  assert.deepEqual([...jobs.kind], [1, 1, 0]);
});

test("an equal share of n active jobs is an n-th, and of one job never more than it asks", () => {
  const jobs = jobsOf([
    { gpus: 1, speed: [2, 1] },
    { gpus: 2, speed: [2, 1], arrivalS: 10 },
  ]);
  const clock = new EqualClock({ count: [1, 1] });
  clock.arrived(0, jobs);
  clock.arrived(1, jobs);
  clock.advance(20);
  // The first alone: half of each kind, 1.5 steps a second. Two jobs: the wide one half of that.
  assert.equal(clock.stepsOf(0, jobs), 30);
  assert.equal(clock.stepsOf(1, jobs), 7.5);
  jobs.doneSteps[0] = 30;
  clock.ended(0, jobs);
  clock.advance(30);
  // Alone, and two wide, on two accelerators: one and a half steps a second.
  assert.equal(clock.stepsOf(1, jobs), 7.5 + 15);
});

test("a job that is far behind its equal share goes before jobs with less service", () => {
  const policy = new GuardedRounds({ count: [1] });
  const jobs = jobsOf([
    { gpus: 1, speed: [1], serviceGpuS: 5_000, doneSteps: 100 },
    { gpus: 1, speed: [1], serviceGpuS: 0, arrivalS: 3_600 },
  ]);
  policy.arrived(0, 0, jobs);
  policy.arrived(1, 3_600, jobs);
  policy.choose({ nowS: 3_600, active: [0, 1], jobs, kinds: { count: [1] } });
  assert.deepEqual([...jobs.kind], [0, NO_KIND]);
});

test("a job that has had its equal share gives way to one with less service", () => {
  const policy = new GuardedRounds({ count: [1] });
  const jobs = jobsOf([
    { gpus: 1, speed: [1], serviceGpuS: 3_600, doneSteps: 3_600 },
    { gpus: 1, speed: [1], serviceGpuS: 0, arrivalS: 3_600 },
  ]);
  policy.arrived(0, 0, jobs);
  policy.arrived(1, 3_600, jobs);
  policy.choose({ nowS: 3_600, active: [0, 1], jobs, kinds: { count: [1] } });
  assert.deepEqual([...jobs.kind], [NO_KIND, 0]);
});

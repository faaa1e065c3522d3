// Tests of learned run times: what a history says, what a strange one cannot do.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chanceOf } from "../../pool/index.ts";
import { ESTIMATES } from "./bounds.ts";
import { type EndedRun, learnRun, type RunHistory, seriesOf } from "./history.ts";
import { RunTimes } from "./run-times.ts";
import { quantileOf, spreadOf } from "./spread.ts";

const HOUR_MS = 3_600_000;
const job = { project: "lab", user: "eva", name: "train-17" };
const timed = { ...job, walltimeMs: 10 * HOUR_MS };

const learned = (runs: readonly Partial<EndedRun>[]): RunHistory => {
  const history: RunHistory = new Map();
  for (const run of runs) {
    learnRun(history, { job, ranMs: 1, walltimeMs: 10 * HOUR_MS, outcome: "completed", ...run });
  }
  return history;
};

const times = (runs: readonly Partial<EndedRun>[]): RunTimes => new RunTimes(learned(runs));

test("without a history the limit is what may be counted on", () => {
  const estimate = new RunTimes().estimate(timed);
  assert.deepEqual(estimate, {
    earlyMs: HOUR_MS,
    likelyMs: 5 * HOUR_MS,
    lateMs: timed.walltimeMs,
  });
});

test("jobs that differ by numbers only are one job, and other users' are not", () => {
  const other = { ...job, name: "train-18" };
  assert.deepEqual(seriesOf(job), seriesOf(other));
  assert.notEqual(seriesOf(job)[0], seriesOf({ ...job, user: "max" })[0]);
  assert.notEqual(seriesOf(job)[0], seriesOf({ ...job, name: "test-18" })[0]);
});

test("nine equal weights give the first and the last of nine as early and late", () => {
  const nine = [5, 1, 9, 3, 7, 2, 8, 4, 6].map((hours) => ({ ranMs: hours * HOUR_MS }));
  const estimate = times(nine).estimate(timed);
  assert.ok(Math.abs(estimate.earlyMs - HOUR_MS) < 5, `${estimate.earlyMs}`);
  assert.ok(Math.abs(estimate.likelyMs - 5 * HOUR_MS) < 5);
  assert.ok(Math.abs(estimate.lateMs - 9 * HOUR_MS) < 5);
});

test("with two runs of its own a job's late comes from its user, and is not below its own", () => {
  const own = [{ ranMs: HOUR_MS }, { ranMs: 2 * HOUR_MS }];
  const others = Array.from({ length: 30 }, (_, i) => ({
    job: { ...job, name: "other" },
    ranMs: (i + 1) * 60_000,
  }));
  const estimate = times([...others, ...own]).estimate(timed);
  assert.ok(Math.abs(estimate.likelyMs - 1.5 * HOUR_MS) < 5);
  // The user's runs are over after 30 minutes nearly always; these have shown that they are not.
  assert.ok(estimate.lateMs >= 2 * HOUR_MS, `${estimate.lateMs}`);
  const twins = times([...others, ...own]).estimate({ ...timed, name: "third" });
  assert.ok(twins.lateMs < HOUR_MS, "a new name is told by its user's other jobs");
});

test("a preempted run counts as longer than it ran, a cancelled one too", () => {
  const whole = Array.from({ length: 8 }, () => ({ ranMs: HOUR_MS }));
  for (const outcome of ["preempted", "cancelled", "timeout"] as const) {
    const stopped = times([...whole, { ranMs: 2 * HOUR_MS, outcome }]).estimate(timed);
    assert.equal(stopped.likelyMs, HOUR_MS);
    assert.equal(stopped.lateMs, timed.walltimeMs, "one in nine runs on: nobody knows how long");
  }
  const many = [...whole, ...whole];
  const early = times([...many, { ranMs: 60_000, outcome: "preempted" }]).estimate(timed);
  assert.equal(early.earlyMs, HOUR_MS, "it does not say that runs last a minute");
});

test("a run that goes on is told by those that took longer than it has by now", () => {
  const runs = Array.from({ length: 20 }, (_, i) => ({ ranMs: (i < 10 ? 1 : 4) * HOUR_MS }));
  const all = times(runs);
  assert.equal(all.estimate(timed, 2 * HOUR_MS).likelyMs, 4 * HOUR_MS);
  const outlived = all.estimate(timed, 5 * HOUR_MS);
  assert.equal(outlived.lateMs, timed.walltimeMs, "longer than any: only the limit is sure");
  assert.ok(outlived.earlyMs >= 5 * HOUR_MS);
});

test("series and their lengths are bounded, and the one not touched for longest goes", () => {
  const history: RunHistory = new Map();
  const run = { ranMs: 5, walltimeMs: 10, outcome: "completed" as const };
  for (let i = 0; i < ESTIMATES.SERIES_MAX; i += 1) {
    const name = `${"abcdefghij"[i % 10]}`.repeat(1 + (Math.floor(i / 10) % 40));
    learnRun(history, { job: { ...job, user: `u${i}`, name }, ...run });
  }
  assert.equal(history.size, ESTIMATES.SERIES_MAX);
  assert.ok(!history.has(seriesOf({ ...job, user: "u0", name: "a" })[0]!));
  assert.ok(history.has("lab") && history.has(""), "what is touched each time stays");
  assert.equal(history.get("")!.samples.length, ESTIMATES.SAMPLES_OF_MANY);
});

const absurd = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e300, Number.MIN_VALUE),
);
const outcome = fc.constantFrom(
  ...(["completed", "failed", "preempted", "timeout", "lost", "refused", "released"] as const),
);

test("whatever the history holds, estimates are in order and within the time limit", () => {
  const run = fc.record({ ranMs: absurd, walltimeMs: absurd, outcome });
  const check = fc.property(
    fc.array(run, { maxLength: 60 }),
    fc.integer({ min: 1, max: 1e9 }),
    fc.nat(1e9),
    (runs, walltimeMs, ranMs) => {
      const ran = Math.min(ranMs, walltimeMs);
      const { earlyMs, likelyMs, lateMs } = times(runs).estimate({ ...timed, walltimeMs }, ran);
      assert.ok(earlyMs >= ran && earlyMs <= likelyMs && likelyMs <= lateMs, `${lateMs}`);
      assert.ok(lateMs <= walltimeMs);
    },
  );
  fc.assert(check, { numRuns: 500, seed: 7 });
});

test("a few absurd runs among many do not move what is likely", () => {
  const check = fc.property(fc.array(absurd, { maxLength: 4 }), (strange) => {
    const sane = Array.from({ length: 28 }, (_, i) => ({ ranMs: HOUR_MS + i * 60_000 }));
    const mixed = [...sane, ...strange.map((ranMs) => ({ ranMs }))];
    const { likelyMs } = times(mixed).estimate(timed);
    assert.ok(likelyMs >= HOUR_MS && likelyMs <= 1.5 * HOUR_MS, `${likelyMs}`);
  });
  fc.assert(check, { numRuns: 200, seed: 8 });
});

test("a new run falls between early and late of the runs before it four times in five", () => {
  const chance = chanceOf(11);
  const draw = (): number => Math.round(Math.exp(chance.next() * 6) * 60_000);
  let within = 0;
  const rounds = 4_000;
  for (let round = 0; round < rounds; round += 1) {
    const history = Array.from({ length: 9 + (round % 24) }, () => ({ ranMs: draw() }));
    const { earlyMs, lateMs } = times(history).estimate(timed);
    const next = draw();
    if (next >= earlyMs && next <= lateMs) within += 1;
  }
  const share = within / rounds;
  assert.ok(share > 0.77 && share < 0.83, `${share}`);
});

test("with a third of the runs cut off the middle stays where it is", () => {
  const chance = chanceOf(5);
  const samples = Array.from({ length: 2_000 }, () => {
    const takes = 1 + chance.next() * 1_000;
    const cutAt = 1 + chance.next() * 2_000;
    return takes <= cutAt ? takes : -cutAt;
  });
  const found = quantileOf(spreadOf(samples), 0.5, -1);
  assert.ok(found.at === "value" && Math.abs(found.value - 500) < 40, JSON.stringify(found));
});

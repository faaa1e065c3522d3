// Tests of start intervals: on counted devices by hand, and asked of a real pass.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snapshotArbitrary } from "../arbitraries.testing.ts";
import { explain } from "../explain.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { learnRun, type RunHistory } from "./history.ts";
import { RunTimes } from "./run-times.ts";
import { type CountedJob, type CountedQueue, startInterval } from "./starts.ts";

const walltimeMs = 10 * HOUR_MS;
const key = { project: "lab", user: "eva", name: "job" };

/** Runs of one to nine hours, each as likely. */
function learned(): RunHistory {
  const history: RunHistory = new Map();
  for (let i = 0; i < 27; i += 1) {
    const ranMs = (1 + (i % 9)) * HOUR_MS;
    learnRun(history, { job: key, ranMs, walltimeMs, outcome: "completed" });
  }
  return history;
}

const counted = (devices: number): CountedJob => ({
  ...{ devices, run: { ...key, walltimeMs }, startedAtMs: 0, endsAtMs: walltimeMs },
  sites: [0],
});

function asked(queue: Partial<CountedQueue>) {
  const sites = [{ capacity: 4, running: [counted(4)] }];
  const steps = startInterval(
    { nowMs: 0, sites, ahead: [], further: [], job: counted(1), ...queue },
    new RunTimes(learned()),
  );
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

test("behind one run the interval is that of what it has left", () => {
  const [early, likely, late] = asked({})!;
  assert.ok(early >= HOUR_MS && early <= 3 * HOUR_MS, `${early}`);
  assert.ok(likely >= 4 * HOUR_MS && likely <= 6 * HOUR_MS, `${likely}`);
  assert.ok(late >= 7 * HOUR_MS && late <= 9 * HOUR_MS, `${late}`);
});

test("each job ahead moves it on, and what fits beside them does not wait for them", () => {
  const alone = asked({})!;
  const behind = asked({ ahead: [counted(4), counted(4)] })!;
  assert.ok(behind[1] > alone[1] + 5 * HOUR_MS, `${behind[1]}`);
  const far = asked({ ahead: [counted(4)], further: [{ job: counted(4), count: 10 }] })!;
  assert.ok(far[1] > 40 * HOUR_MS, `${far[1]}`);
  const sites = [{ capacity: 4, running: [counted(3)] }];
  assert.deepEqual(asked({ sites, ahead: [] }), [0, 0, 0]);
  assert.equal(asked({ job: counted(5) }), undefined, "five of four devices never come");
});

test("a lease of which only the end is known ends then; the same question has one answer", () => {
  const running = [{ devices: 4, startedAtMs: 0, endsAtMs: 7_000 }];
  assert.deepEqual(asked({ sites: [{ capacity: 4, running }] }), [7_000, 7_000, 7_000]);
  assert.deepEqual(asked({ ahead: [counted(2)] }), asked({ ahead: [counted(2)] }));
});

test("an explanation tells early, likely and late of a job that waits", () => {
  const asks = spec({ accelerators: 1 }, { walltimeMs });
  const placements = [{ node: "a", acceleratorIds: ["gpu0"], milliCpu: 0, memoryMiB: 0 }];
  const leases = [running("L1", { spec: asks, placements, endsAtMs: walltimeMs })];
  const input = snapshot({
    nodes: occupied([node("a", 1)], leases),
    ...{ running: leases, runTimes: learned() },
    waiting: [waiting("1", asks), waiting("2", asks)],
  });
  const [first, second] = ["1", "2"].map((jobId) => explain(input, jobId)?.startIntervalMs);
  assert.ok(first![0] >= HOUR_MS && first![2] <= 9 * HOUR_MS, `${first}`);
  assert.ok(first![2] - first![0] > 4 * HOUR_MS);
  assert.ok(second![1] > first![1] + 2 * HOUR_MS, `${second}`);
});

test("intervals are in order and begin no earlier than now, whatever the pool", () => {
  let told = 0;
  const check = fc.property(snapshotArbitrary, (input) => {
    for (const { jobId } of input.waiting) {
      const interval = explain({ ...input, runTimes: learned() }, jobId)?.startIntervalMs;
      if (interval === undefined) continue;
      told += 1;
      const [early, likely, late] = interval;
      assert.ok(input.nowMs <= early && early <= likely && likely <= late, `${interval}`);
      assert.ok(interval.every(Number.isSafeInteger));
    }
  });
  fc.assert(check, { numRuns: 60, seed: 9 });
  assert.ok(told > 20, `${told}`);
});

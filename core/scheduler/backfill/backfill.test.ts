// Tests of reservations: overtaking is fine, delaying is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { NodeView, RunningView, WaitingView } from "../types.ts";

const gpus = (name: string, ...ids: readonly number[]) => ({
  node: name,
  acceleratorIds: ids.map((id) => `gpu${id}`),
  milliCpu: 0,
  memoryMiB: 0,
});

test("a short job overtakes, one that would delay the first blocked job does not", () => {
  const leases = [running("L1", { placements: [gpus("a", 0, 1)], endsAtMs: HOUR_MS })];
  const big = waiting("1", spec({ accelerators: 4 }, { priority: 9 }));
  const short = waiting("2", spec({ accelerators: 1 }, { walltimeMs: HOUR_MS }));
  const long = waiting("3", spec({ accelerators: 1 }, { walltimeMs: HOUR_MS + 1 }));
  const nodes = occupied([node("a", 4)], leases);
  const { starts, waits } = plan(snapshot({ nodes, running: leases, waiting: [big, short, long] }));
  assert.deepEqual(
    starts.map(({ jobId }) => jobId),
    ["2"],
  );
  assert.match(starts[0]!.reason, /backfilled without delay for job 1/);
  const [first, second] = waits;
  assert.equal(first?.startEstimateMs, HOUR_MS);
  assert.deepEqual(second?.reasons, [{ code: "RESERVED_FOR", text: "kept for job 1", nodes: 1 }]);
});

test("a long job may use what the reservation leaves", () => {
  const leases = [running("L1", { placements: [gpus("a", 0)], endsAtMs: HOUR_MS })];
  const big = waiting("1", spec({ accelerators: 3 }, { priority: 9, count: 1 }));
  const long = waiting("2", spec({ accelerators: 1 }, { walltimeMs: 9 * HOUR_MS }));
  const nodes = occupied([node("a", 3), node("b", 1)], leases);
  const { starts } = plan(snapshot({ nodes, running: leases, waiting: [big, long] }));
  assert.deepEqual(
    starts.map(({ jobId, placements }) => [jobId, placements[0]!.node]),
    [["2", "b"]],
  );
});

test("a job that can never start here does not hold the reservation", () => {
  const leases = [running("L1", { placements: [gpus("a", 0, 1)], endsAtMs: HOUR_MS })];
  const away = waiting("1", spec({ accelerators: 9 }, { priority: 9 }));
  const big = waiting("2", spec({ accelerators: 4 }, { priority: 8 }));
  const long = waiting("3", spec({ accelerators: 1 }, { walltimeMs: 9 * HOUR_MS }));
  const nodes = occupied([node("a", 4)], leases);
  const { starts, waits } = plan(snapshot({ nodes, running: leases, waiting: [away, big, long] }));
  assert.equal(starts.length, 0);
  assert.deepEqual(
    waits.map(({ startEstimateMs }) => startEstimateMs),
    [undefined, HOUR_MS, 2 * HOUR_MS],
  );
});

test("jobs that run beside a reservation share what it leaves of the processors", () => {
  const leases = [running("L1", { placements: [gpus("a", 0, 1, 2)], endsAtMs: HOUR_MS })];
  const big = waiting("1", spec({ accelerators: 4, milliCpu: 4_000 }, { priority: 9 }));
  const long = ["2", "3"].map((jobId) =>
    waiting(jobId, spec({ milliCpu: 3_000 }, { walltimeMs: 9 * HOUR_MS })),
  );
  const nodes = occupied([node("a", 4)], leases);
  const { starts } = plan(snapshot({ nodes, running: leases, waiting: [big, ...long] }));
  // 8 cores less 4 that are reserved: the second 3 would delay job 1.
  assert.deepEqual(
    starts.map(({ jobId }) => jobId),
    ["2"],
  );
});

test("a reservation counts on the ends of jobs that start in the same pass", () => {
  const first = waiting("1", spec({ accelerators: 2 }, { priority: 9, walltimeMs: 7 }));
  const next = waiting("2", spec({ accelerators: 2 }));
  const { waits } = plan(snapshot({ nodes: [node("a", 2)], waiting: [first, next] }));
  assert.equal(waits[0]?.startEstimateMs, 7);
});

const small = fc.record({
  accelerators: fc.integer({ min: 0, max: 3 }),
  milliCpu: fc.constantFrom(0, 1_000, 4_000, 8_000),
  count: fc.integer({ min: 1, max: 3 }),
  walltimeMs: fc.integer({ min: 1, max: 50 }),
});
const world = fc.record({
  sites: fc.array(fc.record({ site: fc.nat(1), gpus: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  before: fc.array(small, { maxLength: 8 }),
  big: small,
  arriving: fc.array(small, { maxLength: 30 }),
});

test("with exact time limits the first blocked job starts no later than was promised", () => {
  let blocked = 0;
  const check = fc.property(world, ({ sites, before, big, arriving }) => {
    const nodes = sites.map(({ site, gpus: many }, i) =>
      node(`n${i}`, many, { siteId: `s${site}` }),
    );
    const make = (drawn: typeof big, jobId: string, priority: number): WaitingView => {
      const { count, walltimeMs, ...resources } = drawn;
      return waiting(jobId, spec(resources, { count, walltimeMs, priority }));
    };
    let leases = startNow(
      0,
      nodes,
      [],
      before.map((job, i) => make(job, `b${i}`, 0)),
    ).leases;
    const first = make(big, "big", 1_000);
    let promisedMs: number | undefined;
    let waitingJobs: readonly WaitingView[] = [first];
    for (let nowMs = 1; nowMs < 500; nowMs += 1) {
      leases = leases.filter(({ endsAtMs }) => endsAtMs > nowMs);
      const arrival = arriving[nowMs - 1];
      if (arrival !== undefined) {
        waitingJobs = waitingJobs.concat(make(arrival, `${nowMs}`, 0));
      }
      const step = startNow(nowMs, nodes, leases, waitingJobs);
      leases = step.leases;
      waitingJobs = waitingJobs.filter(({ jobId }) => !step.started.has(jobId));
      if (step.started.has("big")) {
        assert.ok(promisedMs === undefined || nowMs <= promisedMs, `${nowMs} > ${promisedMs}`);
        return;
      }
      const estimate = step.estimateOf("big");
      if (estimate === undefined) return; // It fits nowhere: nothing was promised.
      assert.ok(promisedMs === undefined || estimate <= promisedMs);
      if (promisedMs === undefined) blocked += 1;
      promisedMs = Math.min(estimate, promisedMs ?? Infinity);
    }
    assert.fail("the first blocked job never started");
  });
  fc.assert(check, { numRuns: 300, seed: 4 });
  assert.ok(blocked > 50, `the sample blocks jobs: ${blocked}`);
});

function startNow(
  nowMs: number,
  nodes: readonly NodeView[],
  leases: readonly RunningView[],
  jobs: readonly WaitingView[],
) {
  const input = { nowMs, nodes: occupied(nodes, leases), running: leases, waiting: jobs };
  const { starts, waits } = plan(snapshot(input));
  const added = starts.map(({ jobId, siteId, placements }) => {
    const { walltimeMs } = jobs.find((job) => job.jobId === jobId)!.spec;
    const endsAtMs = nowMs + walltimeMs;
    return running(`L-${jobId}`, { jobId, siteId, placements, startedAtMs: nowMs, endsAtMs });
  });
  return {
    leases: [...leases, ...added],
    started: new Set(starts.map(({ jobId }) => jobId)),
    estimateOf: (jobId: string) => waits.find((wait) => wait.jobId === jobId)?.startEstimateMs,
  };
}

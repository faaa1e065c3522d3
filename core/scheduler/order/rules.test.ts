// Tests of ageing and deadlines in the order of the queue, and that nobody starves.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AGEING_DEFAULT, type Ageing } from "../../pool/index.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan, runPass } from "../plan.ts";
import type { ProjectView, RunningView, WaitingLine, WaitingView } from "../types.ts";
import { classOf } from "./rules.ts";

const DAY_MS = 24 * HOUR_MS;
const project = (name: string, usage = 0): ProjectView => ({
  ...{ name, usage, parent: null, shares: 1 },
});
const job = (jobId: string, change: object, submittedAtMs = 0): WaitingView =>
  waiting(jobId, spec({ accelerators: 1 }, change), { submittedAtMs });
const orderAt = (nowMs: number, jobs: readonly WaitingView[], ageing?: Ageing | null) =>
  runPass(
    snapshot({
      ...{ nowMs, waiting: jobs, nodes: [node("a", 64)] },
      projects: [project("lab"), project("firm", 1e9)],
      ...(ageing === undefined ? {} : { ageing }),
    }),
  ).order;

test("waiting carries a job into the next priority that somebody asked for, not beyond", () => {
  const rules = { nowMs: 150 * HOUR_MS, ageing: AGEING_DEFAULT };
  assert.equal(classOf(0, 0, [0, 100, 200], rules), 100);
  assert.equal(classOf(0, 0, [0, 160], rules), 0);
  assert.equal(classOf(200, 0, [0, 100, 200], rules), 200);
  assert.equal(classOf(0, 0, [0, 100], { ...rules, ageing: null }), 0);
  assert.equal(classOf(0, -9_999 * DAY_MS, [0, 1_000], rules), 1_000);
});

test("a job that waited for days passes a higher priority, and none without ageing", () => {
  const low = job("1", { priority: 0 });
  const high = job("2", { priority: 50 }, 3 * DAY_MS);
  assert.deepEqual(orderAt(3 * DAY_MS, [low, high]), ["1", "2"]);
  assert.deepEqual(orderAt(2 * DAY_MS, [low, high]), ["2", "1"]);
  assert.deepEqual(orderAt(3 * DAY_MS, [low, high], null), ["2", "1"]);
});

test("the reason of a start tells what waiting has added", () => {
  const nowMs = 3 * DAY_MS;
  const jobs = [job("1", { priority: 7 }), job("2", {}, nowMs)];
  const { starts } = plan(snapshot({ nowMs, waiting: jobs, nodes: [node("a", 2)] }));
  assert.match(starts[0]!.reason, /priority 7 and 72 points for waiting, project lab/);
  assert.match(starts[1]!.reason, /priority 0, project lab/);
});

test("among equal priorities a long wait does not break fair share", () => {
  const heavy = job("1", { project: "firm" });
  const light = job("2", { project: "lab" }, 9 * DAY_MS);
  assert.deepEqual(orderAt(9 * DAY_MS, [heavy, light]), ["2", "1"]);
});

test("a line falls back to its class when its first jobs were the old ones", () => {
  const old = [0, 1].map((i) => job(`1_${i}`, { priority: 0 }));
  const young = [2, 3].map((i) => job(`1_${i}`, { priority: 0 }, 9 * DAY_MS));
  const row = [...old, ...young];
  const line: WaitingLine = {
    ...{ priority: 0, project: "lab", count: 4 },
    jobs: () => row.values(),
  };
  const high = job("2", { priority: 100 }, 9 * DAY_MS);
  const { order } = runPass(
    snapshot({ nowMs: 9 * DAY_MS, waiting: [high], lines: [line], nodes: [node("a", 8)] }),
  );
  assert.deepEqual(order, ["1_0", "1_1", "2", "1_2", "1_3"]);
});

test("a deadline moves a job ahead only when it is near, and only in its project", () => {
  const due = (atMs: number) => ({ deadline: { atMs } });
  const early = job("1", {});
  const far = job("2", due(9 * HOUR_MS), 1);
  const near = job("3", due(2 * HOUR_MS), 2);
  const nearest = job("4", due(1.5 * HOUR_MS), 3);
  assert.deepEqual(orderAt(10, [early, near, nearest]), ["4", "3", "1"]);
  assert.deepEqual(orderAt(10, [early, far]), ["1", "2"], "there is time");
  const other = job("5", { project: "firm", ...due(2 * HOUR_MS) });
  assert.deepEqual(orderAt(10, [early, other]), ["1", "5"], "share goes before deadlines");
});

test("equal requests go by their deadlines among themselves, far or near", () => {
  const due = (days: number) => ({ deadline: { atMs: days * DAY_MS } });
  const jobs = [job("1", due(9)), job("2", due(8), 1), job("3", {}, 0), job("4", due(7), 2)];
  assert.deepEqual(
    orderAt(10, jobs).filter((id) => id !== "3"),
    ["4", "2", "1"],
  );
});

interface Drawn {
  readonly gapMs: number;
  readonly priority: number;
  readonly project: string;
  readonly accelerators: number;
  readonly ranMs: number;
}

const LIMIT_MS = 2 * HOUR_MS;

/** Lets a stream of jobs through a pool of four devices until job `watched` starts, or for weeks.
 * Answers with its wait, and with the work of the jobs that waited when it came. */
function waitOf(watched: number, stream: readonly Drawn[], ageing: Ageing | null) {
  const used = new Map<string, number>();
  let [nowMs, next, comesMs, earlierMs] = [0, 0, 0, 0];
  let queue: WaitingView[] = [];
  let leases: RunningView[] = [];
  for (;;) {
    for (; next < stream.length && comesMs <= nowMs; next += 1) {
      const { accelerators, priority, project: name, gapMs } = stream[next]!;
      if (next === watched) {
        for (const { jobId } of queue) earlierMs += stream[Number(jobId)]!.ranMs + LIMIT_MS;
      }
      const asked = spec({ accelerators }, { priority, project: name, walltimeMs: LIMIT_MS });
      queue.push(waiting(`${next}`, asked, { submittedAtMs: comesMs }));
      comesMs += gapMs;
    }
    assert.ok(next < stream.length, "the stream does not end before the job has started");
    const projects = ["lab", "firm"].map((name) => project(name, used.get(name) ?? 0));
    const { starts } = plan(
      snapshot({
        ...{ nowMs, projects, running: leases, waiting: queue, ageing },
        nodes: occupied([node("a", 4)], leases),
      }),
    );
    for (const { jobId, placements } of starts) {
      const { ranMs, project: name, accelerators } = stream[Number(jobId)]!;
      const { submittedAtMs } = queue.find((one) => one.jobId === jobId)!;
      if (Number(jobId) === watched) return { waitMs: nowMs - submittedAtMs, earlierMs };
      used.set(name, (used.get(name) ?? 0) + ranMs * accelerators);
      const endsAtMs = nowMs + ranMs;
      const change = { project: name, placements, startedAtMs: nowMs, endsAtMs };
      leases.push(running(jobId, { ...change, endsAtMs: nowMs + LIMIT_MS }));
      ends.set(jobId, endsAtMs);
    }
    const gone = new Set(starts.map(({ jobId }) => jobId));
    queue = queue.filter(({ jobId }) => !gone.has(jobId));
    if (queue.length > QUEUE_MAX) return { waitMs: Infinity, earlierMs };
    nowMs = Math.max(nowMs + 1, Math.min(comesMs, ...leases.map((one) => endOf(one))));
    leases = leases.filter((one) => endOf(one) > nowMs);
  }
}

/** So many wait that the watched one is taken for starved. */
const QUEUE_MAX = 150;
const ends = new Map<string, number>();
const endOf = ({ leaseId }: RunningView): number => ends.get(leaseId)!;

test("nobody starves: in an endless flood of more important work each job starts in time", () => {
  // A point each minute, and priorities up to 60: after an hour a job is in the highest class.
  const ageing: Ageing = { pointMs: 60_000, pointsMax: 60 };
  const drawn = (priority: fc.Arbitrary<number>, gapMs: number, projects: readonly string[]) =>
    fc.record({
      gapMs: fc.integer({ min: 1, max: gapMs }),
      priority,
      project: fc.constantFrom(...projects),
      accelerators: fc.integer({ min: 1, max: 4 }),
      ranMs: fc.integer({ min: 600_000, max: LIMIT_MS }),
    });
  let starved = 0;
  for (const [projects, turns] of [
    [["lab"], 1],
    [["lab", "firm"], 2],
  ] as const) {
    const before = fc.array(drawn(fc.constantFrom(0, 20, 60), HOUR_MS, projects), { maxLength: 8 });
    const one = drawn(fc.constantFrom(0, 20), 1, projects);
    // Four times as much as the pool can do.
    const flood = fc.array(drawn(fc.constantFrom(30, 60), HOUR_MS / 4, projects), {
      ...{ minLength: 400, maxLength: 400 },
    });
    const check = fc.property(before, one, flood, (some, watched, after) => {
      const stream = [...some, watched, ...after];
      const { waitMs, earlierMs } = waitOf(some.length, stream, ageing);
      // An hour to age; what was there before it, one after another, each after a drain; its own
      // drain. With two projects as much again for the other one, which may have used less.
      const boundMs = HOUR_MS + turns * (earlierMs + 2 * LIMIT_MS);
      assert.ok(waitMs <= boundMs, `${waitMs / HOUR_MS} h, bound ${boundMs / HOUR_MS} h`);
      if (waitOf(some.length, stream, null).waitMs > boundMs) starved += 1;
    });
    fc.assert(check, { numRuns: 15, seed: 4 });
  }
  assert.ok(starved >= 10, `without ageing ${starved} of 30 starve`);
});

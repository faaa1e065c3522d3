// Operators' reservations in the plan: nobody else is on what is kept while the window lasts, and
// those that it is for start there at once, whatever runs and waits.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BackfillMode, KeptPart } from "../../pool/index.ts";
import { explain } from "../explain.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { blockedReasons } from "../request-key.ts";
import type { NodeView, ReservationView, RunningView, WaitingView } from "../types.ts";
import { chooseKept, type KeepQuestion } from "./choose.ts";

const MINUTE_MS = 60_000;

const reservation = (change: Partial<ReservationView>): ReservationView => ({
  ...{ reservationId: "r-1", project: "class", user: null, wholeNodes: false },
  ...{ fromMs: 2 * HOUR_MS, toMs: 4 * HOUR_MS, text: "reservation r-1 of project class" },
  kept: [{ siteId: "s1", node: "a", acceleratorIds: ["gpu0", "gpu1"] }],
  ...change,
});

const PROJECTS = ["lab", "class"].map((name) => ({ name, parent: null, shares: 1, usage: 0 }));
const CHILD = { name: "class-x", parent: "class", shares: 1, usage: 0 };

const job = (
  id: string,
  accelerators: number,
  change: Parameters<typeof spec>[1] = {},
): WaitingView => waiting(id, spec({ accelerators }, change));

test("jobs of others may use kept devices only if their limit is over before the window", () => {
  const started = (walltimeMs: number, project: string, nowMs = 0): boolean => {
    const input = { nowMs, nodes: [node("a", 2)], projects: [...PROJECTS, CHILD] };
    const one = job("1", 2, { walltimeMs, project });
    const made = plan(snapshot({ ...input, waiting: [one], reservations: [reservation({})] }));
    return made.starts.length === 1;
  };
  const leadMs = 40_000;
  assert.ok(started(2 * HOUR_MS - leadMs, "lab"));
  assert.ok(!started(2 * HOUR_MS - leadMs + 1, "lab"));
  assert.ok(started(24 * HOUR_MS, "class"));
  assert.ok(started(24 * HOUR_MS, "class-x"), "what is kept for a project is for those under it");
  assert.ok(!started(MINUTE_MS, "lab", 3 * HOUR_MS), "within the window nobody else");
  assert.ok(started(MINUTE_MS, "lab", 4 * HOUR_MS), "afterwards it is anybody's");
});

test("a preemptible job may run into the window, if there is some time before it", () => {
  const one = job("1", 2, { walltimeMs: 9 * HOUR_MS, preemptible: true });
  const at = (nowMs: number): number =>
    plan(
      snapshot({ nowMs, nodes: [node("a", 2)], waiting: [one], reservations: [reservation({})] }),
    ).starts.length;
  assert.equal(at(HOUR_MS), 1);
  assert.equal(at(2 * HOUR_MS - 5 * MINUTE_MS), 0);
});

test("what is kept for one user is not for another one of the same project", () => {
  const mine = reservation({ project: null, user: "eva" });
  const jobs = [job("1", 2, { user: "tom" }), job("2", 2, { user: "eva" })];
  const nodes = [node("a", 2)];
  const made = plan(snapshot({ nowMs: 3 * HOUR_MS, nodes, waiting: jobs, reservations: [mine] }));
  assert.deepEqual(
    made.starts.map(({ jobId }) => jobId),
    ["2"],
  );
  assert.equal(blockedReasons(made, jobs[0]!.spec)?.[0]?.code, "RESERVATION");
});

test("a job that waits for a reservation is told so, and starts when the window is over", () => {
  const input = snapshot({
    ...{ nowMs: 3 * HOUR_MS, nodes: [node("a", 2)], projects: PROJECTS },
    ...{ waiting: [job("1", 1)], reservations: [reservation({})] },
  });
  const told = explain(input, "1");
  assert.deepEqual(told?.reasons, [
    { code: "RESERVATION", text: "held for reservation r-1 of project class", nodes: 1 },
  ]);
  assert.equal(told?.startEstimateMs, 4 * HOUR_MS);
  assert.deepEqual(told?.startIntervalMs, [4 * HOUR_MS, 4 * HOUR_MS, 4 * HOUR_MS]);
  const early = explain({ ...input, nowMs: HOUR_MS }, "1");
  assert.deepEqual(
    early?.changes.map(({ text }) => text),
    ["With `preemptible: true` it would start now.", "With `time: 59m` it would start now."],
  );
});

test("what others may hold of a node in the window leaves its part to what is kept", () => {
  const input = { nowMs: 3 * HOUR_MS, nodes: [node("a", 4)], projects: PROJECTS };
  const starts = (milliCpu: number, wholeNodes = false): number => {
    const one = waiting("1", spec({ milliCpu }));
    const kept = [reservation({ wholeNodes })];
    return plan(snapshot({ ...input, waiting: [one], reservations: kept })).starts.length;
  };
  assert.equal(starts(4_000), 1, "half of the devices keep half of the 8 cores");
  assert.equal(starts(4_001), 0);
  assert.equal(starts(1, true), 0, "of a whole node nothing is left");
});

test("jobs go to what is kept for them before they take what others could have", () => {
  const nodes = [node("a", 2), node("b", 1)];
  const where = (project: string, nowMs: number): string | undefined => {
    const jobs = [job("1", 1, { project, walltimeMs: MINUTE_MS })];
    const input = { nowMs, nodes, projects: PROJECTS, waiting: jobs };
    return plan(snapshot({ ...input, reservations: [reservation({})] })).starts[0]?.placements[0]
      ?.node;
  };
  assert.equal(where("class", 3 * HOUR_MS), "a");
  assert.equal(where("class", 0), "b", "before the window best fit decides");
  assert.equal(where("lab", 3 * HOUR_MS), "b");
});

test("a preemption never takes what is kept for others", () => {
  const held = running("L1", {
    ...{ project: "class", preemptible: true, endsAtMs: 9 * HOUR_MS },
    placements: [{ node: "a", acceleratorIds: ["gpu0", "gpu1"], milliCpu: 0, memoryMiB: 0 }],
  });
  const input = { nowMs: 3 * HOUR_MS, running: [held], projects: PROJECTS };
  const urgent = job("1", 2, { priority: 900 });
  const nodes = occupied([node("a", 2)], [held]);
  const stopped = (kept: readonly ReservationView[]): number =>
    plan(snapshot({ ...input, nodes, waiting: [urgent], reservations: kept })).preemptions.length;
  assert.equal(stopped([]), 1);
  assert.equal(stopped([reservation({})]), 0);
});

test("a reservation keeps one site, few nodes, and what is free in time", () => {
  const nodes = [
    node("a", 4),
    node("b", 8, { siteId: "s2" }),
    node("c", 4, { siteId: "s3" }),
    node("d", 4, { siteId: "s3", schedulable: false }),
  ];
  const ask = (change: Partial<KeepQuestion>) =>
    chooseKept({ unit: "accelerators", count: 4, nodes, late: [], kept: [], ...change });
  const where = (parts: readonly KeptPart[]): string =>
    parts.map((part) => `${part.siteId}/${part.node}:${part.acceleratorIds.length}`).join(" ");
  assert.equal(where(ask({}).parts), "s1/a:4", "the site with least to spare");
  const placements = [{ node: "a", acceleratorIds: ["gpu1"], milliCpu: 0, memoryMiB: 0 }];
  const late = [{ siteId: "s1", placements }];
  assert.equal(where(ask({ late }).parts), "s3/c:4", "where nothing runs into it");
  assert.equal(where(ask({ count: 8 }).parts), "s2/b:8");
  assert.equal(where(ask({ count: 12 }).parts), "s1/a:4 s2/b:8", "no site has so many alone");
  assert.deepEqual(ask({ count: 17 }), { parts: [], there: 16, keptByOthers: 0 });
  const kept = [{ siteId: "s2", node: "b", acceleratorIds: ["gpu0"] }];
  assert.equal(where(ask({ count: 7, kept }).parts), "s2/b:7");
  assert.ok(!ask({ count: 7, kept }).parts[0]!.acceleratorIds.includes("gpu0"));
  assert.deepEqual(ask({ unit: "nodes", count: 3, kept }), {
    parts: [],
    there: 2,
    keptByOthers: 1,
  });
  assert.equal(where(ask({ unit: "nodes", count: 1, late }).parts), "s2/b:8");
  assert.equal(ask({ model: "A100" }).there, 0);
});

const storyArbitrary = fc.record({
  gpus: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  keep: fc.integer({ min: 1, max: 4 }),
  fromMin: fc.integer({ min: 2, max: 240 }),
  forMin: fc.integer({ min: 5, max: 240 }),
  backfill: fc.constantFrom<BackfillMode>("easy", "conservative", "none"),
  jobs: fc.array(
    fc.record({
      ...{ mine: fc.boolean(), accelerators: fc.integer({ min: 0, max: 4 }) },
      ...{ atMin: fc.integer({ min: 0, max: 400 }), minutes: fc.integer({ min: 1, max: 300 }) },
      ...{ priority: fc.constantFrom(0, 0, 10), cores: fc.integer({ min: 0, max: 4 }) },
    }),
    { minLength: 1, maxLength: 14 },
  ),
});

test("kept devices are never held by others in the window, and its own jobs start at once", () => {
  let [held, own] = [0, 0];
  fc.assert(
    fc.property(storyArbitrary, ({ gpus, keep, fromMin, forMin, backfill, jobs }) => {
      const nodes = gpus.map((count, i) => node(`n${i}`, count, { siteId: `s${i % 2}` }));
      const question = { unit: "accelerators" as const, count: keep, nodes, late: [], kept: [] };
      const { parts } = chooseKept(question);
      const [fromMs, toMs] = [fromMin * MINUTE_MS, (fromMin + forMin) * MINUTE_MS];
      const kept = reservation({ fromMs, toMs, kept: parts });
      const isKept = ({ siteId }: RunningView, name: string, id: string): boolean =>
        parts.some((p) => p.siteId === siteId && p.node === name && p.acceleratorIds.includes(id));
      let leases: RunningView[] = [];
      let queue: WaitingView[] = [];
      const arrivals = jobs.map((one, i) => ({ ...one, id: `${i}` }));
      for (let nowMs = 0; nowMs <= toMs; nowMs += MINUTE_MS) {
        leases = leases.filter(({ endsAtMs }) => endsAtMs > nowMs);
        for (const { id, atMin, accelerators, minutes, mine, priority, cores } of arrivals) {
          if (atMin * MINUTE_MS !== nowMs) continue;
          const change = { walltimeMs: minutes * MINUTE_MS, priority };
          const asked = { accelerators, milliCpu: cores * 500 };
          const project = mine ? "class" : "lab";
          queue.push(waiting(id, spec(asked, { ...change, project }), { submittedAtMs: nowMs }));
        }
        if (queue.length === 0 && leases.length === 0) continue;
        const input = { nowMs, running: leases, waiting: queue, projects: PROJECTS, backfill };
        const free = occupied(nodes, leases);
        const made = plan(snapshot({ ...input, nodes: free, reservations: [kept] }));
        for (const { jobId, siteId, placements } of made.starts) {
          const { spec: asked } = queue.find((one) => one.jobId === jobId)!;
          const { project, priority } = asked;
          const endsAtMs = nowMs + asked.walltimeMs;
          const placed = { jobId, siteId, placements, project, priority, startedAtMs: nowMs };
          leases.push(running(`L${jobId}`, { ...placed, endsAtMs, spec: asked }));
        }
        queue = queue.filter(({ jobId }) => !made.starts.some((one) => one.jobId === jobId));
        if (nowMs < fromMs || nowMs >= toMs) continue;
        for (const lease of leases) {
          const on = lease.placements.some(({ node: name, acceleratorIds }) =>
            acceleratorIds.some((id) => isKept(lease, name, id)),
          );
          assert.ok(!on || lease.project === "class", `${lease.jobId} is on kept devices`);
          if (on) held += 1;
        }
        own += assertServed(occupied(nodes, leases), parts, queue);
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(held > 20 && own > 5, `the stories use what is kept: ${held}, ${own}`);
});

/** No job of the project waits that would fit on what is kept and free. Counts those that wait. */
function assertServed(
  nodes: readonly NodeView[],
  parts: readonly KeptPart[],
  queue: readonly WaitingView[],
): number {
  const mine = queue.filter((one) => one.spec.project === "class");
  for (const { jobId, spec: asked } of mine) {
    const { accelerators, milliCpu } = asked.groups[0]!.resources;
    const fits = parts.some(({ siteId, node: name, acceleratorIds }) => {
      const view = nodes.find((one) => one.siteId === siteId && one.node.name === name)!;
      const free = view.freeAcceleratorIds.filter((id) => acceleratorIds.includes(id));
      return accelerators > 0 && free.length >= accelerators && view.freeMilliCpu >= milliCpu;
    });
    assert.ok(!fits, `job ${jobId} waits, though what is kept has room`);
  }
  return mine.length;
}

// Tests that owners' own jobs come first on their owners' machines, and nowhere else.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, type Offer } from "../pool/index.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "./fixtures.testing.ts";
import { plan } from "./plan.ts";
import type { LendingView, RunningView, SchedulerInput } from "./types.ts";

const projects = ["lab", "own", "other"].map((name) => ({
  ...{ name, parent: null, shares: 1, usage: 0 },
}));
const lends = (change: Partial<Offer> = {}): LendingView => ({
  ...{ siteId: "s1", member: "ana" },
  offer: { ...DEFAULT_OFFER, ownProjects: ["own"], recallGraceMs: 60_000, ...change },
});
const own = (jobId: string, accelerators = 1) =>
  waiting(jobId, spec({ accelerators }, { project: "own" }));

const lease = (id: string, gpu: number, change: Partial<RunningView> = {}): RunningView =>
  running(id, {
    placements: [{ node: "a", acceleratorIds: [`gpu${gpu}`], milliCpu: 0, memoryMiB: 0 }],
    ...{ priority: 1_000, project: "lab", endsAtMs: 9 * HOUR_MS },
    ...change,
  });

const full = (leases: readonly RunningView[]): Partial<SchedulerInput> => ({
  nodes: occupied([node("a", leases.length)], leases),
  ...{ running: leases, projects, lending: [lends()] },
});

test("an owner's job overtakes everybody on its owner's machines, and nobody elsewhere", () => {
  const urgent = waiting("1", spec({ accelerators: 1 }, { priority: 1_000, project: "other" }));
  const there = node("b", 1, { siteId: "s2", member: "bo" });
  const base = { projects, lending: [lends()], waiting: [urgent, own("2"), own("3")] };
  const { starts } = plan(snapshot({ ...base, nodes: [node("a", 1), there] }));
  assert.deepEqual(
    starts.map(({ jobId, siteId }) => [jobId, siteId]),
    [
      ["2", "s1"],
      ["1", "s2"],
    ],
  );
});

test("work of others stops with the offer's grace, the owner's own and idle devices do not", () => {
  const leases = [lease("L0", 0), lease("L1", 1, { project: "own" }), lease("L2", 2)];
  const input = snapshot({ ...full(leases), waiting: [own("9", 2)] });
  const { preemptions, waits } = plan(input);
  assert.deepEqual(preemptions.map(({ leaseId }) => leaseId).sort(), ["L0", "L2"]);
  assert.ok(preemptions.every(({ recall }) => recall === true));
  assert.equal(waits[0]!.startEstimateMs, 60_000);
  // Nothing is stopped for a job that would not fit even then, or that is not first.
  assert.deepEqual(plan(snapshot({ ...input, waiting: [own("9", 3)] })).preemptions, []);
  const last = [lends({ ownFirst: false })];
  assert.deepEqual(plan(snapshot({ ...input, lending: last })).preemptions, []);
});

test("nobody is stopped for a job that could not begin when they have gone", () => {
  const until = {
    atMs: HOUR_MS + 60_000,
    code: "OFFER_HOURS",
    text: "ana lends until then",
  } as const;
  const lending = [{ ...lends(), until }];
  const input = snapshot({ ...full([lease("L0", 0)]), lending, waiting: [own("9")] });
  assert.deepEqual(plan(input).preemptions, []);
});

test("an owner never starves: with its work waiting, nobody else gets its machines", () => {
  const sample = fc.record({
    leases: fc.array(fc.constantFrom("lab", "other", "own"), { minLength: 1, maxLength: 6 }),
    idle: fc.integer({ min: 0, max: 3 }),
    own: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    others: fc.integer({ min: 0, max: 6 }),
  });
  let [taken, started] = [0, 0];
  const check = fc.property(sample, ({ leases, idle, own: asked, others }) => {
    const all = leases.map((project, gpu) => lease(`L${gpu}`, gpu, { project }));
    const nodes = occupied([node("a", leases.length + idle)], all);
    const jobs = asked.map((accelerators, i) => own(`${i + 1}`, accelerators));
    const rivals = Array.from({ length: others }, (_, i) =>
      waiting(`${i + 50}`, spec({ accelerators: 1 }, { priority: 1_000, project: "other" })),
    );
    const input = { nodes, running: all, projects, lending: [lends()] };
    const answer = plan(snapshot({ ...input, waiting: [...jobs, ...rivals] }));
    const mine = new Set(jobs.map(({ jobId }) => jobId));
    const served = new Set([
      ...answer.starts.map(({ jobId }) => jobId),
      ...answer.preemptions.map(({ forJobId }) => forJobId),
    ]);
    // What is not the owner's own is room for the owner's jobs, sooner or within the grace.
    const room = idle + leases.filter((project) => project !== "own").length;
    const unserved = jobs.filter(({ jobId }) => !served.has(jobId));
    const used = jobs
      .filter(({ jobId }) => served.has(jobId))
      .reduce((sum, { spec: one }) => sum + one.groups[0]!.resources.accelerators, 0);
    for (const { spec: one } of unserved) {
      assert.ok(one.groups[0]!.resources.accelerators > room - used, "it waits for its own only");
    }
    for (const { leaseId, forJobId } of answer.preemptions) {
      assert.ok(mine.has(forJobId), "only the owner's jobs take back");
      assert.notEqual(leases[Number(leaseId.slice(1))], "own");
      taken += 1;
    }
    started += answer.starts.length;
  });
  fc.assert(check, { numRuns: 300, seed: 3 });
  assert.ok(taken > 100 && started > 100, `${taken} taken back, ${started} started`);
});

// Tests of the assembled stack: what holds for every plan, whatever the pool looks like.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Placement } from "../pool/index.ts";
import { snapshotArbitrary } from "./arbitraries.testing.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "./fixtures.testing.ts";
import { plan } from "./plan.ts";
import { REASONS } from "./reasons.ts";
import type { SchedulerInput, Start } from "./types.ts";

const RUNS = { numRuns: 500, seed: 11 };

function jobOf(input: SchedulerInput, jobId: string) {
  return input.waiting.find((job) => job.jobId === jobId)!;
}

test("no accelerator is promised twice, and only what is free now is promised", () => {
  let starts = 0;
  const check = fc.property(snapshotArbitrary, (input) => {
    const placed = plan(input).starts.flatMap(({ siteId, placements }) =>
      placements.map((placement) => ({ siteId, ...placement })),
    );
    starts += placed.length;
    for (const view of input.nodes) {
      const here = placed.filter(
        (one) => one.siteId === view.siteId && one.node === view.node.name,
      );
      const ids = here.flatMap(({ acceleratorIds }) => acceleratorIds);
      assert.equal(new Set(ids).size, ids.length);
      assert.ok(new Set(ids).isSubsetOf(new Set(view.freeAcceleratorIds)));
      assert.ok(here.reduce((sum, one) => sum + one.milliCpu, 0) <= view.freeMilliCpu);
      assert.ok(here.reduce((sum, one) => sum + one.memoryMiB, 0) <= view.freeMemoryMiB);
      assert.ok(here.length === 0 || view.schedulable);
    }
  });
  fc.assert(check, RUNS);
  assert.ok(starts > 500, `the sample starts jobs: ${starts}`);
});

test("a gang starts whole on one site, with what each of its tasks asked for", () => {
  const check = fc.property(snapshotArbitrary, (input) => {
    for (const { jobId, placements } of plan(input).starts) {
      const tasks = jobOf(input, jobId).spec.groups.flatMap(({ count, resources }) =>
        Array.from({ length: count }, () => resources),
      );
      const given = placements.map(({ acceleratorIds, milliCpu, memoryMiB }) => ({
        accelerators: acceleratorIds.length,
        milliCpu,
        memoryMiB,
      }));
      const asked = tasks.map(({ accelerators, milliCpu, memoryMiB }) => ({
        accelerators,
        milliCpu,
        memoryMiB,
      }));
      assert.deepEqual(given, asked);
    }
  });
  fc.assert(check, RUNS);
});

test("every job either starts with a sentence or waits with reasons, never both", () => {
  const check = fc.property(snapshotArbitrary, (input) => {
    const { starts, waits } = plan(input);
    const started = new Set(starts.map(({ jobId }) => jobId));
    const waited = new Set(waits.map(({ jobId }) => jobId));
    assert.ok(started.isDisjointFrom(waited));
    assert.deepEqual(started.union(waited), new Set(input.waiting.map(({ jobId }) => jobId)));
    assert.equal(waits.length, waited.size);
    for (const { reason } of starts) assert.match(reason, /in order .*; best fit: leaves /);
    for (const { reasons } of waits) {
      assert.ok(reasons.length > 0);
      for (const { code, text } of reasons) assert.ok(code in REASONS && text !== "");
      const nodes = reasons.reduce((sum, reason) => sum + reason.nodes, 0);
      assert.ok(nodes <= input.nodes.length, "each node gives one reason");
    }
    for (const { jobId } of starts) assert.ok(jobOf(input, jobId).eligible);
  });
  fc.assert(check, RUNS);
});

test("a run gets at most one place on each site, and none where it has one", () => {
  let spanning = 0;
  const check = fc.property(snapshotArbitrary, (input) => {
    const { starts } = plan(input);
    for (const job of input.waiting) {
      const sites = starts.filter(({ jobId }) => jobId === job.jobId).map(({ siteId }) => siteId);
      if (job.spec.run === undefined) assert.ok(sites.length <= 1);
      else spanning += sites.length;
      assert.equal(new Set(sites).size, sites.length);
      const excluded = new Set(job.spanning?.excludeSites);
      assert.ok(new Set(sites).isDisjointFrom(excluded));
    }
  });
  fc.assert(check, RUNS);
  assert.ok(spanning > 50, `the sample starts runs: ${spanning}`);
});

test("the same snapshot gives the same plan in whatever order it is listed", () => {
  const shuffled = snapshotArbitrary.chain((input) =>
    fc.record({
      input: fc.constant(input),
      nodes: shuffle(input.nodes),
      running: shuffle(input.running),
      waiting: shuffle(input.waiting),
      projects: shuffle(input.projects),
    }),
  );
  const check = fc.property(shuffled, ({ input, ...lists }) => {
    assert.deepEqual(plan({ ...input, ...lists }), plan(input));
  });
  fc.assert(check, RUNS);
});

const shuffle = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });

test("a start says its place, its share and what it leaves", () => {
  const projects = [
    { name: "lab", parent: null, shares: 1, usage: 12 },
    { name: "firm", parent: null, shares: 1, usage: 188 },
  ];
  const { starts } = plan(
    snapshot({
      projects,
      nodes: [node("a1", 4)],
      waiting: [waiting("1", spec({ accelerators: 4 }))],
    }),
  );
  assert.equal(
    starts[0]?.reason,
    "first in order (priority 0, project lab used 12 % of its share); " +
      "best fit: leaves 0 of 4 accelerators free on node a1",
  );
});

test("a run joins every site with room, up to its number of members", () => {
  const run = { ...spec({ accelerators: 1 }), run: RUN };
  const nodes = ["s1", "s2", "s3", "s4"].map((siteId) => node("a", 2, { siteId }));
  const sites = (job: ReturnType<typeof waiting>): readonly string[] =>
    plan(snapshot({ nodes, waiting: [job] })).starts.map((start: Start) => start.siteId);
  assert.deepEqual(sites(waiting("1", run)), ["s1", "s2", "s3", "s4"]);
  const spanning = { excludeSites: ["s2"], maxMembers: 3 };
  assert.deepEqual(sites(waiting("1", run, { spanning })), ["s1", "s3"]);
  const full = waiting("1", run, { spanning: { excludeSites: ["s2"], maxMembers: 1 } });
  const { waits } = plan(snapshot({ nodes, waiting: [full] }));
  assert.equal(waits[0]?.reasons[0]?.code, "MEMBERS_MAX");
});

const RUN = {
  model: { vocab: 256, context: 64, width: 32, layers: 1, heads: 1 },
  corpus: "sotu",
  seed: 1,
  stop: { rounds: 1 },
  referenceBatch: 1,
  maxBatch: 1,
  learningRate: 0.1,
  warmUpSteps: 0,
};

test("a job that is held keeps the reason that it was given", () => {
  const holdReason = { code: "DEPENDENCY", text: "waits for job 7", nodes: 0 };
  const held = waiting("1", spec({}), { eligible: false, holdReason });
  const { waits } = plan(snapshot({ nodes: [node("a", 1)], waiting: [held] }));
  assert.deepEqual(waits, [{ jobId: "1", reasons: [holdReason] }]);
});

test("beyond its depth a pass says how many jobs are ahead", () => {
  const jobs = [1, 2, 3].map((n) => waiting(`${n}`, spec({ accelerators: 1 + n })));
  const input = snapshot({ nodes: [node("a", 1)], waiting: jobs });
  const { waits } = plan({ ...input, limits: { backfillDepthMax: 2 } });
  assert.deepEqual(
    waits.map(({ reasons }) => reasons[0]!.code),
    ["COUNT", "COUNT", "PRIORITY"],
  );
});

test("a full pool of 1,000 nodes answers 10,000 different jobs in one pass", () => {
  const parts = (index: number): readonly Placement[] => [
    {
      node: `n${index}`,
      acceleratorIds: Array.from({ length: 8 }, (_, i) => `gpu${i}`),
      milliCpu: 0,
      memoryMiB: 0,
    },
  ];
  const leases = Array.from({ length: 1_000 }, (_, i) =>
    running(`L${i}`, { placements: parts(i), endsAtMs: HOUR_MS + i }),
  );
  const nodes = occupied(
    Array.from({ length: 1_000 }, (_, i) => node(`n${i}`, 8)),
    leases,
  );
  const jobs = Array.from({ length: 10_000 }, (_, i) =>
    waiting(`${i}`, spec({ accelerators: 1 + (i % 8), memoryMiB: 1 + i })),
  );
  const before = performance.now();
  const { waits } = plan(snapshot({ nodes, running: leases, waiting: jobs }));
  // About 0.4 s on one core of 2023; the bound is wide because test machines are shared.
  assert.ok(performance.now() - before < 10_000);
  assert.equal(waits.length, 10_000);
});

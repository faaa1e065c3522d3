// What a job would rather have: by its file, by where it was, and by what its kind of work gains.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gpu, nodeWith, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import {
  kindOf,
  noObservations,
  type Observation,
  observe,
  Speeds,
  ThroughputTable,
} from "../throughput/index.ts";
import type { NodeView, SchedulerInput, WaitingView } from "../types.ts";

const H100 = "H100 SXM5 80GB";
const HOUR_MICRO: Readonly<Record<string, number>> = { [H100]: 30_000_000, T4: 5_000_000 };

/** Sites `fast` with H100s and `slow` with T4s, each with so many nodes of one GPU. */
const twoSites = (each: number): readonly NodeView[] =>
  ["fast", "slow"].flatMap((siteId) =>
    Array.from({ length: each }, (_, i) =>
      nodeWith(`${siteId}${i}`, [gpu(0, siteId === "fast" ? H100 : "T4")], { siteId }),
    ),
  );

function speedsAfter(seen: readonly Observation[], each = 1): Speeds {
  const state = noObservations();
  for (const one of seen) for (let i = 0; i < 10; i += 1) observe(state, one);
  const stock = [H100, "T4"].map((model) => ({ device: gpu(0, model), count: each }));
  return new Speeds(new ThroughputTable(state), stock);
}

const named = (name: string) => spec({ accelerators: 1 }, { name });

const seen = (name: string, model: string, time: number): Observation => ({
  ...{ kind: kindOf(named(name)), device: gpu(0, model), count: 1, time },
});

/** `wide` is twenty times as fast on the H100, `narrow` hardly faster. */
const KINDS = [
  ...[seen("wide", "T4", 100_000), seen("wide", H100, 5_000)],
  ...[seen("narrow", "T4", 1_000), seen("narrow", H100, 900)],
];

const facts = (speeds: Speeds): Pick<SchedulerInput, "facts"> => ({
  facts: () => ({ speeds, priceOf: (_, { model }) => HOUR_MICRO[model]! }),
});

/** Site of each job that starts. */
function sitesOf(
  jobs: readonly WaitingView[],
  change: Partial<SchedulerInput>,
  nodes = twoSites(1),
): Record<string, string> {
  const { starts } = plan(snapshot({ nodes, waiting: jobs, ...change }));
  return Object.fromEntries(starts.map(({ jobId, siteId }) => [jobId, siteId]));
}

test("a job that prefers fast or cheap goes where its work is done soonest or for least", () => {
  const change = facts(speedsAfter(KINDS));
  const fast = waiting("1", { ...named("wide"), prefer: "fast" });
  assert.deepEqual(sitesOf([fast], change), { 1: "fast" });
  // Twenty times as fast for six times the price is cheap; a tenth faster for that is not.
  const cheap = (name: string) => waiting("1", { ...named(name), prefer: "cheap" });
  assert.deepEqual(sitesOf([cheap("wide")], change), { 1: "fast" });
  assert.deepEqual(sitesOf([cheap("narrow")], change), { 1: "slow" });
  const { starts } = plan(snapshot({ nodes: twoSites(1), waiting: [cheap("narrow")], ...change }));
  assert.match(starts[0]!.reason, /prefers cheap: T4 has .* mean speed, 5 credits an hour/);
});

test("who gains most from the fast device gets it, whoever has the first turn", () => {
  const change = facts(speedsAfter(KINDS));
  for (const names of [
    ["narrow", "wide"],
    ["wide", "narrow"],
  ]) {
    const jobs = names.map((name, i) => waiting(`${i + 1}`, named(name)));
    const sites = sitesOf(jobs, change);
    assert.equal(sites[`${names.indexOf("wide") + 1}`], "fast");
    assert.equal(sites[`${names.indexOf("narrow") + 1}`], "slow");
  }
});

test("a job takes what is free, however little it likes it", () => {
  const change = facts(speedsAfter(KINDS));
  const jobs = ["1", "2"].map((id) => waiting(id, { ...named("wide"), prefer: "fast" }));
  assert.deepEqual(Object.keys(sitesOf(jobs, change)), ["1", "2"]);
});

test("a job that was stopped goes back to where it was", () => {
  const change = facts(speedsAfter([]));
  for (const lastSiteId of ["fast", "slow"]) {
    const job = { ...waiting("1", named("job")), lastSiteId };
    assert.deepEqual(sitesOf([job], change), { 1: lastSiteId });
    const { starts } = plan(snapshot({ nodes: twoSites(1), waiting: [job], ...change }));
    assert.match(starts[0]!.reason, new RegExp(`it was on site ${lastSiteId} before`));
  }
});

test("while nothing was learned nothing changes for a job without a preference", () => {
  const jobs = ["a1", "b1", "c1"].map((name, i) => waiting(`${i}`, named(name)));
  const plain = plan(snapshot({ nodes: twoSites(2), waiting: jobs }));
  const knowing = plan(snapshot({ nodes: twoSites(2), waiting: jobs, ...facts(speedsAfter([])) }));
  assert.deepEqual(knowing.starts, plain.starts);
});

test("whatever is learned or preferred, as many jobs start as without", () => {
  const anyJob = fc.record({
    name: fc.constantFrom("wide", "narrow", "other"),
    prefer: fc.constantFrom("fast" as const, "cheap" as const, undefined),
  });
  fc.assert(
    fc.property(fc.array(anyJob, { minLength: 1, maxLength: 8 }), (wanted) => {
      const jobs = wanted.map(({ name, prefer }, i) => {
        const asked = named(name);
        return waiting(`${i}`, prefer === undefined ? asked : { ...asked, prefer });
      });
      const sites = sitesOf(jobs, facts(speedsAfter(KINDS, 3)), twoSites(3));
      assert.equal(Object.keys(sites).length, Math.min(6, jobs.length));
    }),
    { numRuns: 60 },
  );
});

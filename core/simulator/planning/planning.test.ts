// Tests of planning: clusters and what-ifs, generated workloads, and the production scheduler in
// virtual time against what must hold for any policy.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Cluster, clusterSlots, ownersCluster, scaleCluster } from "./cluster.ts";
import { figuresOf, waitsOf } from "./figures.ts";
import { FLAT_POLICIES } from "./flat.ts";
import { flowReport } from "./flow-report.ts";
import { generateWorkload, ownerNames, parseGenerate } from "./generate.ts";
import { onlyFitting, type PlanJob, Requests, type Workload, workloadOf } from "./jobs.ts";
import { Meter } from "./meter.ts";
import { findModel } from "./models.ts";
import { nothingPlayed } from "./played.ts";
import {
  baseline,
  FLOW_POLICIES,
  fitter,
  playAlone,
  playScenario,
  scenarioOf,
  spanOf,
} from "./scenario.ts";

const OPTIONS = { lossS: 60, passS: 1, limitS: 86_400 };
const requests = new Requests("accelerators", (owner) => (owner === "small" ? 4 : 8));

function job(owner: string, submitS: number, durationS: number, width: number): PlanJob {
  const request = requests.of(owner, width);
  return { name: "j", user: owner, owner, submitS, durationS, limitS: undefined, request };
}

function generated(text: string, seed: number): { workload: Workload; cluster: Cluster } {
  const spec = parseGenerate(text);
  assert.ok(spec.ok);
  const owners = ownerNames(spec.value.owners);
  const cluster = ownersCluster(
    owners,
    owners.map(() => spec.value.slots / owners.length),
  );
  const { slots } = spec.value;
  const widest = slots / owners.length;
  const into = { seed, owners, unit: "accelerators", slots, widest, perNode: () => 8 } as const;
  return { workload: generateWorkload(spec.value, into), cluster };
}

test("a meter adds up what overlaps each bucket, and forgets what comes later", () => {
  const meter = new Meter(200);
  meter.add(0.5, 2.25, 4);
  meter.add(190, 500, 1);
  const points = meter.points();
  assert.deepEqual(
    points.slice(0, 3).map(([, value]) => value),
    [2, 4, 1],
  );
  assert.equal(meter.mean(), (1.75 * 4 + 10) / 200);
});

test("a scaled cluster keeps the part of its nodes that was asked for", () => {
  const cluster = ownersCluster(["a", "b", "c"], [80, 40, 80]);
  assert.equal(clusterSlots(scaleCluster(cluster, 0.8), "accelerators"), 160);
  assert.equal(clusterSlots(scaleCluster(cluster, 1), "accelerators"), 200);
  const sizes = scaleCluster(cluster, 0.5).members.map((one) => one.sites[0]!.nodes.length);
  assert.equal(sizes[0]! + sizes[1]! + sizes[2]!, 12);
});

test("wide jobs are cut into whole nodes and a rest, equal requests are one object", () => {
  assert.deepEqual(
    requests.of("a", 20).tasks.map(({ count, resources }) => [count, resources.accelerators]),
    [
      [2, 8],
      [1, 4],
    ],
  );
  assert.equal(requests.of("a", 20), requests.of("b", 20));
  assert.deepEqual(
    requests.of("small", 20).tasks.map(({ count, resources }) => [count, resources.accelerators]),
    [[5, 4]],
  );
});

test("one seed draws the same jobs again, another seed others, and the load is as asked", () => {
  const one = generated("jobs=300,days=2,load=0.7", 5).workload;
  assert.deepEqual(generated("jobs=300,days=2,load=0.7", 5).workload, one);
  assert.notDeepEqual(generated("jobs=300,days=2,load=0.7", 6).workload, one);
  const work = one.jobs.reduce((sum, each) => sum + each.durationS * each.request.width, 0);
  assert.ok(Math.abs(work / (64 * 2 * 86_400) - 0.7) < 0.01, String(work));
});

test("a daily cycle makes noon busier than midnight", () => {
  const { jobs } = generated("jobs=4000,days=4,cycle=1", 1).workload;
  const hour = (from: number): number =>
    jobs.filter(({ submitS }) => Math.floor(submitS / 3_600 - from + 24 * 9) % 24 < 6).length;
  assert.ok(hour(9) > 3 * hour(21), `${hour(9)} at noon, ${hour(21)} at night`);
});

test("a broken specification names the key and what it expects", () => {
  for (const [text, expected] of [
    ["jobs=0", /jobs: expected a number from 1/],
    ["jobs=1.5", /whole number/],
    ["load=-1", /load: expected a number/],
    ["lood=1", /lood: there is no such key/],
    ["sizes=1:-2", /sizes: expected NAME:WEIGHT/],
    ["models=", /models: expected NAME:WEIGHT/],
  ] as const) {
    const spec = parseGenerate(text);
    assert.ok(!spec.ok, text);
    assert.match(spec.message, expected);
  }
});

test("a job larger than the pool is named and counted, or left out by a flag", () => {
  const workload = workloadOf("accelerators", [
    ...[job("a", 0, 10, 4), job("a", 1, 10, 40), job("b", 2, 10, 64)],
  ]);
  const fits = ({ request }: PlanJob): boolean => request.width <= 32;
  const refused = onlyFitting(workload, fits, { leaveOut: false, slots: 32 });
  assert.ok(!refused.ok);
  assert.match(refused.message, /Job 2 \(b, j\) asks for 64 accelerators and 1 more/);
  assert.match(refused.hint, /--skip-too-large/);
  const kept = onlyFitting(workload, fits, { leaveOut: true, slots: 32 });
  assert.ok(kept.ok);
  assert.deepEqual([kept.value.skipped, kept.value.workload.jobs.length], [2, 1]);
});

test("models are found by product, by maker and by first words; others get the nearest", () => {
  for (const name of ["H100 SXM5 80GB", "nvidia h100 sxm5-80gb", "h100", "A100 SXM4"]) {
    assert.ok(findModel(name).ok, name);
  }
  const known = findModel("h100 sxm5 80gb");
  assert.ok(known.ok);
  assert.deepEqual(known.value, { vendor: "NVIDIA", model: "H100 SXM5 80GB", memoryMiB: 81_920 });
  const unknown = findModel("H10O SXM");
  assert.ok(!unknown.ok);
  assert.match(unknown.near[0]!, /^H100/);
  assert.ok(!findModel("").ok);
});

test("who leaves takes its machines and its jobs; who is not pooled stays alone", () => {
  const cluster = ownersCluster(["a", "b", "c"], [8, 8, 8]);
  const without = scenarioOf(cluster, { kind: "without", members: ["b"] });
  assert.deepEqual(without.pools, [["a", "c"]]);
  assert.equal(without.included("b"), false);
  assert.equal(clusterSlots(without.cluster, "accelerators"), 16);
  const pooled = scenarioOf(cluster, { kind: "pool", members: ["c", "a"] });
  assert.deepEqual(pooled.pools, [["c", "a"], ["b"]]);
});

test("a job that its owner's idle machines can run starts at once under the pool", () => {
  const cluster = ownersCluster(["a", "b"], [8, 8]);
  const workload = workloadOf("accelerators", [
    ...[job("a", 0, 4_000, 8), job("a", 1, 4_000, 8), job("b", 100, 50, 8)],
  ]);
  const played = playScenario(workload, baseline(cluster), "pool", OPTIONS);
  const waits = waitsOf(workload.jobs, played);
  // Two jobs of a had both machines; b's own comes back within the grace of a recall.
  assert.equal(waits[0], 0);
  assert.ok(waits[2]! <= 12, `b waited ${waits[2]} s`);
  assert.equal(played.preemptions, 1);
  assert.ok(waits[1]! >= 50, `a's guest waited ${waits[1]} s`);
});

const CASES = fc.record({
  seed: fc.nat(1_000),
  jobs: fc.integer({ min: 1, max: 60 }),
  load: fc.constantFrom(0.3, 0.9, 2),
  scale: fc.constantFrom(0.5, 1),
});

for (const policy of FLOW_POLICIES) {
  test(`under ${policy} every job that fits ends, after its run time, on slots that exist`, () => {
    fc.assert(
      fc.property(CASES, ({ seed, jobs, load, scale }) => {
        const text = `jobs=${jobs},days=0.5,owners=3,slots=48,load=${load}`;
        const { workload, cluster } = generated(text, seed);
        const what = { kind: "scale", factor: scale } as const;
        const scenario = scenarioOf(cluster, what);
        const played = playScenario(workload, scenario, policy, OPTIONS);
        const fits = fitter(workload, scenario.cluster, policy);
        workload.jobs.forEach((one, at) => {
          assert.equal(Number.isNaN(played.endS[at]!), !fits(one), `job ${at} ends`);
          if (!fits(one)) return;
          assert.ok(played.startS[at]! >= one.submitS, "no start before submission");
          assert.ok(played.endS[at]! - played.startS[at]! >= one.durationS - 1e-6, "whole run");
        });
        const slots = clusterSlots(scenario.cluster, "accelerators");
        for (const [, busy] of played.busy.points()) assert.ok(busy <= slots + 1e-6);
      }),
      { numRuns: policy === "pool" ? 12 : 40 },
    );
  });
}

test("alone, an owner waits as it would without the others", () => {
  const { workload, cluster } = generated("jobs=80,days=0.5,owners=3,slots=48,load=1.5", 3);
  const alone = waitsOf(workload.jobs, playAlone(workload, cluster));
  for (const { name } of cluster.members) {
    const own = { ...workload, jobs: workload.jobs.filter(({ owner }) => owner === name) };
    const just = waitsOf(own.jobs, playAlone(own, cluster));
    const same = [...alone].filter((_, at) => workload.jobs[at]!.owner === name);
    assert.deepEqual([...just], same);
  }
});

test("figures compare owners with what they have alone, over the jobs that fit there", () => {
  const cluster = ownersCluster(["a", "b"], [8, 8]);
  const workload = workloadOf("accelerators", [
    ...[job("a", 0, 100, 8), job("a", 0, 100, 16), job("b", 200, 100, 8), job("x", 200, 10, 1)],
  ]);
  const endS = Float64Array.from([100, 300, 310, 210]);
  const played = { ...nothingPlayed(4, 200), startS: endS.map((end) => end - 100), endS };
  const alone = waitsOf(workload.jobs, playAlone(workload, cluster));
  assert.deepEqual([...alone], [0, Number.NaN, 0, Number.NaN]);
  const figures = figuresOf(workload, baseline(cluster), played, alone);
  assert.deepEqual(figures.worseOff, ["b"]);
  assert.equal(figures.worstLossS, 10);
  assert.equal(figures.worstRatio, 1.1);
  assert.equal(figures.waitMeanS, 52.5);
  assert.deepEqual(
    figures.owners.map(({ owner, waitS, lossS, ratio }) => [owner, waitS, lossS, ratio]),
    [
      ["a", 100, 0, 1],
      ["b", 10, 10, 1.1],
      ["x", 0, Number.NaN, Number.NaN],
    ],
  );
});

test("a report says in words what changes for whom, and has the same content every time", () => {
  const make = () => {
    const { workload, cluster } = generated("jobs=150,days=1,owners=3,slots=48,load=1.2", 8);
    const scenarios = [
      baseline(cluster),
      scenarioOf(cluster, { kind: "without", members: ["owner3"] }),
    ];
    const rows = scenarios.flatMap((scenario) =>
      FLAT_POLICIES.map((policy) => ({
        ...{ scenario, policy },
        played: playScenario(workload, scenario, policy, OPTIONS),
      })),
    );
    const alone = playAlone(workload, cluster);
    assert.ok(spanOf(workload) > 3_600);
    return flowReport({ workload, alone, rows, facts: [], title: "t" });
  };
  const report = make();
  assert.deepEqual(make(), report);
  const sentence = report.sentences.find((one) => one.startsWith("easy, without owner3"));
  assert.match(sentence ?? "", /mean wait \S+ \w+ -> \S+ \w+ \([+-]?\S+ \w+\) for the \d+ jobs/);
  const [waits, use, owners] = report.tables;
  assert.equal(waits!.rows.length, 1 + 2 * FLAT_POLICIES.length);
  assert.equal(use!.rows.length, 2 * FLAT_POLICIES.length);
  for (const { rows, columns } of report.tables) {
    assert.ok(rows.every((row) => row.length === columns.length));
  }
  assert.equal(owners!.rows[2]!.at(-1), "gone");
  for (const plot of report.plots) assert.ok(plot.series.length <= 8);
  assert.ok(JSON.stringify(report.figures).length > 100);
});

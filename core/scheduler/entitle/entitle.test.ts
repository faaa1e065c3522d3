// Tests of what owners are entitled to: with all work preemptible, no owner's job ends later in the
// pool than on its owner's machines alone, whatever the mix of owners; and each step on its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, type Offer } from "../../pool/index.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { LendingView, NodeView, RunningView, WaitingView } from "../types.ts";

const projects = ["p0", "p1", "p2", "guest"].map((name) => ({
  ...{ name, parent: null, shares: 1, usage: 0 },
}));
const lends = (i: number, change: Partial<Offer> = {}): LendingView => ({
  ...{ siteId: `s${i}`, member: `m${i}` },
  offer: { ...DEFAULT_OFFER, ownProjects: [`p${i}`], recallGraceMs: 60_000, ...change },
});
const site = (i: number, gpus: number): NodeView =>
  node(`n${i}`, gpus, { siteId: `s${i}`, member: `m${i}` });
const jobOf = (jobId: string, project: string, accelerators: number, change: object = {}) =>
  waiting(jobId, spec({ accelerators }, { project, preemptible: true, ...change }));
/** A lease on some devices of a site's node. */
const lease = (
  jobId: string,
  i: number,
  gpus: readonly number[],
  project: string,
  change: Partial<RunningView> = {},
): RunningView => {
  const asked = jobOf(jobId, project, gpus.length).spec;
  return running(`L${jobId}`, {
    ...{ jobId, project, siteId: `s${i}`, spec: asked, submittedAtMs: -9, endsAtMs: 9 * HOUR_MS },
    placements: [
      { node: `n${i}`, acceleratorIds: gpus.map((g) => `gpu${g}`), milliCpu: 0, memoryMiB: 0 },
    ],
    ...{ preemptible: true, priority: 0 },
    ...change,
  });
};

interface Scene {
  readonly gpus: readonly number[];
  readonly leases: readonly RunningView[];
  readonly jobs: readonly WaitingView[];
  readonly lending?: readonly LendingView[];
}
const planOf = ({ gpus, leases, jobs, lending }: Scene) =>
  plan(
    snapshot({
      ...{ projects, running: leases, waiting: jobs },
      nodes: occupied(
        gpus.map((count, i) => site(i, count)),
        leases,
      ),
      lending: lending ?? gpus.map((_, i) => lends(i)),
    }),
  );

test("an entitled job takes what is free elsewhere rather than stop who borrows at home", () => {
  const leases = [lease("1", 0, [0], "guest")];
  const made = planOf({ gpus: [1, 1], leases, jobs: [jobOf("9", "p0", 1)] });
  assert.deepEqual(
    made.starts.map(({ siteId }) => siteId),
    ["s1"],
  );
  assert.match(made.starts[0]!.reason, /; it is entitled: its owner's own machines, alone, would/);
  assert.deepEqual(made.preemptions, []);
  // Where something more important waits, that gets what is free, and the owner its own.
  const urgent = jobOf("8", "guest", 1, { priority: 5 });
  const other = planOf({ gpus: [1, 1], leases, jobs: [jobOf("9", "p0", 1), urgent] });
  assert.deepEqual(
    other.starts.map(({ jobId, siteId }) => [jobId, siteId]),
    [["8", "s1"]],
  );
  assert.deepEqual(
    other.preemptions.map(({ leaseId, recall }) => [leaseId, recall]),
    [["L1", true]],
  );
});

test("elsewhere as much borrowed work makes way as is lent, if home cannot be had", () => {
  // Its own two sites lend one device each; a job for two on one node needs another place.
  const lending = [lends(0), lends(1, { ownProjects: ["p0"] }), lends(2)];
  const guests = [lease("1", 0, [0], "guest"), lease("2", 1, [0], "guest")];
  const there = [lease("3", 2, [0], "guest"), lease("4", 2, [1], "guest")];
  const jobs = [jobOf("9", "p0", 2)];
  const gpus = [1, 1, 2];
  // A job that its machines could never hold on one node is not entitled to anything.
  assert.deepEqual(planOf({ gpus, leases: [...guests, ...there], jobs, lending }).preemptions, []);
  const home = [
    lease("1", 0, [0], "guest"),
    lease("5", 0, [1], "p0", { preemptible: false, submittedAtMs: 5 }),
    lease("2", 1, [0], "guest"),
    lease("6", 1, [1], "p0", { preemptible: false, submittedAtMs: 5 }),
  ];
  const made = planOf({ gpus: [2, 2, 2], leases: [...home, ...there], jobs, lending });
  assert.deepEqual(made.preemptions.map(({ leaseId }) => leaseId).sort(), ["L3", "L4"]);
  assert.ok(
    made.preemptions.every(({ recall }) => recall === undefined),
    "no owner's recall",
  );
  assert.match(made.preemptions[0]!.reason, /makes way for job 9 .*whose owner's machines others/);
  // What may not be preempted, or matters more, or is its owner's own, stays.
  for (const change of [{ preemptible: false }, { priority: 1 }, { project: "p2" }]) {
    const firm = there.map((one) => ({ ...one, ...change }));
    const leases = [...home, ...firm];
    assert.deepEqual(planOf({ gpus: [2, 2, 2], leases, jobs, lending }).preemptions, []);
  }
  // One device is lent, two are asked for.
  const lent = home.filter(({ leaseId }) => leaseId !== "L2");
  const fewer = planOf({ gpus: [2, 2, 2], leases: [...lent, ...there], jobs, lending });
  assert.deepEqual(fewer.preemptions, []);
});

test("own work that is not entitled yet makes way for earlier work of the same owner", () => {
  const leases = [lease("5", 0, [0], "p0", { submittedAtMs: 7 })];
  const made = planOf({ gpus: [2], leases, jobs: [jobOf("4", "p0", 2)] });
  assert.deepEqual(
    made.preemptions.map(({ leaseId }) => leaseId),
    ["L5"],
  );
  const earlier = [{ ...leases[0]!, submittedAtMs: -1 }];
  assert.deepEqual(
    planOf({ gpus: [2], leases: earlier, jobs: [jobOf("4", "p0", 2)] }).waits.length,
    1,
  );
  assert.deepEqual(
    planOf({ gpus: [2], leases: earlier, jobs: [jobOf("4", "p0", 2)] }).preemptions,
    [],
  );
});

interface Work {
  readonly owner: number;
  readonly atMs: number;
  readonly devices: number;
  readonly ranMs: number;
}

/** When each job would end on its owner's machines, first come, first served. */
function alone(works: readonly Work[], gpus: readonly number[]): readonly number[] {
  const ends: number[] = works.map(() => 0);
  for (const [owner, count] of gpus.entries()) {
    const free = Array.from({ length: count }, () => 0);
    let beforeMs = 0;
    for (const [i, work] of works.entries()) {
      if (work.owner !== owner) continue;
      free.sort((a, b) => a - b);
      beforeMs = Math.max(beforeMs, work.atMs, free[work.devices - 1]!);
      ends[i] = beforeMs + work.ranMs;
      free.fill(ends[i]!, 0, work.devices);
    }
  }
  return ends;
}

/** When each ends in the pool. Whoever is stopped goes on later where it was: nothing is lost. */
function pooled(works: readonly Work[], gpus: readonly number[]) {
  const left = works.map(({ ranMs }) => ranMs);
  const ends = works.map(() => Infinity);
  let leases: RunningView[] = [];
  let [nowMs, stops, abroad] = [0, 0, 0];
  while (ends.includes(Infinity)) {
    for (let passes = 0; ; passes += 1) {
      assert.ok(passes < 200, "passes at one moment come to rest");
      const runs = new Set(leases.map(({ jobId }) => jobId));
      const jobs = works.flatMap(({ atMs, owner, devices }, i) =>
        atMs > nowMs || ends[i] !== Infinity || runs.has(`${i}`)
          ? []
          : [{ ...jobOf(`${i}`, `p${owner}`, devices), submittedAtMs: atMs }],
      );
      const base = { nowMs, projects, running: leases, waiting: jobs };
      const nodes = occupied(
        gpus.map((count, i) => site(i, count)),
        leases,
      );
      const lending = gpus.map((_, i) => lends(i, { recallGraceMs: 0 }));
      const made = plan(snapshot({ ...base, nodes, lending }));
      if (made.starts.length + made.preemptions.length === 0) break;
      const stopped = new Set(made.preemptions.map(({ leaseId }) => leaseId));
      stops += stopped.size;
      leases = leases.filter(({ leaseId }) => !stopped.has(leaseId));
      for (const { jobId, siteId, placements } of made.starts) {
        const { owner, atMs } = works[Number(jobId)]!;
        if (siteId !== `s${owner}`) abroad += 1;
        const asked = jobs.find((job) => job.jobId === jobId)!.spec;
        const about = { jobId, siteId, placements, spec: asked, project: `p${owner}` };
        const times = { submittedAtMs: atMs, startedAtMs: nowMs, endsAtMs: nowMs + HOUR_MS };
        leases.push(running(`L${jobId}`, { ...about, ...times, preemptible: true }));
      }
    }
    const runsIn = leases.map(({ jobId }) => left[Number(jobId)]!);
    const comes = works.map(({ atMs }) => atMs - nowMs).filter((ms) => ms > 0);
    const stepMs = Math.min(...runsIn, ...comes);
    nowMs += stepMs;
    for (const { jobId } of leases) {
      left[Number(jobId)]! -= stepMs;
      if (left[Number(jobId)] === 0) ends[Number(jobId)] = nowMs;
    }
    leases = leases.filter(({ jobId }) => left[Number(jobId)]! > 0);
  }
  return { ends, stops, abroad };
}

test("no owner's job ends later in the pool than on its owner's machines alone", () => {
  const drawn = fc
    .record({
      gpus: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 3 }),
      works: fc.array(
        fc.record({
          owner: fc.nat(2),
          gapMs: fc.constantFrom(0, 0, 60_000, 600_000, 1_800_000),
          devices: fc.integer({ min: 1, max: 4 }),
          ranMs: fc.integer({ min: 60_000, max: HOUR_MS }),
        }),
        { minLength: 3, maxLength: 14 },
      ),
    })
    .map(({ gpus, works }) => {
      let atMs = 0;
      const all = works.map(({ owner, gapMs, devices, ranMs }): Work => {
        atMs += gapMs;
        const whose = owner % gpus.length;
        return { owner: whose, atMs, devices: Math.min(devices, gpus[whose]!), ranMs };
      });
      return { gpus, works: all };
    });
  let [stops, abroad, sooner] = [0, 0, 0];
  const check = fc.property(drawn, ({ gpus, works }) => {
    const bound = alone(works, gpus);
    const pool = pooled(works, gpus);
    for (const [i, endMs] of pool.ends.entries()) {
      assert.ok(endMs <= bound[i]!, `job ${i} ends at ${endMs}, alone at ${bound[i]}`);
      if (endMs < bound[i]!) sooner += 1;
    }
    stops += pool.stops;
    abroad += pool.abroad;
  });
  fc.assert(check, { numRuns: 150, seed: 6 });
  const sample = `${stops} stops, ${abroad} starts abroad, ${sooner} sooner`;
  assert.ok(stops > 100 && abroad > 200 && sooner > 200, sample);
});

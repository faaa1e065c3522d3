// Random pools for property tests: nodes, leases that really hold what they say, and jobs.
// Used by tests only.
import fc from "fast-check";
import {
  gpu,
  HOUR_MS,
  nodeWith,
  occupied,
  running,
  snapshot,
  spec,
  waiting,
} from "./fixtures.testing.ts";
import type { NodeView, RunningView, SchedulerInput, WaitingView } from "./types.ts";

const SITES = ["s1", "s2", "s3"];
const PROJECTS = [
  { name: "lab", parent: null, shares: 2, usage: 5 * HOUR_MS },
  { name: "lab/x", parent: "lab", shares: 1, usage: 0 },
  { name: "firm", parent: null, shares: 1, usage: 0 },
];

const nodeArbitrary = fc.record({
  site: fc.nat(SITES.length - 1),
  models: fc.array(fc.constantFrom("A100 PCIe 40GB", "H100 SXM5 80GB"), { maxLength: 4 }),
  schedulable: fc.boolean(),
  alsoSchedulable: fc.boolean(),
});

const leaseArbitrary = fc.record({
  node: fc.nat(100),
  devices: fc.integer({ min: 0, max: 2 }),
  milliCpu: fc.constantFrom(0, 1_000, 3_000),
  priority: fc.constantFrom(0, 10),
  preemptible: fc.boolean(),
  stopping: fc.integer({ min: 0, max: 9 }),
  startedAtMs: fc.integer({ min: -5 * HOUR_MS, max: 0 }),
  leftMs: fc.integer({ min: 0, max: 5 * HOUR_MS }),
});

const jobArbitrary = fc.record({
  accelerators: fc.integer({ min: 0, max: 3 }),
  milliCpu: fc.constantFrom(0, 1_000, 4_000),
  memoryMiB: fc.constantFrom(0, 1_024, 40_000),
  model: fc.constantFrom(undefined, undefined, "A100", "H100"),
  count: fc.integer({ min: 1, max: 4 }),
  head: fc.boolean(),
  priority: fc.constantFrom(0, 0, 10, 100),
  project: fc.constantFrom("lab", "lab/x", "firm"),
  walltimeMs: fc.integer({ min: 60_000, max: 6 * HOUR_MS }),
  submittedAtMs: fc.integer({ min: -5, max: 0 }),
  eligible: fc.integer({ min: 0, max: 9 }),
  spanning: fc.integer({ min: 0, max: 9 }),
  excluded: fc.subarray(SITES),
});

/** A pool of some sites with leases and waiting jobs; consistent with itself. */
export const snapshotArbitrary: fc.Arbitrary<SchedulerInput> = fc
  .record({
    nodes: fc.array(nodeArbitrary, { maxLength: 6 }),
    leases: fc.array(leaseArbitrary, { maxLength: 8 }),
    jobs: fc.array(jobArbitrary, { minLength: 1, maxLength: 12 }),
  })
  .map(({ nodes, leases, jobs }) => {
    const idle = nodes.map(makeNode);
    const held = leases.reduce<readonly RunningView[]>(
      (before, lease, index) => before.concat(makeLease(lease, index, occupied(idle, before))),
      [],
    );
    return snapshot({
      nodes: occupied(idle, held),
      running: held,
      waiting: jobs.map(makeJob),
      projects: PROJECTS,
    });
  });

type Drawn<A> = A extends fc.Arbitrary<infer T> ? T : never;

function makeNode(drawn: Drawn<typeof nodeArbitrary>, index: number): NodeView {
  const siteId = SITES[drawn.site]!;
  const accelerators = drawn.models.map((model, i) =>
    gpu(i, model, model.startsWith("A") ? 40_960 : 81_920),
  );
  const schedulable = drawn.schedulable || drawn.alsoSchedulable;
  const why = schedulable ? {} : { unavailableReason: "draining" };
  return nodeWith(`n${index}`, accelerators, {
    siteId,
    member: `of-${siteId}`,
    schedulable,
    ...why,
  });
}

function makeLease(
  drawn: Drawn<typeof leaseArbitrary>,
  index: number,
  nodes: readonly NodeView[],
): readonly RunningView[] {
  const view = nodes[drawn.node % Math.max(1, nodes.length)];
  if (view === undefined || view.freeMilliCpu < drawn.milliCpu) return [];
  const acceleratorIds = view.freeAcceleratorIds.slice(0, drawn.devices);
  const placement = {
    node: view.node.name,
    acceleratorIds,
    milliCpu: drawn.milliCpu,
    memoryMiB: 0,
  };
  return [
    running(`L${index}`, {
      siteId: view.siteId,
      priority: drawn.priority,
      preemptible: drawn.preemptible,
      placements: [placement],
      startedAtMs: drawn.startedAtMs,
      endsAtMs: drawn.leftMs,
      ...(drawn.stopping === 0 ? { stopping: true } : {}),
    }),
  ];
}

function makeJob(drawn: Drawn<typeof jobArbitrary>, index: number): WaitingView {
  const { accelerators, milliCpu, memoryMiB, model, count, priority, project } = drawn;
  const resources = {
    accelerators,
    milliCpu,
    memoryMiB,
    ...(model === undefined ? {} : { model }),
  };
  const plain = spec(resources, { count, priority, project, walltimeMs: drawn.walltimeMs });
  const head = { ...spec({ milliCpu: 500 }).groups[0]!, name: "head" };
  const jobSpec = drawn.head ? { ...plain, groups: [head, ...plain.groups] } : plain;
  const eligible = drawn.eligible > 0;
  const job = waiting(`${index}`, jobSpec, { submittedAtMs: drawn.submittedAtMs, eligible });
  return drawn.spanning === 0
    ? { ...job, spec: { ...jobSpec, run: RUN }, spanning: { excludeSites: drawn.excluded } }
    : job;
}

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

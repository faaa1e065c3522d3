// Tests of the ranking with what was learned from arrivals: scarce hardware, cores beside
// accelerators, and what holds for any mix.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JobSpec } from "../../pool/index.ts";
import { gpu, nodeWith, spec } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { NodeView, SchedulerInput } from "../types.ts";
import { buildWorld } from "../world.ts";
import { Arrivals } from "./arrivals.ts";
import { PlacementMemory } from "./memory.ts";
import { Outlook } from "./outlook.ts";
import { Worth } from "./worth.ts";

const small = (index: number) => gpu(index, "T4", 16_384);
const big = (index: number) => gpu(index, "H100 SXM5 80GB", 81_920);
const views = (...nodes: readonly (readonly [name: string, model: typeof gpu, gpus: number])[]) =>
  nodes.map(([name, model, gpus]) =>
    nodeWith(
      name,
      Array.from({ length: gpus }, (_, index) => model(index)),
    ),
  );

function inputFor(
  nodes: readonly NodeView[],
  job: JobSpec,
  memory?: PlacementMemory,
): SchedulerInput {
  return {
    nowMs: 0,
    nodes,
    running: [],
    waiting: [{ jobId: "1", spec: job, submittedAtMs: 0, eligible: true }],
    projects: [{ name: "lab", parent: null, shares: 1, usage: 0 }],
    ...(memory === undefined ? {} : { memory }),
  };
}

const placeOf = (input: SchedulerInput): string | undefined =>
  plan(input).starts[0]?.placements[0]?.node;

/** A memory of so many jobs of each description. */
function remember(...jobs: readonly (readonly [job: JobSpec, times: number])[]): PlacementMemory {
  const memory = new PlacementMemory();
  for (const [job, times] of jobs) memory.arrivals.learn(job, times);
  return memory;
}

const anyGpu = spec({ accelerators: 1 });
const onlyBig = spec({ accelerators: 1, model: "H100" });

test("a task that any accelerator serves leaves the scarce ones to those who need them", () => {
  const nodes = views(["a-scarce", big, 1], ["b-common", small, 4]);
  const memory = remember([onlyBig, 60], [anyGpu, 60]);
  assert.equal(placeOf(inputFor(nodes, anyGpu)), "a-scarce", "best fit alone takes the smaller");
  assert.equal(placeOf(inputFor(nodes, anyGpu, memory)), "b-common");
  assert.equal(placeOf(inputFor(nodes, onlyBig, memory)), "a-scarce");
});

test("a price never makes a job wait: scarce accelerators are taken when no other is free", () => {
  const nodes = views(["a", big, 1]);
  const memory = remember([onlyBig, 60], [anyGpu, 60]);
  assert.equal(placeOf(inputFor(nodes, anyGpu, memory)), "a");
});

test("nobody is priced while nobody asks for the scarce accelerators", () => {
  const nodes = views(["a-scarce", big, 1], ["b-common", small, 4]);
  assert.equal(placeOf(inputFor(nodes, anyGpu, remember([anyGpu, 120]))), "a-scarce");
});

test("what bound jobs hold already is not expected of them again", () => {
  const nodes = views(["a-scarce", big, 4], ["b-common", small, 8]);
  const memory = remember([onlyBig, 20], [anyGpu, 100]);
  const free = nodes[0]!.freeAcceleratorIds.slice(3);
  const views2 = [{ ...nodes[0]!, freeAcceleratorIds: free }, nodes[1]!];
  const lease = {
    ...{ leaseId: "L1", jobId: "9", siteId: "s1", project: "lab", priority: 0 },
    ...{ preemptible: false, submittedAtMs: 0, startedAtMs: 0, endsAtMs: 3_600_000 },
    spec: onlyBig,
    placements: [
      { node: "a-scarce", acceleratorIds: ["gpu0", "gpu1", "gpu2"], milliCpu: 0, memoryMiB: 0 },
    ],
  };
  const input = { ...inputFor(views2, anyGpu, memory), running: [lease] };
  assert.equal(placeOf(input), "a-scarce");
  const unknown = { ...input, running: [{ ...lease, spec: anyGpu }] };
  assert.equal(placeOf(unknown), "b-common");
});

test("among nodes that leave as many accelerators the one with cores to spare stays whole", () => {
  const tight = nodeWith("b-tight", [small(0), small(1)], { freeMilliCpu: 4_000 });
  const roomy = nodeWith("a-roomy", [small(0), small(1)]);
  const light = spec({ accelerators: 1, milliCpu: 1_000 });
  const heavy = spec({ accelerators: 1, milliCpu: 4_000 });
  const memory = remember([heavy, 100]);
  // On the tight node one heavy task still fits beside nothing; a light one there strands less.
  const world = buildWorld(0, [roomy, tight], []);
  const outlook = memory.outlookOf(world)!.of(light.groups[0]!.resources, () => true);
  const waste = (milliCpu: number) =>
    outlook.waste(world.sites[0]!.nodes[0]!.hardware, 2, milliCpu, 1);
  assert.ok(waste(4_000) > waste(5_000), "the last four cores are worth an accelerator");
  assert.equal(
    placeOf(inputFor([roomy, { ...tight, freeMilliCpu: 5_000 }], light, memory)),
    "b-tight",
  );
});

test("the mix is believed after fifty tasks and renewed when it has doubled", () => {
  const arrivals = new Arrivals();
  arrivals.learn(anyGpu, 49);
  assert.equal(arrivals.version, 0);
  arrivals.learn(anyGpu);
  assert.equal(arrivals.version, 1);
  arrivals.learn(onlyBig, 49);
  assert.equal(arrivals.version, 1);
  assert.equal(arrivals.mix.length, 1, "the mix stays as it was when it was renewed");
  arrivals.learn(onlyBig);
  assert.equal(arrivals.version, 2);
  assert.deepEqual(
    arrivals.mix.map(({ count }) => count),
    [50, 50],
  );
});

test("the mix stays small, and the old counts less and less", () => {
  const arrivals = new Arrivals();
  arrivals.learn(onlyBig, 10_000);
  for (let cores = 1; cores <= 1_000; cores += 1) {
    arrivals.learn(spec({ accelerators: 1, milliCpu: cores }));
  }
  for (let time = 0; time < 10; time += 1) arrivals.learn(anyGpu, 15_000);
  assert.ok(arrivals.mix.length <= 500);
  const rows = new Map(arrivals.mix.map(({ resources, count }) => [resources.model, count]));
  assert.ok((rows.get("H100") ?? 0) < 100, "ten thousand of long ago count for few");
  assert.ok(arrivals.mix.every(({ count }) => Number.isFinite(count) && count > 0));
});

test("whatever was learned, the same jobs start as without it when one waits at a time", () => {
  const model = fc.constantFrom("T4", "H100 SXM5 80GB", undefined);
  const resources = fc.record({
    accelerators: fc.integer({ min: 0, max: 4 }),
    milliCpu: fc.integer({ min: 0, max: 8_000 }),
    model,
  });
  const job = resources.map(({ model: name, ...rest }) =>
    spec({ ...rest, ...(name === undefined ? {} : { model: name }) }),
  );
  const node = fc.record({ gpus: fc.integer({ min: 0, max: 8 }), isBig: fc.boolean() });
  const mix = fc.array(fc.tuple(job, fc.integer({ min: 1, max: 80 })), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(node, { maxLength: 6 }), mix, job, (shapes, jobs, wanted) => {
      const nodes = views(
        ...shapes.map(
          ({ gpus, isBig }, index) => [`n${index}`, isBig ? big : small, gpus] as const,
        ),
      );
      const with_ = plan(inputFor(nodes, wanted, remember(...jobs)));
      assert.equal(with_.starts.length, plan(inputFor(nodes, wanted)).starts.length);
    }),
    { numRuns: 300, seed: 3 },
  );
});

test("worth lies between nothing and all that is free, and grows with what is free", () => {
  const nodes = views(["a", big, 8], ["b", small, 3]);
  const memory = remember([spec({ accelerators: 2, milliCpu: 1_000 }), 50], [anyGpu, 20]);
  const world = buildWorld(0, nodes, []);
  const worth = new Worth(world.hardware, memory.arrivals);
  assert.ok(memory.outlookOf(world) instanceof Outlook);
  for (const [hardware, view] of world.hardware.entries()) {
    const all = view.node.accelerators.length;
    let before = 0;
    for (let free = 0; free <= all; free += 1) {
      const here = worth.of(hardware, free, 8_000);
      assert.ok(here >= before && here <= 1_000 * free, `${here} of ${free}`);
      before = here;
    }
    assert.equal(worth.of(hardware, 0, 8_000), 0);
  }
});

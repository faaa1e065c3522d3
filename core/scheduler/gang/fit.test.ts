// Tests of placing gangs, against a slow search that tries every way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JobSpec, Resources } from "../../pool/index.ts";
import { BOUNDS } from "../bounds.ts";
import { fitsSomehow } from "../brute-force.testing.ts";
import { makeDemand } from "../demand.ts";
import { matches } from "../feasible/matching.ts";
import { gpu, node, nodeWith, spec } from "../fixtures.testing.ts";
import type { NodeView } from "../types.ts";
import { buildWorld } from "../world.ts";
import { type Fit, fitSite } from "./fit.ts";
import { placementsOf } from "./uses.ts";

function fit(jobSpec: JobSpec, nodes: readonly NodeView[]): Fit | undefined {
  const demand = makeDemand(jobSpec, buildWorld(0, nodes, []));
  const candidates = demand.candidates[0];
  if (candidates === undefined) return undefined;
  return fitSite(demand, candidates, ({ room }) => room, BOUNDS.GANG_STEPS_MAX).fit;
}

const nodesOf = (found: Fit | undefined): readonly string[] =>
  found === undefined ? [] : placementsOf(found).map((placement) => placement.node);

test("a small task goes where it leaves the fewest accelerators", () => {
  const found = fit(spec({ accelerators: 1 }), [node("big", 8), node("small", 2), node("mid", 4)]);
  assert.deepEqual(nodesOf(found), ["small"]);
});

test("a gang goes on one node if one has room for it, else on as few as possible", () => {
  const nodes = [node("a", 1), node("b", 4), node("c", 8), node("d", 1)];
  assert.deepEqual(nodesOf(fit(spec({ accelerators: 1 }, { count: 3 }), nodes)), ["b", "b", "b"]);
  const wide = nodesOf(fit(spec({ accelerators: 1 }, { count: 12 }), nodes));
  assert.deepEqual(new Set(wide), new Set(["b", "c"]));
});

test("a task without accelerators keeps off nodes with GPUs while it can", () => {
  const nodes = [node("gpu", 1), nodeWith("plain", [])];
  assert.deepEqual(nodesOf(fit(spec({ milliCpu: 1_000 }), nodes)), ["plain"]);
  assert.deepEqual(nodesOf(fit(spec({ milliCpu: 1_000 }), nodes.slice(0, 1))), ["gpu"]);
});

test("a task that any device serves leaves the larger device alone", () => {
  const mixed = [nodeWith("a", [gpu(0), gpu(1, "A10", 24_576)])];
  const found = fit(spec({ accelerators: 1 }), mixed);
  assert.deepEqual(placementsOf(found!)[0]!.acceleratorIds, ["gpu1"]);
});

test("a task steps aside for a pickier one", () => {
  const nodes = [nodeWith("a", [gpu(0, "A10", 24_576), gpu(1)])];
  const any = spec({ accelerators: 1, milliCpu: 2 }).groups[0]!;
  const picky = spec({ accelerators: 1, milliCpu: 1, model: "A10" }).groups[0]!;
  const found = fit({ ...spec({}), groups: [any, picky] }, nodes);
  const ids = placementsOf(found!).map(({ acceleratorIds }) => acceleratorIds[0]);
  assert.deepEqual(ids, ["gpu1", "gpu0"]);
});

const model = fc.constantFrom("A10", "A100", "H100");
const site = fc
  .array(
    fc.record({
      devices: fc.array(model, { maxLength: 3 }),
      busy: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      milliCpu: fc.integer({ min: 0, max: 4 }),
      memoryMiB: fc.integer({ min: 0, max: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((nodes) =>
    nodes.map(({ devices, busy, milliCpu, memoryMiB }, index): NodeView => {
      const view = nodeWith(
        `n${index}`,
        devices.map((name, i) => gpu(i, name, 1_024)),
      );
      const free = view.freeAcceleratorIds.filter((_, i) => busy[i] !== true);
      return {
        ...view,
        freeAcceleratorIds: free,
        freeMilliCpu: milliCpu,
        freeMemoryMiB: memoryMiB,
      };
    }),
  );
const task: fc.Arbitrary<Partial<Resources>> = fc.record(
  {
    accelerators: fc.integer({ min: 0, max: 2 }),
    milliCpu: fc.integer({ min: 0, max: 2 }),
    memoryMiB: fc.integer({ min: 0, max: 2 }),
    model,
    // NVIDIA is A10 and H100, 2 GiB is A100 and H100: neither holds the other.
    vendor: fc.constant("NVIDIA"),
    acceleratorMemoryMiB: fc.constant(2_048),
  },
  { requiredKeys: ["accelerators", "milliCpu", "memoryMiB"] },
);
const groups = fc.array(fc.record({ task, count: fc.integer({ min: 1, max: 2 }) }), {
  minLength: 1,
  maxLength: 3,
});

test("a gang is placed if and only if there is some way to place it", () => {
  let placed = 0;
  const check = fc.property(site, groups, (nodes, parts) => {
    const jobSpec: JobSpec = {
      ...spec({}),
      groups: parts.map((part, i) => ({
        ...spec(part.task, { count: part.count }).groups[0]!,
        name: `g${i}`,
      })),
    };
    const tasks = jobSpec.groups.flatMap(({ count, resources }) =>
      Array.from({ length: count }, () => resources),
    );
    const found = fit(jobSpec, nodes);
    assert.equal(found !== undefined, fitsSomehow(tasks, nodes));
    if (found === undefined) return;
    placed += 1;
    const seen = new Set<string>();
    placementsOf(found).forEach((placement, index) => {
      assert.equal(placement.acceleratorIds.length, tasks[index]!.accelerators);
      const view = nodes.find((one) => one.node.name === placement.node)!;
      for (const id of placement.acceleratorIds) {
        assert.ok(view.freeAcceleratorIds.includes(id), "only free devices are used");
        assert.ok(!seen.has(`${placement.node} ${id}`), "no device is used twice");
        seen.add(`${placement.node} ${id}`);
        const have = view.node.accelerators.find((one) => one.id === id)!;
        assert.ok(matches(tasks[index]!, have));
      }
    });
    for (const view of nodes) {
      const here = placementsOf(found).filter((placement) => placement.node === view.node.name);
      assert.ok(here.reduce((sum, one) => sum + one.milliCpu, 0) <= view.freeMilliCpu);
      assert.ok(here.reduce((sum, one) => sum + one.memoryMiB, 0) <= view.freeMemoryMiB);
    }
  });
  fc.assert(check, { numRuns: 2_000, seed: 7 });
  assert.ok(placed > 200, `the sample holds jobs that fit: ${placed}`);
});

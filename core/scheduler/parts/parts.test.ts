// Parts of accelerators in the plan: several jobs on one device, never more than all of it, and
// only where the owner shares.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WHOLE_MILLI } from "../../pool/index.ts";
import { feasibleEver } from "../ever.ts";
import { HOUR_MS, node, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { blockedReasons } from "../request-key.ts";
import type { NodeView, Plan, RunningView, WaitingView } from "../types.ts";
import { partPlaces } from "./parts.ts";

const part = (id: string, partMilli: number, change: Parameters<typeof spec>[1] = {}) =>
  waiting(id, spec({ accelerators: 1, partMilli }, change));

const sharing = (name: string, gpus: number, change: Partial<NodeView> = {}): NodeView =>
  node(name, gpus, { sharesAccelerators: true, ...change });

const places = (made: Plan): string =>
  made.starts
    .flatMap(({ jobId, placements }) =>
      placements.map((one) => `${jobId}:${one.node}/${one.acceleratorIds}:${one.partMilli}`),
    )
    .join(" ");

test("parts go where a device is broken up already, and there where least is left", () => {
  const nodes = [sharing("a", 1), sharing("b", 3)];
  const made = plan(snapshot({ nodes, waiting: [part("1", 600), part("2", 300), part("3", 300)] }));
  assert.equal(places(made), "1:a/gpu0:600 2:a/gpu0:300 3:b/gpu0:300");
  const left = { devices: new Uint8Array(3), freeDevices: 0, milliCpu: 0, memoryMiB: 0 };
  const room = { ...left, left: Uint16Array.of(1_000, 500, 700) };
  assert.deepEqual(partPlaces(250, 5, [0, 1, 2], room), [1, 1, 2, 2, 0]);
});

test("only owners who share get parts, and a part is one of a GPU", () => {
  const job = part("1", 500);
  const made = plan(snapshot({ nodes: [node("a", 2)], waiting: [job] }));
  const [reason] = blockedReasons(made, job.spec) ?? [];
  assert.deepEqual(
    [reason?.code, reason?.text],
    ["NOT_SHARED", "ana lends its accelerators only as a whole"],
  );
  const refused = feasibleEver(job.spec, [node("a", 2)]);
  assert.ok(!refused.ok && refused.code === "IMPOSSIBLE_REQUEST");
  const processor = { id: "cpu0", kind: "cpu", vendor: "", model: "x", memoryMiB: 1 } as const;
  const view = sharing("a", 0);
  const bare = { ...view, node: { ...view.node, accelerators: [processor] } };
  assert.ok(!feasibleEver(job.spec, [bare]).ok);
  assert.ok(feasibleEver(job.spec, [sharing("a", 1)]).ok);
});

test("a device of which a part is held is not given away as a whole", () => {
  const held = { freeAcceleratorIds: [], leftMilli: { gpu0: 400 } };
  const nodes = [sharing("a", 1, held)];
  const lease = running("L1", {
    placements: [
      { node: "a", acceleratorIds: ["gpu0"], partMilli: 600, milliCpu: 0, memoryMiB: 0 },
    ],
  });
  const long = part("3", 400, { walltimeMs: 2 * HOUR_MS });
  const jobs = [waiting("1", spec({ accelerators: 1 })), part("2", 500), long];
  const made = plan(snapshot({ nodes, running: [lease], waiting: jobs }));
  assert.deepEqual(
    made.starts.map(({ jobId }) => jobId),
    [],
  );
  const why = (job: WaitingView) => blockedReasons(made, job.spec)?.[0]?.text;
  assert.equal(why(jobs[1]!), "less than 0.5 of any matching accelerator is free");
  assert.equal(made.waits[0]?.startEstimateMs, lease.endsAtMs, "when the part is over");
  const alone = plan(snapshot({ nodes, running: [lease], waiting: jobs.slice(1) }));
  assert.equal(places(alone), "3:a/gpu0:400");
});

const storyArbitrary = fc.record({
  gpus: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  shares: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  jobs: fc.array(
    fc.record({
      partMilli: fc.option(fc.constantFrom(1, 100, 250, 333, 500, 810, 999), { nil: undefined }),
      count: fc.integer({ min: 1, max: 4 }),
      at: fc.integer({ min: 0, max: 30 }),
      steps: fc.integer({ min: 1, max: 12 }),
      priority: fc.constantFrom(0, 0, 10),
      preemptible: fc.boolean(),
    }),
    { minLength: 1, maxLength: 20 },
  ),
});

const STEP_MS = 60_000;

test("parts never sum up to more than a device, and nobody is beside who has all of it", () => {
  let together = 0;
  fc.assert(
    fc.property(storyArbitrary, ({ gpus, shares, jobs }) => {
      const idle = gpus.map((count, i) => {
        const change = { siteId: `s${i % 2}` };
        return shares[i] === true ? sharing(`n${i}`, count, change) : node(`n${i}`, count, change);
      });
      let leases: RunningView[] = [];
      let queue: WaitingView[] = [];
      for (let at = 0; at <= 45; at += 1) {
        const nowMs = at * STEP_MS;
        leases = leases.filter(({ endsAtMs }) => endsAtMs > nowMs);
        for (const [i, { at: when, steps, count, partMilli, ...rest }] of jobs.entries()) {
          if (when !== at) continue;
          const asked = partMilli === undefined ? {} : { partMilli };
          const change = { ...rest, count, walltimeMs: steps * STEP_MS };
          queue.push(waiting(`${i}`, spec({ accelerators: 1, ...asked }, change)));
        }
        const nodes = idle.map((view) => holding(view, leases));
        const made = plan(snapshot({ nowMs, nodes, running: leases, waiting: queue }));
        for (const { jobId, siteId, placements } of made.starts) {
          const { spec: asked } = queue.find((one) => one.jobId === jobId)!;
          const { priority, preemptible, walltimeMs } = asked;
          const times = { startedAtMs: nowMs, endsAtMs: nowMs + walltimeMs };
          const lease = { jobId, siteId, placements, priority, preemptible, spec: asked };
          leases.push(running(`L${jobId}`, { ...lease, ...times }));
        }
        const gone = new Set(made.preemptions.map(({ leaseId }) => leaseId));
        leases = leases.filter(({ leaseId }) => !gone.has(leaseId));
        queue = queue.filter(({ jobId }) => !made.starts.some((one) => one.jobId === jobId));
        together += checkDevices(idle, leases);
      }
    }),
    { numRuns: 60 },
  );
  assert.ok(together > 50, `devices are shared in the stories: ${together}`);
});

/** Checks what is held of each device; counts those that several tasks hold. */
function checkDevices(nodes: readonly NodeView[], leases: readonly RunningView[]): number {
  const held = new Map<string, number[]>();
  for (const { siteId, placements } of leases) {
    for (const { node: name, acceleratorIds, partMilli } of placements) {
      const view = nodes.find((one) => one.siteId === siteId && one.node.name === name)!;
      assert.ok(partMilli === undefined || view.sharesAccelerators, "its owner shares");
      for (const id of acceleratorIds) {
        const key = `${siteId}/${name}/${id}`;
        held.set(key, [...(held.get(key) ?? []), partMilli ?? WHOLE_MILLI]);
      }
    }
  }
  for (const [key, parts] of held) {
    const sum = parts.reduce((a, b) => a + b, 0);
    assert.ok(sum <= WHOLE_MILLI, `${key} is held ${parts.join(" + ")}`);
  }
  return [...held.values()].filter((parts) => parts.length > 1).length;
}

/** A node with what leases hold of it. */
function holding(view: NodeView, leases: readonly RunningView[]): NodeView {
  const left: Record<string, number> = {};
  const whole = new Set<string>();
  for (const { siteId, placements } of leases) {
    if (siteId !== view.siteId) continue;
    for (const { node: name, acceleratorIds, partMilli } of placements) {
      if (name !== view.node.name) continue;
      for (const id of acceleratorIds) {
        whole.add(id);
        if (partMilli !== undefined) left[id] = (left[id] ?? WHOLE_MILLI) - partMilli;
      }
    }
  }
  const freeAcceleratorIds = view.freeAcceleratorIds.filter((id) => !whole.has(id));
  return { ...view, freeAcceleratorIds, leftMilli: left };
}

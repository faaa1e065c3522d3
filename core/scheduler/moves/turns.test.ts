// Moves as a pass decides them: parts of one GPU come together, what is under way is kept, and
// nobody moves for what is not worth it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Placement } from "../../pool/index.ts";
import { HOUR_MS, node, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { blockedReasons } from "../request-key.ts";
import type { MovesView, NodeView, RunningView, SchedulerInput } from "../types.ts";

const half = (name: string): Placement => ({
  ...{ node: name, acceleratorIds: ["gpu0"], partMilli: 500, milliCpu: 1_000, memoryMiB: 0 },
});
const halfSpec = spec(
  { accelerators: 1, partMilli: 500, milliCpu: 1_000 },
  { preemptible: true, walltimeMs: 10 * HOUR_MS },
);

/** A node with one GPU of which a half is taken. */
const broken = (name: string): NodeView =>
  node(name, 1, {
    ...{ sharesAccelerators: true, freeAcceleratorIds: [], leftMilli: { gpu0: 500 } },
    freeMilliCpu: 7_000,
  });

const lease = (leaseId: string, on: string, change: Partial<RunningView> = {}): RunningView =>
  running(leaseId, {
    ...{ preemptible: true, mayMove: true, spec: halfSpec, placements: [half(on)] },
    ...{ startedAtMs: 0, checkpointAtMs: HOUR_MS - 60_000, endsAtMs: 10 * HOUR_MS },
    ...change,
  });

const whole = waiting("9", spec({ accelerators: 1, milliCpu: 1_000 }));

function input(
  leases: readonly RunningView[],
  moves: MovesView | undefined,
  change: Partial<SchedulerInput> = {},
): SchedulerInput {
  const nodes = [broken("a"), broken("b")];
  const base = { nowMs: HOUR_MS, nodes, running: leases, waiting: [whole] };
  return snapshot({ ...base, ...(moves === undefined ? {} : { moves }), ...change });
}

const ON: MovesView = { on: true, moving: [] };
const both = (change: Partial<RunningView> = {}) => [
  lease("L1", "a", change),
  lease("L2", "b", change),
];

test("two halves of two GPUs come together on one, and the other is free as a whole", () => {
  const made = plan(input(both(), ON));
  assert.equal(made.preemptions.length, 1);
  const [{ leaseId, forJobId, moveTo, reason } = {}] = made.preemptions;
  assert.equal(forJobId, "9");
  assert.deepEqual(moveTo, [half(leaseId === "L1" ? "b" : "a")]);
  assert.match(reason ?? "", /^moves from node [ab] to node [ab] so that job 9 has room$/);
  assert.deepEqual(
    made.waits.map(({ jobId, reasons }) => [jobId, reasons[0]?.code]),
    [["9", "MOVING"]],
  );
  assert.deepEqual(plan(input(both(), undefined)).preemptions, [], "a pool that moves nothing");
  assert.deepEqual(plan(input(both(), { ...ON, on: false })).preemptions, []);
  assert.deepEqual(plan(input(both({ mayMove: false }), ON)).preemptions, []);
});

test("what would be over soon, or has much to lose, stays where it is", () => {
  const soon = both({ endsAtMs: HOUR_MS + 30_000 });
  assert.deepEqual(plan(input(soon, ON)).preemptions, []);
  // An hour of half a device is lost; the wait ends by itself in a quarter of an hour.
  const late = both({ checkpointAtMs: 0, endsAtMs: HOUR_MS + 900_000 });
  assert.deepEqual(plan(input(late, ON)).preemptions, []);
  const saved = both({ checkpointAtMs: HOUR_MS, endsAtMs: HOUR_MS + 900_000 });
  assert.equal(plan(input(saved, ON)).preemptions.length, 1);
});

test("until a moved job runs again nobody else gets its place, and it gets no other", () => {
  const moving = { jobId: "job-L1", forJobId: "9", spec: halfSpec, siteId: "s1", to: [half("b")] };
  const other = waiting("10", spec({ accelerators: 1, partMilli: 500 }));
  const stops = [lease("L1", "a", { stopping: true }), lease("L2", "b")];
  const before = plan(input(stops, { on: true, moving: [moving] }, { waiting: [whole, other] }));
  assert.deepEqual(before.starts, [], "the half of b is for job-L1, that of a goes with all of a");
  assert.equal(before.waits.find(({ jobId }) => jobId === "9")?.reasons[0]?.code, "MOVING");
  const back = waiting("job-L1", halfSpec);
  const nodes = [node("a", 1, { sharesAccelerators: true }), broken("b")];
  const after = plan(
    input(
      [lease("L2", "b")],
      { on: true, moving: [{ ...moving, job: back }] },
      { nodes, waiting: [whole, other, back] },
    ),
  );
  assert.deepEqual(
    after.starts.map(({ jobId, placements }) => [jobId, placements[0]?.node]),
    [
      ["job-L1", "b"],
      ["9", "a"],
    ],
  );
  assert.match(after.starts[0]?.reason ?? "", /it was moved here so that job 9 has room/);
  assert.ok((blockedReasons(after, other.spec) ?? []).length > 0);
});

test("while some move nobody else is sent away", () => {
  const moving = { jobId: "x", forJobId: "8", spec: halfSpec, siteId: "gone", to: [half("z")] };
  assert.deepEqual(plan(input(both(), { on: true, moving: [moving] })).preemptions, []);
});

// Tests of preemption: only where needed, only who may be, and what is freed goes to the preemptor.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LIMITS } from "../../pool/index.ts";
import { snapshotArbitrary } from "../arbitraries.testing.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { Plan, RunningView, SchedulerInput } from "../types.ts";

const lease = (leaseId: string, gpu: number, change: Partial<RunningView> = {}): RunningView =>
  running(leaseId, {
    preemptible: true,
    placements: [{ node: "a", acceleratorIds: [`gpu${gpu}`], milliCpu: 1_000, memoryMiB: 0 }],
    startedAtMs: -HOUR_MS,
    endsAtMs: 9 * HOUR_MS,
    ...change,
  });

const pool = (gpus: number, leases: readonly RunningView[]): Partial<SchedulerInput> => ({
  nodes: occupied([node("a", gpus)], leases),
  running: leases,
});

const urgent = waiting("9", spec({ accelerators: 2 }, { priority: 500 }));
const victimsOf = ({ preemptions }: Plan) => preemptions.map(({ leaseId }) => leaseId).sort();

test("the leases that lose the least work are stopped, and no more than needed", () => {
  const leases = [
    lease("L0", 0),
    lease("L1", 1, { checkpointAtMs: -60_000 }),
    lease("L2", 2, { startedAtMs: -HOUR_MS / 2 }),
    lease("L3", 3),
  ];
  const answer = plan(snapshot({ ...pool(4, leases), waiting: [urgent] }));
  assert.deepEqual(victimsOf(answer), ["L1", "L2"]);
  assert.match(answer.preemptions[0]!.reason, /stops for job 9 \(priority 500 over 0\)/);
  assert.equal(answer.starts.length, 0);
  assert.deepEqual(answer.waits, [
    {
      jobId: "9",
      reasons: [{ code: "PREEMPTING", text: "waits for leases on site s1 to stop", nodes: 1 }],
      startEstimateMs: LIMITS.STOP_GRACE_MS,
    },
  ]);
});

test("a job that fits beside the leases, or would not fit without them, stops nobody", () => {
  const beside = plan(snapshot({ ...pool(3, [lease("L0", 0)]), waiting: [urgent] }));
  assert.deepEqual([victimsOf(beside), beside.starts.length], [[], 1]);
  const tooSmall = plan(snapshot({ ...pool(1, [lease("L0", 0)]), waiting: [urgent] }));
  assert.deepEqual(victimsOf(tooSmall), []);
});

test("equal priority and leases that may not be preempted are left alone", () => {
  const leases = [lease("L0", 0, { priority: 500 }), lease("L1", 1, { preemptible: false })];
  assert.deepEqual(victimsOf(plan(snapshot({ ...pool(2, leases), waiting: [urgent] }))), []);
});

test("two urgent jobs do not count on the same victim", () => {
  const leases = [0, 1, 2, 3].map((gpu) => lease(`L${gpu}`, gpu));
  const other = waiting("10", spec({ accelerators: 2 }, { priority: 500 }));
  const third = waiting("11", spec({ accelerators: 1 }, { priority: 500 }));
  const answer = plan(snapshot({ ...pool(4, leases), waiting: [urgent, other, third] }));
  assert.deepEqual(victimsOf(answer), ["L0", "L1", "L2", "L3"]);
  const waits = answer.waits.map(({ jobId, reasons }) => [jobId, reasons[0]!.code]);
  assert.deepEqual(waits, [
    ["9", "PREEMPTING"],
    ["10", "PREEMPTING"],
    ["11", "RESERVED_FOR"],
  ]);
});

test("while victims stop nobody else is preempted and nobody takes their place", () => {
  const leases = [lease("L0", 0, { stopping: true }), lease("L2", 2)];
  // One victim is gone already: its device is free, and the small job would fit on it.
  const small = waiting("1", spec({ accelerators: 1 }, { walltimeMs: HOUR_MS }));
  const answer = plan(snapshot({ ...pool(3, leases), waiting: [small, urgent] }));
  assert.deepEqual([answer.preemptions, answer.starts], [[], []]);
  assert.deepEqual(answer.waits[1]?.reasons, [
    { code: "RESERVED_FOR", text: "kept for job 9", nodes: 1 },
  ]);
  const after = plan(snapshot({ ...pool(3, [leases[1]!]), waiting: [small, urgent] }));
  assert.deepEqual(
    after.starts.map(({ jobId }) => jobId),
    ["9"],
  );
});

test("free processors are kept too, while victims stop", () => {
  const wide = waiting("9", spec({ accelerators: 1, milliCpu: 7_500 }, { priority: 500 }));
  const small = waiting("1", spec({ milliCpu: 1_000 }));
  const answer = plan(snapshot({ ...pool(1, [lease("L0", 0)]), waiting: [wide, small] }));
  assert.deepEqual(victimsOf(answer), ["L0"]);
  assert.equal(answer.waits[1]?.reasons[0]?.code, "RESERVED_FOR");
});

test("every preemption is of a lower priority, needed, and makes its job start", () => {
  let preempted = 0;
  const check = fc.property(snapshotArbitrary, (input) => {
    const { preemptions } = plan(input);
    const ids = preemptions.map(({ leaseId }) => leaseId);
    assert.equal(new Set(ids).size, ids.length);
    preempted += ids.length;
    for (const { leaseId, forJobId } of preemptions) {
      const victim = input.running.find((one) => one.leaseId === leaseId)!;
      const job = input.waiting.find((one) => one.jobId === forJobId)!;
      assert.ok(victim.preemptible && victim.stopping !== true);
      assert.ok(victim.priority < job.spec.priority);
    }
    const jobIds = new Set(preemptions.map(({ forJobId }) => forJobId));
    if (jobIds.size !== 1 || input.running.some(({ stopping }) => stopping === true)) return;
    const [jobId] = jobIds;
    const startsWithout = (gone: readonly string[]): boolean => {
      const left = input.running.filter(({ leaseId }) => !gone.includes(leaseId));
      const freed = input.running.filter(({ leaseId }) => gone.includes(leaseId));
      const nodes = giveBack(input, freed);
      const waitingJobs = input.waiting.filter((job) => job.jobId === jobId);
      const answer = plan({ ...input, nodes, running: left, waiting: waitingJobs });
      return answer.starts.some((start) => start.jobId === jobId);
    };
    assert.ok(startsWithout(ids), "the victims suffice");
    for (const spared of ids) {
      const fewer = ids.filter((leaseId) => leaseId !== spared);
      // Alone in the pool the job might start elsewhere, where another job has its turn first.
      if (!startsWithout([])) assert.ok(!startsWithout(fewer), `${spared} is needed`);
    }
  });
  fc.assert(check, { numRuns: 1_000, seed: 2 });
  assert.ok(preempted > 50, `the sample preempts: ${preempted}`);
});

function giveBack({ nodes }: SchedulerInput, freed: readonly RunningView[]) {
  return nodes.map((view) => {
    const parts = freed.flatMap(({ placements }) =>
      placements.filter((placement) => placement.node === view.node.name),
    );
    return {
      ...view,
      freeAcceleratorIds: [
        ...view.freeAcceleratorIds,
        ...parts.flatMap(({ acceleratorIds }) => acceleratorIds),
      ],
      freeMilliCpu: view.freeMilliCpu + parts.reduce((sum, { milliCpu }) => sum + milliCpu, 0),
    };
  });
}

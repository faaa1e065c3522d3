// Tests of the answer to "why does my job wait?".
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { snapshotArbitrary } from "./arbitraries.testing.ts";
import { explain } from "./explain.ts";
import {
  gpu,
  HOUR_MS,
  node,
  nodeWith,
  occupied,
  running,
  snapshot,
  spec,
  waiting,
} from "./fixtures.testing.ts";
import { plan } from "./plan.ts";

const held = [
  running("L1", {
    placements: [{ node: "a", acceleratorIds: ["gpu0"], milliCpu: 0, memoryMiB: 0 }],
    endsAtMs: 2 * HOUR_MS,
  }),
];
const pool = {
  nodes: occupied([node("a", 2), nodeWith("b", [gpu(0, "A10", 24_576)])], held),
  running: held,
};

test("an explanation gives place, reasons, what would help, and when it starts", () => {
  const first = waiting("1", spec({ accelerators: 2 }, { priority: 5 }));
  const asks = { accelerators: 1, model: "H100", acceleratorMemoryMiB: 40_960 };
  const second = waiting("2", spec(asks, { walltimeMs: 8 * HOUR_MS }));
  const answer = explain(snapshot({ ...pool, waiting: [first, second] }), "2");
  assert.deepEqual(answer, {
    jobId: "2",
    starts: false,
    place: 2,
    ahead: 1,
    aheadJobIds: ["1"],
    reasons: [
      { code: "MODEL", text: "model A10, not H100", nodes: 1 },
      { code: "RESERVED_FOR", text: "kept for job 1", nodes: 1 },
    ],
    changes: ["It would start now with a time limit of at most 120 minutes."],
    startEstimateMs: 3 * HOUR_MS,
  });
});

test("one thing that stands in the way is named", () => {
  const explained = (asks: Parameters<typeof spec>[0], change: Parameters<typeof spec>[1] = {}) =>
    explain(snapshot({ ...pool, waiting: [waiting("1", spec(asks, change))] }), "1")?.changes;
  assert.deepEqual(explained({ accelerators: 1, vendor: "AMD" }), [
    "It would start now without the vendor AMD.",
  ]);
  assert.deepEqual(explained({ accelerators: 1 }, { count: 3 }), [
    "It would start now with one task.",
  ]);
  assert.deepEqual(explained({ accelerators: 2 }), [
    "It would start now with one accelerator a task.",
  ]);
  const constraints = { members: ["bob"], excludeMembers: [], labels: {} };
  assert.deepEqual(explained({ accelerators: 1 }, { constraints }), [
    "It would start now if any member might serve it.",
  ]);
});

test("a job that starts, one that is held and one that does not exist are told apart", () => {
  const free = waiting("1", spec({ accelerators: 1 }));
  const stuck = waiting("2", spec({}), { eligible: false });
  const input = snapshot({ ...pool, waiting: [free, stuck] });
  assert.equal(explain(input, "1")?.starts, true);
  const { starts, place, reasons } = explain(input, "2")!;
  assert.deepEqual([starts, place, reasons[0]?.code], [false, undefined, "HELD"]);
  assert.equal(explain(input, "3"), undefined);
});

test("an explanation agrees with the plan", () => {
  const check = fc.property(snapshotArbitrary, (input) => {
    const { starts, waits } = plan(input);
    for (const { jobId } of input.waiting) {
      const answer = explain(input, jobId)!;
      assert.equal(
        answer.starts,
        starts.some((start) => start.jobId === jobId),
      );
      const wait = waits.find((one) => one.jobId === jobId);
      assert.deepEqual(answer.reasons, wait?.reasons ?? []);
      assert.ok(answer.place === undefined || answer.ahead < answer.place);
    }
  });
  fc.assert(check, { numRuns: 100, seed: 6 });
});

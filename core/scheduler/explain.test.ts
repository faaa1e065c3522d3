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
  const { standing, ...answer } = explain(snapshot({ ...pool, waiting: [first, second] }), "2")!;
  assert.deepEqual(answer, {
    jobId: "2",
    starts: false,
    place: 2,
    ahead: 1,
    aheadJobIds: ["1"],
    reasons: [
      { code: "RESERVED_FOR", text: "kept for job 1", nodes: 1 },
      { code: "MODEL", text: "model A10, not H100", nodes: 1 },
    ],
    changes: [
      {
        text: "With `time: 2h` it would start now.",
        ...{ startMs: 0, now: true, gainMs: 3 * HOUR_MS },
      },
    ],
    startEstimateMs: 3 * HOUR_MS,
    startIntervalMs: [3 * HOUR_MS, 3 * HOUR_MS, 3 * HOUR_MS],
  });
  assert.equal(standing?.ofHigherPriority, 1);
  assert.match(standing?.text ?? "", /^priority 0; project lab .*; ahead: 1 of a higher priority$/);
});

test("one thing that stands in the way is named", () => {
  const explained = (asks: Parameters<typeof spec>[0], change: Parameters<typeof spec>[1] = {}) =>
    explain(snapshot({ ...pool, waiting: [waiting("1", spec(asks, change))] }), "1")?.changes.map(
      ({ text }) => text,
    );
  const cannot = "as it is, nothing that is lent now can take it.";
  assert.deepEqual(explained({ accelerators: 1, vendor: "AMD" }), [
    `Without \`vendor: AMD\` it would start now; ${cannot}`,
  ]);
  assert.deepEqual(explained({ accelerators: 1 }, { count: 3 }), [
    "With `tasks: 2` it would start now.",
  ]);
  assert.deepEqual(explained({ accelerators: 2 }), ["With `accelerators: 1` it would start now."]);
  const constraints = { members: ["bob"], excludeMembers: [], labels: {} };
  assert.deepEqual(explained({ accelerators: 1 }, { constraints }), [
    `Without \`members\` it would start now; ${cannot}`,
  ]);
  const labels = { members: [], excludeMembers: [], labels: { zone: "a" } };
  assert.deepEqual(explained({ accelerators: 1 }, { constraints: labels }), [
    `Without the label \`zone: a\` it would start now; ${cannot}`,
  ]);
});

test("a change that lets it start sooner, but not now, says how much is won", () => {
  const leases = [
    held[0]!,
    running("L2", {
      placements: [{ node: "b", acceleratorIds: ["gpu0"], milliCpu: 0, memoryMiB: 0 }],
      endsAtMs: 20 * 60_000,
    }),
  ];
  const nodes = occupied([node("a", 1), nodeWith("b", [gpu(0, "A10", 24_576)])], leases);
  const asks = waiting("1", spec({ accelerators: 1, model: "H100" }));
  const answer = explain(snapshot({ nodes, running: leases, waiting: [asks] }), "1");
  const text = "Without `model: H100` it would start in about 20 minutes instead of 2 hours.";
  assert.deepEqual(answer?.changes, [
    { text, startMs: 20 * 60_000, now: false, gainMs: 100 * 60_000 },
  ]);
});

test("less processor time and memory are proposed where a node lacks them, with the most", () => {
  const asks = spec({ accelerators: 1, milliCpu: 8_000, memoryMiB: 60 * 1_024 });
  const part = { node: "a", acceleratorIds: ["gpu0"], milliCpu: 3_000, memoryMiB: 0 };
  const lease = running("L1", { placements: [part], endsAtMs: HOUR_MS });
  const nodes = occupied([node("a", 2)], [lease]);
  const answer = explain(snapshot({ nodes, running: [lease], waiting: [waiting("1", asks)] }), "1");
  assert.deepEqual(
    answer?.changes.map(({ text }) => text),
    ["With `cpus: 5` it would start now."],
  );
});

test("a change that is told to start now does start now", () => {
  const field = /`(\w+): ([^`]+)`/;
  const check = fc.property(snapshotArbitrary, (input) => {
    for (const job of input.waiting) {
      const answer = explain(input, job.jobId)!;
      assert.ok(answer.changes.length <= 3);
      const starts = answer.changes.map(({ startMs }) => startMs);
      assert.deepEqual(
        starts,
        [...starts].sort((a, b) => a - b),
      );
      for (const { text, startMs, now, gainMs } of answer.changes) {
        assert.equal(now, startMs === input.nowMs);
        assert.ok(gainMs === undefined || gainMs >= 0);
        const [, name, value] = field.exec(text) ?? [];
        const [group] = job.spec.groups;
        if (!now || name !== "tasks" || group === undefined || job.spec.run !== undefined) continue;
        // The others keep what they asked for, and the job itself asks for less.
        const changed = { ...job.spec, groups: [{ ...group, count: Number(value) }] };
        const others = input.waiting.filter((other) => other !== job);
        const { starts: made } = plan({
          ...input,
          waiting: [...others, { ...job, spec: changed }],
        });
        const without = plan({ ...input, waiting: others });
        const same = without.starts.every(({ jobId }) => made.some((one) => one.jobId === jobId));
        if (same) assert.ok(made.some(({ jobId }) => jobId === job.jobId));
      }
    }
  });
  fc.assert(check, { numRuns: 60, seed: 11 });
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

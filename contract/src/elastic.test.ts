// Tests of gangs between a least and a most in the job file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobWire } from "./job.ts";
import { toJobSpec } from "./spec.ts";

const specOf = (change: object) =>
  toJobSpec(JobWire.parse({ command: ["true"], ...change }), "ana");

test("tasksMin is the least of the gang, and nothing where it is as many as tasks", () => {
  for (const [change, count, countMin] of [
    [{ tasks: 8, tasksMin: 2 }, 8, 2],
    [{ tasks: 8, tasksMin: 8 }, 8, undefined],
    [{ tasks: 8 }, 8, undefined],
  ] as const) {
    const made = specOf(change);
    assert.ok(made.ok);
    const [group] = made.value.spec.groups;
    assert.deepEqual([group?.count, group?.countMin], [count, countMin]);
  }
});

test("more at least than at most is refused, and a least of a run too", () => {
  const more = specOf({ tasks: 2, tasksMin: 3 });
  assert.ok(!more.ok && more.code === "INVALID_REQUEST" && more.at === "tasksMin");
  const run = { stop: { rounds: 1 } };
  const ofRun = specOf({ command: undefined, run, tasks: 2, tasksMin: 1 });
  assert.ok(!ofRun.ok && /run/.test(ofRun.message), JSON.stringify(ofRun));
});

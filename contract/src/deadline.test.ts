// Tests of deadlines and caps as people and programs write them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  JobWire,
  PoolChange,
  ProjectChange,
  parseDeadline,
  parseWith,
  toJobSpec,
} from "./index.ts";

test("a deadline is a duration from the submission on, or a moment that has its zone", () => {
  const noon = Date.UTC(2026, 11, 1, 12);
  const cases: readonly (readonly [string | number, ReturnType<typeof parseDeadline>])[] = [
    ["12h", { afterMs: 43_200_000 }],
    [90, { afterMs: 5_400_000 }],
    ["1-00", { afterMs: 86_400_000 }],
    ["2026-12-01T12:00Z", { atMs: noon }],
    ["2026-12-01T12:00:00.5Z", { atMs: noon + 500 }],
    ["2026-12-01T14:00+02:00", { atMs: noon }],
    // Without a zone it would mean another moment at the pool than at the user's desk.
    ["2026-12-01T12:00", undefined],
    ["2026-12-01", undefined],
    ["2026-13-01T12:00Z", undefined],
    ["1969-01-01T00:00Z", undefined],
    ["0s", undefined],
    ["soon", undefined],
    ["", undefined],
  ];
  for (const [given, meant] of cases) assert.deepEqual(parseDeadline(given), meant, `${given}`);
});

test("the deadline of a job file reaches the job, and a wrong one is named with its place", () => {
  const job = parseWith(JobWire, { command: ["work"], deadline: "2h" });
  assert.ok(job.ok);
  const made = toJobSpec(job.value, "ana");
  assert.deepEqual(made.ok && made.value.spec.deadline, { afterMs: 7_200_000 });
  const wrong = parseWith(JobWire, { command: ["work"], deadline: "tomorrow" });
  assert.ok(!wrong.ok && wrong.at === "deadline", JSON.stringify(wrong));
  const negative = parseWith(JobWire, { command: ["work"], deadline: -5 });
  assert.ok(!negative.ok);
});

test("caps and ageing within bounds are taken, and null takes them away", () => {
  const caps = { maxAccelerators: 8, maxQueuedJobs: null, perUser: { maxRunningJobs: 0 } };
  assert.ok(parseWith(ProjectChange, { caps }).ok);
  assert.ok(!parseWith(ProjectChange, { caps: { maxAccelerators: -1 } }).ok);
  assert.ok(!parseWith(ProjectChange, { caps: { perUser: { perUser: {} } } }).ok);
  assert.ok(parseWith(PoolChange, { ageing: null }).ok);
  assert.ok(!parseWith(PoolChange, { ageing: { pointMs: 1, pointsMax: 10 } }).ok);
});

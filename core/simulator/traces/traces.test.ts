// Tests that traces are read whole or refused with the line that is broken.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../pool/index.ts";
import { parseGavelJobs, parseGavelSpeeds, speedKey } from "./gavel.ts";
import { parsePhilly } from "./philly.ts";
import { parseSwf } from "./swf.ts";

const value = <T>(outcome: Outcome<T>): T => {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.value;
};
function broken<T>(outcome: Outcome<T>, at: string, expected: RegExp): void {
  assert.ok(!outcome.ok);
  assert.equal(outcome.at, at);
  assert.match(outcome.message, expected);
}

const PHILLY = "timestamp,duration,num_gpus,gpu_time,cluster\n";

test("a Philly file is sorted by time, starts at 0 and keeps the order of equal times", () => {
  const text = [
    "2017-10-01 00:01:00,66.0,1,66.0,b",
    "2017-09-30 23:59:00,30,2,60.0,a",
    "2017-10-01 00:01:00,7.5,4,30.0,a",
    "",
  ];
  const trace = value(parsePhilly(PHILLY + text.join("\r\n")));
  assert.deepEqual([...trace.submitS], [0, 120, 120]);
  assert.deepEqual([...trace.durationS], [30, 66, 7.5]);
  assert.deepEqual([...trace.gpus], [2, 1, 4]);
  assert.deepEqual(trace.owners, ["a", "b"]);
  assert.deepEqual([...trace.owner], [0, 1, 0]);
});

test("times count the days of months and leap years", () => {
  const days = ["2016-02-28 12:00:00", "2016-03-01 12:00:00", "2017-03-01 12:00:00"];
  const trace = value(parsePhilly(PHILLY + days.map((day) => `${day},1,1,1,a`).join("\n")));
  assert.deepEqual([...trace.submitS], [0, 2 * 86_400, 367 * 86_400]);
});

test("rows of a Philly file without duration or width do not count", () => {
  const rows = ["2017-10-01 00:00:00,0,1,0,a", "2017-10-01 00:00:01,5,0,0,a"];
  const trace = value(parsePhilly(`${PHILLY}${rows.join("\n")}\n2017-10-01 00:00:02,5,1,5,a`));
  assert.equal(trace.gpus.length, 1);
});

test("a broken line of a Philly file names its number and what was expected", () => {
  const good = "2017-10-01 00:00:00,5,1,5,a\n";
  const cases: readonly (readonly [string, RegExp])[] = [
    ["2017-13-01 00:00:00,5,1,5,a", /timestamp YYYY-MM-DD/],
    ["2017-02-29 00:00:00,5,1,5,a", /timestamp YYYY-MM-DD/],
    ["2017-10-01 24:00:00,5,1,5,a", /timestamp YYYY-MM-DD/],
    ["2017-10-01 00:00:00,-5,1,5,a", /duration in seconds as a number from 0/],
    ["2017-10-01 00:00:00,1e99,1,5,a", /duration in seconds/],
    ["2017-10-01 00:00:00,,1,5,a", /duration in seconds/],
    ["2017-10-01 00:00:00,5,1.5,5,a", /num_gpus as a whole number/],
    ["2017-10-01 00:00:00,5,9999999999,5,a", /num_gpus as a number from 0/],
    ["2017-10-01 00:00:00,5,1,5,", /an owner/],
    ["2017-10-01 00:00:00,5,1,5", /5 fields/],
  ];
  for (const [line, expected] of cases) {
    broken(parsePhilly(`${PHILLY}${good}${line}\n${good}`), "line 3", expected);
  }
  broken(parsePhilly("a,b\n1,2"), "line 1", /the columns timestamp,duration/);
  broken(parsePhilly(""), "line 1", /the columns/);
  broken(parsePhilly(PHILLY), "line 1", /at least one job/);
});

const SPEEDS = "gpu_type,job_type,scale_factor,steps_per_s\n";
const ARRIVALS = "job_type,total_steps,scale_factor,arrival_s,priority_weight\n";
const GENERATED =
  "job_id,job_type,scale_factor,duration_v100_s,total_steps,unit_interarrival_to_next\n";

test("Gavel's speeds are found by kind, job type and width", () => {
  const speeds = value(parseGavelSpeeds(`${SPEEDS}v100,LM (batch size 5),2,1.5\nk80,LM,1,0.0\n`));
  assert.equal(speeds.get(speedKey("v100", "LM (batch size 5)", 2)), 1.5);
  assert.equal(speeds.get(speedKey("k80", "LM", 1)), 0);
});

test("Gavel's two kinds of job files are told apart by their header", () => {
  const [given] = value(parseGavelJobs(`${ARRIVALS}LM,100,4,7.5,1\n`));
  assert.deepEqual(given, {
    ...{ jobType: "LM", totalSteps: 100, gpus: 4, arrivalS: 7.5, unitGap: 0 },
  });
  const [generated] = value(parseGavelJobs(`${GENERATED}0,LM,8,3600,99.5,0.25\n`));
  assert.deepEqual(generated, {
    ...{ jobType: "LM", totalSteps: 99.5, gpus: 8, arrivalS: 0, unitGap: 0.25 },
  });
});

test("a broken line of a Gavel file names its number and what was expected", () => {
  broken(parseGavelSpeeds(`${SPEEDS}v100,LM,2,-1\n`), "line 2", /steps_per_s/);
  broken(parseGavelSpeeds(`${SPEEDS}v100,LM,2,1\nv100,LM,2,1\n`), "line 3", /each speed once/);
  broken(parseGavelJobs(`${ARRIVALS}LM,0,4,7.5,1\n`), "line 2", /total_steps/);
  broken(parseGavelJobs(`${ARRIVALS}LM,1,0,7.5,1\n`), "line 2", /scale_factor/);
  broken(parseGavelJobs(`${ARRIVALS}LM,1,1,9,1\nLM,1,1,8,1\n`), "line 3", /at least 9/);
  broken(parseGavelJobs(`${GENERATED}0,LM,8,3600,99.5,x\n`), "line 2", /unit_interarrival/);
  broken(parseGavelJobs("what,ever\n"), "line 1", /the columns job_type/);
});

const swfLine = (fields: Readonly<Record<number, number>>): string =>
  Array.from({ length: 18 }, (_, at) => fields[at] ?? -1).join(" ");

test("an SWF log gives jobs that ran, with what was asked for where nothing else is known", () => {
  const log = [
    "; Version: 2.2",
    `  ${swfLine({ 0: 1, 1: 10, 3: 60, 4: 8, 7: 16, 8: 120, 11: 3, 12: 2, 14: 1 })}`,
    swfLine({ 0: 2, 1: 11, 3: 60, 7: 16 }),
    swfLine({ 0: 3, 1: 12, 3: 0, 4: 8 }),
  ];
  const trace = value(parseSwf(log.join("\n")));
  assert.deepEqual(trace.jobs, [
    {
      ...{ id: 1, submitS: 10, runS: 60, processors: 8, requestedS: 120, user: 3, group: 2 },
      ...{ application: -1, queue: 1, partition: -1 },
    },
    {
      ...{ id: 2, submitS: 11, runS: 60, processors: 16, requestedS: undefined },
      ...{ user: -1, group: -1, application: -1, queue: -1, partition: -1 },
    },
  ]);
  assert.equal(trace.neverRan, 1);
  assert.equal(trace.maxProcs, undefined);
});

test("the comments of an SWF log tell of the machine", () => {
  const head = "; MaxNodes: 4\n;MaxProcs:   256 \n; Computer: X\n";
  const log = head + swfLine({ 0: 1, 1: 0, 3: 5, 4: 1 });
  const { maxProcs, maxNodes, computer } = value(parseSwf(log));
  assert.deepEqual([maxProcs, maxNodes, computer], [256, 4, "X"]);
});

test("a broken line of an SWF log names its number and what was expected", () => {
  broken(parseSwf(`; header\n${swfLine({ 0: 1, 1: -5, 3: 1, 4: 1 })}`), "line 2", /submit time/);
  broken(parseSwf("1 2 3\n"), "line 1", /18 fields/);
  broken(parseSwf("; nothing\n"), "line 1", /at least one job/);
});

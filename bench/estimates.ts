// How true start intervals come: a trace is replayed first come first served with a backfill that
// knows time limits and what it has learned so far; jobs that must wait are told when they should
// start, and that is compared with when they do.
//   node bench/estimates.ts --jobs FILE [--format philly|swf] [--capacity N] [--limit 720]
//   [--sample 500] [--no-record]
// FILE is a Philly reduction (csv, gzip or not) or an SWF log. Jobs of Philly tell neither a user
// nor a name nor a limit: their owner is all that is learned by, and --limit hours their limit.
import { parseArgs } from "node:util";
import {
  type OwnerTrace,
  ownerNeeds,
  parsePhilly,
  parseSwf,
  replayEstimated,
  type SwfTrace,
  type TimedJob,
  type ToldStart,
} from "@tequio/core/simulator";
import { fixed, numberOption, printTable, readTrace, rounded, stop } from "./lib/traces.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string" },
    format: { type: "string" },
    capacity: { type: "string" },
    limit: { type: "string", default: "720" },
    sample: { type: "string", default: "500" },
    "no-record": { type: "boolean", default: false },
  },
});

const HOUR_MS = 3_600_000;
/** Intervals are from the tenth to the ninetieth percentile. */
const TARGET = 0.8;

interface Trace {
  readonly jobs: readonly TimedJob[];
  readonly capacity: number;
}

const whole = (seconds: number): number => Math.max(1, Math.round(seconds * 1_000));

function phillyJobs(trace: OwnerTrace, limitMs: number): Trace {
  const jobs = Array.from(trace.submitS, (submitS, at): TimedJob => {
    const project = trace.owners[trace.owner[at]!]!;
    const runMs = whole(trace.durationS[at]!);
    const walltimeMs = Math.max(limitMs, runMs + 1);
    return {
      ...{ submitMs: Math.round(submitS * 1_000), runMs, walltimeMs, devices: trace.gpus[at]! },
      ...{ project, user: "", name: "" },
    };
  });
  return { jobs, capacity: ownerNeeds(trace).reduce((sum, need) => sum + need.capacity, 0) };
}

/** Digits in a name are left out when jobs are compared; an application's number is its name. */
const letters = (id: number): string =>
  String(id).replaceAll(/[0-9]/g, (digit) => "abcdefghij"[Number(digit)]!);

function swfJobs({ jobs, maxProcs }: SwfTrace, limitMs: number): Trace {
  const capacity = maxProcs ?? Math.max(...jobs.map(({ processors }) => processors));
  const timed = jobs
    .filter(({ processors }) => processors <= capacity)
    .map((job): TimedJob => {
      const runMs = whole(job.runS);
      const walltimeMs = job.requestedS === undefined ? limitMs : whole(job.requestedS);
      return {
        ...{ submitMs: Math.round(job.submitS * 1_000), runMs, devices: job.processors },
        walltimeMs: Math.max(walltimeMs, 1),
        ...{ project: `g${job.group}`, user: `u${job.user}`, name: letters(job.application) },
      };
    });
  return { jobs: timed.sort((a, b) => a.submitMs - b.submitMs), capacity };
}

function traceOf(path: string): Trace {
  const limitMs = numberOption("limit", values.limit, 1) * HOUR_MS;
  const format = values.format ?? (/\.swf(\.gz)?$/.test(path) ? "swf" : "philly");
  if (format === "swf") return swfJobs(readTrace(path, parseSwf), limitMs);
  if (format === "philly") return phillyJobs(readTrace(path, parsePhilly), limitMs);
  return stop("--format must be philly or swf.");
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

function report(told: readonly ToldStart[]) {
  const share = (holds: (one: ToldStart) => boolean): number =>
    told.filter(holds).length / told.length;
  const hours = (of: (one: ToldStart) => number): number => median(told.map(of)) / HOUR_MS;
  return {
    told: told.length,
    within: share(({ startMs, interval: [early, , late] }) => startMs >= early && startMs <= late),
    before: share(({ startMs, interval: [early] }) => startMs < early),
    after: share(({ startMs, interval: [, , late] }) => startMs > late),
    errorH: hours(({ startMs, interval: [, likely] }) => Math.abs(startMs - likely)),
    waitH: hours(({ startMs, submitMs }) => startMs - submitMs),
    widthH: hours(({ interval: [early, , late] }) => late - early),
  };
}

function main(): void {
  if (values.jobs === undefined) stop("Give the trace: --jobs philly_jobs.csv.gz");
  const trace = traceOf(values.jobs);
  const capacity =
    values.capacity === undefined ? trace.capacity : numberOption("capacity", values.capacity, 1);
  const jobs = trace.jobs.filter(({ devices }) => devices <= capacity);
  const sample = numberOption("sample", values.sample, 1);
  const cpu = process.cpuUsage();
  // Most jobs of a busy machine wait; fewer are told if they do not.
  const tellEvery = Math.max(1, Math.floor(jobs.length / sample));
  const found = report(replayEstimated(jobs, capacity, tellEvery));
  const { told, within, before, after, errorH, waitH, widthH } = found;
  console.log(`${jobs.length} jobs on ${capacity} devices; ${told} that waited were told.`);
  printTable([
    ["", "within", "before", "after", "median error h", "median wait h", "median width h"],
    [
      ...["start interval p10 to p90", ...[within, before, after].map((part) => fixed(part, 3))],
      ...[errorH, waitH, widthH].map((hours) => fixed(hours, 2)),
    ],
  ]);
  const cpuS = fixed(process.cpuUsage(cpu).user / 1e6, 1);
  console.log(`Of a true interval ${TARGET} lie within. ${cpuS} s of CPU.`);
  if (values["no-record"]) return;
  record("estimates", {
    claim: "Jobs that start within their interval from p10 to p90, FCFS + EASY on learned times",
    value: rounded(within),
    unit: "share",
    bar: "about 0.8",
    peer: {},
    details: { jobs: jobs.length, capacity, ...mapRounded(found) },
  });
}

const mapRounded = (figures: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));

main();

// The Standard Workload Format of the Parallel Workloads Archive: 18 fields a line, comments after
// a semicolon, -1 for what is not known. Text in, rows out; only the fields that a replay of
// submissions needs are kept.
import type { Outcome } from "../../pool/index.ts";
import {
  BrokenLine,
  numberAt,
  reading,
  TRACE_GPUS_MAX,
  TRACE_SECONDS_MAX,
  type TraceLine,
  wholeAt,
} from "./rows.ts";

export interface SwfJob {
  readonly id: number;
  /** Seconds since the start of the log. */
  readonly submitS: number;
  readonly runS: number;
  /** Processors that ran the job; those asked for if the log does not say. */
  readonly processors: number;
  /** The time that the user asked for, if the log says so. */
  readonly requestedS: number | undefined;
  /** -1 if the log does not say. */
  readonly user: number;
  readonly group: number;
  readonly queue: number;
}

const FIELDS = 18;
const UNKNOWN = -1;
/** Ids of jobs, users, groups and queues. */
const ID_MAX = 1e9;

/** Reads a log. Jobs that never ran (no time or no processors) do not count and are left out. */
export function parseSwf(text: string): Outcome<readonly SwfJob[]> {
  return reading("SWF", () => {
    const jobs: SwfJob[] = [];
    text.split("\n").forEach((raw, index) => {
      const row = raw.replace(/;.*$/, "").trim();
      if (row === "") return;
      const at: TraceLine = { line: index + 1, fields: row.split(/\s+/) };
      if (at.fields.length !== FIELDS) {
        throw new BrokenLine(at.line, `${FIELDS} fields`, `${at.fields.length} fields`);
      }
      const job = jobAt(at);
      if (job.runS > 0 && job.processors > 0) jobs.push(job);
    });
    if (jobs.length === 0) throw new BrokenLine(1, "at least one job that ran", "none");
    return jobs;
  });
}

function jobAt(at: TraceLine): SwfJob {
  const seconds = (column: number, name: string): number =>
    numberAt(at, column, [name, UNKNOWN, TRACE_SECONDS_MAX]);
  const processors = (column: number, name: string): number =>
    wholeAt(at, column, [name, UNKNOWN, TRACE_GPUS_MAX]);
  const id = (column: number, name: string): number => wholeAt(at, column, [name, UNKNOWN, ID_MAX]);
  const used = processors(4, "processors used");
  const asked = processors(7, "processors asked for");
  const requestedS = seconds(8, "time asked for");
  return {
    id: id(0, "job number"),
    submitS: numberAt(at, 1, ["submit time", 0, TRACE_SECONDS_MAX]),
    runS: seconds(3, "run time"),
    processors: used > 0 ? used : asked,
    requestedS: requestedS > 0 ? requestedS : undefined,
    user: id(11, "user"),
    group: id(12, "group"),
    queue: id(14, "queue"),
  };
}

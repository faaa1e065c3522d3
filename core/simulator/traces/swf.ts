// The Standard Workload Format of the Parallel Workloads Archive: 18 fields a line, comments after
// a semicolon, some of them `Key: value` about the machine, -1 for what is not known. Text in, rows
// out; only the fields that a replay of submissions needs are kept.
import type { Outcome } from "../../pool/index.ts";
import {
  BrokenLine,
  linesOf,
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
  /** -1 if the log does not say; so are the next four. */
  readonly user: number;
  readonly group: number;
  readonly application: number;
  readonly queue: number;
  readonly partition: number;
}

export interface SwfTrace {
  readonly jobs: readonly SwfJob[];
  /** Lines that told of jobs that never ran. */
  readonly neverRan: number;
  /** From the comments at the top: processors and nodes of the machine. */
  readonly maxProcs: number | undefined;
  readonly maxNodes: number | undefined;
  readonly computer: string | undefined;
}

const FIELDS = 18;
const UNKNOWN = -1;
/** Ids of jobs, users, groups, applications and queues. */
const ID_MAX = 1e9;
const HEADER = /^;\s*(MaxProcs|MaxNodes|Computer):\s*(.*)$/i;

/** Reads a log. Jobs that never ran (no time or no processors) do not count and are left out. */
export function parseSwf(text: string): Outcome<SwfTrace> {
  return reading("SWF", () => {
    const jobs: SwfJob[] = [];
    const header = new Map<string, string>();
    let neverRan = 0;
    for (const { line, text: raw } of linesOf(text)) {
      const about = HEADER.exec(raw.trim());
      if (about !== null) header.set(about[1]!.toLowerCase(), about[2]!.trim());
      const row = raw.replace(/;.*$/, "").trim();
      if (row === "") continue;
      const at: TraceLine = { line, fields: row.split(/\s+/) };
      if (at.fields.length !== FIELDS) {
        throw new BrokenLine(line, `${FIELDS} fields`, `${at.fields.length} fields`);
      }
      const job = jobAt(at);
      if (job.runS > 0 && job.processors > 0) jobs.push(job);
      else neverRan += 1;
    }
    if (jobs.length === 0) throw new BrokenLine(1, "at least one job that ran", "none");
    return {
      ...{ jobs, neverRan, maxProcs: wholeOf(header.get("maxprocs")) },
      maxNodes: wholeOf(header.get("maxnodes")),
      computer: header.get("computer"),
    };
  });
}

/** A header's number; nonsense there is no reason to refuse the jobs. */
function wholeOf(text: string | undefined): number | undefined {
  const value = Number.parseInt(text ?? "", 10);
  return value > 0 && value <= TRACE_GPUS_MAX ? value : undefined;
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
    application: id(13, "application"),
    queue: id(14, "queue"),
    partition: id(15, "partition"),
  };
}

// Jobs with owners: Microsoft's Philly trace in the reduction `timestamp,duration,num_gpus,
// gpu_time,cluster`. Text in, columns out; what is done with them is left to replay/.
import type { Outcome } from "../../pool/index.ts";
import {
  BrokenLine,
  numberAt,
  reading,
  shown,
  TRACE_GPUS_MAX,
  TRACE_SECONDS_MAX,
  type TraceLine,
  textAt,
  wholeAt,
  withHeader,
} from "./rows.ts";

/** Jobs by submission time; equal times keep the order of the file. Columns of equal length. */
export interface OwnerTrace {
  /** Seconds since the first submission. */
  readonly submitS: Float64Array;
  readonly durationS: Float64Array;
  readonly gpus: Int32Array;
  /** Index into `owners`. */
  readonly owner: Int32Array;
  /** Names of the owners, sorted. */
  readonly owners: readonly string[];
}

/** One job before the columns are made. */
export interface OwnerJob {
  readonly submitS: number;
  readonly durationS: number;
  readonly gpus: number;
  readonly owner: string;
}

const COLUMNS = ["timestamp", "duration", "num_gpus", "gpu_time", "cluster"];
const TIME = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/;

/**
 * Reads a Philly file. Times are taken as UTC. Rows with a duration or a width of 0 do not count
 * and are left out; negative or absurd numbers are refused with their line.
 */
export function parsePhilly(text: string): Outcome<OwnerTrace> {
  return reading("Philly", () => {
    const jobs: OwnerJob[] = [];
    for (const at of withHeader(text, COLUMNS)) {
      const job: OwnerJob = {
        submitS: timeAt(at),
        durationS: numberAt(at, 1, ["duration in seconds", 0, TRACE_SECONDS_MAX]),
        gpus: wholeAt(at, 2, ["num_gpus", 0, TRACE_GPUS_MAX]),
        owner: textAt(at, 4, "an owner in the column cluster"),
      };
      if (job.durationS > 0 && job.gpus > 0) jobs.push(job);
    }
    if (jobs.length === 0) throw new BrokenLine(1, "at least one job", "none");
    return ownerTrace(jobs);
  });
}

/** Makes columns of jobs: sorted by time (stable), the first submission at 0. */
export function ownerTrace(jobs: readonly OwnerJob[]): OwnerTrace {
  const sorted = [...jobs].sort((a, b) => a.submitS - b.submitS);
  const zeroS = sorted[0]?.submitS ?? 0;
  const owners = [...new Set(sorted.map((job) => job.owner))].sort();
  const index = new Map(owners.map((name, at) => [name, at]));
  return {
    submitS: Float64Array.from(sorted, (job) => job.submitS - zeroS),
    durationS: Float64Array.from(sorted, (job) => job.durationS),
    gpus: Int32Array.from(sorted, (job) => job.gpus),
    owner: Int32Array.from(sorted, (job) => index.get(job.owner)!),
    owners,
  };
}

function timeAt(at: TraceLine): number {
  const text = at.fields[0] ?? "";
  const match = TIME.exec(text);
  const [year, month, day, hour, minute, second] = (match ?? []).slice(1).map(Number);
  const days = match ? daysSinceEpoch(year!, month!, day!) : Number.NaN;
  const fits = hour! < 24 && minute! < 60 && second! < 60;
  if (Number.isNaN(days) || !fits) {
    throw new BrokenLine(at.line, "a timestamp YYYY-MM-DD hh:mm:ss", shown(text));
  }
  return days * 86_400 + hour! * 3_600 + minute! * 60 + second!;
}

/** Days from 1970-01-01, or NaN if the calendar has no such day. The core has no Date. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const length = lengths[month - 1];
  if (length === undefined || day < 1 || day > length) return Number.NaN;
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const months = lengths.slice(0, month - 1).reduce((sum, days) => sum + days, 0);
  // 719,162 days lie between 0001-01-01 and 1970-01-01.
  return before * 365 + leaps + months + day - 1 - 719_162;
}

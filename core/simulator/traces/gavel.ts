// Gavel's files: speeds of job types by kind and number of accelerators, jobs with given arrival
// times, and generated jobs whose gaps scale with a rate. Text in, rows out; replaying them is left
// to replay/.
import type { Outcome } from "../../pool/index.ts";
import {
  BrokenLine,
  numberAt,
  reading,
  shown,
  TRACE_SECONDS_MAX,
  textAt,
  wholeAt,
  withHeader,
} from "./rows.ts";

/** Steps a second of a whole job, by kind, job type and width. */
export type Speeds = ReadonlyMap<string, number>;

/** The key of a speed. */
export const speedKey = (kind: string, jobType: string, gpus: number): string =>
  `${kind}|${jobType}|${gpus}`;

/** One job that can run on several kinds of accelerator. */
export interface KindJob {
  readonly jobType: string;
  readonly gpus: number;
  readonly totalSteps: number;
  /** Arrival in seconds, if the file says so. */
  readonly arrivalS: number;
  /** Gap to the next job, in units of the mean gap, if the file says so. */
  readonly unitGap: number;
}

const SPEED_COLUMNS = ["gpu_type", "job_type", "scale_factor", "steps_per_s"];
const ARRIVAL_COLUMNS = ["job_type", "total_steps", "scale_factor", "arrival_s", "priority_weight"];
const GENERATED_COLUMNS = [
  ...["job_id", "job_type", "scale_factor", "duration_v100_s", "total_steps"],
  "unit_interarrival_to_next",
];
const STEPS_MAX = 1e15;
const SPEED_MAX = 1e9;
/** Widest job of these files: the tables end at 8, other makers' at a few hundred. */
const WIDTH_MAX = 4_096;
/** A gap of a thousand mean gaps does not happen by chance (e^-1000). */
const UNIT_GAP_MAX = 1_000;

/** Reads a table of speeds. A type, kind and width that is named twice is refused. */
export function parseGavelSpeeds(text: string): Outcome<Speeds> {
  return reading("Gavel speed", () => {
    const speeds = new Map<string, number>();
    for (const at of withHeader(text, SPEED_COLUMNS)) {
      const gpus = wholeAt(at, 2, ["scale_factor", 1, WIDTH_MAX]);
      const key = speedKey(textAt(at, 0, "a gpu_type"), textAt(at, 1, "a job_type"), gpus);
      if (speeds.has(key)) throw new BrokenLine(at.line, "each speed once", shown(key));
      speeds.set(key, numberAt(at, 3, ["steps_per_s", 0, SPEED_MAX]));
    }
    return speeds;
  });
}

/** Reads jobs, with arrival times (`physical_cluster/`) or with gaps (`generated/`). */
export function parseGavelJobs(text: string): Outcome<readonly KindJob[]> {
  return reading("Gavel", () => {
    const generated = /^\uFEFF?\s*job_id,/.test(text);
    const lines = withHeader(text, generated ? GENERATED_COLUMNS : ARRIVAL_COLUMNS);
    if (lines.length === 0) throw new BrokenLine(1, "at least one job", "none");
    let lastS = 0;
    return lines.map((at) => {
      const arrivalS = generated ? 0 : numberAt(at, 3, ["arrival_s", 0, TRACE_SECONDS_MAX]);
      if (arrivalS < lastS) {
        throw new BrokenLine(at.line, `arrival_s of at least ${lastS}`, shown(at.fields[3] ?? ""));
      }
      lastS = arrivalS;
      return {
        jobType: textAt(at, generated ? 1 : 0, "a job_type"),
        gpus: wholeAt(at, 2, ["scale_factor", 1, WIDTH_MAX]),
        // A job without steps would be done before it runs; the smallest has one.
        totalSteps: numberAt(at, generated ? 4 : 1, ["total_steps", Number.MIN_VALUE, STEPS_MAX]),
        arrivalS,
        unitGap: generated ? numberAt(at, 5, ["unit_interarrival_to_next", 0, UNIT_GAP_MAX]) : 0,
      };
    });
  });
}

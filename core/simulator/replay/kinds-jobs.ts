// From Gavel's rows to columns: arrivals by a rate (the file is read again when it ends, so that
// arrivals never stop), and each job's speed by kind. Protocol B.3 of the benchmark's page.
import type { KindJob, Speeds } from "../traces/gavel.ts";
import { speedKey } from "../traces/gavel.ts";

export interface KindTrace {
  readonly kinds: readonly { readonly name: string; readonly count: number }[];
  readonly arrivalS: Float64Array;
  readonly gpus: Int32Array;
  readonly totalSteps: Float64Array;
  /** `speed[job * kinds + kind]`, steps a second. */
  readonly speed: Float64Array;
}

/**
 * Columns of `count` jobs. With a rate (jobs an hour) job i+1 follows job i after its unit gap
 * x 3600 / rate seconds, and after the last row the file is read again; without one the rows'
 * arrival times count and `count` is at most the number of rows.
 */
export function kindTrace(
  rows: readonly KindJob[],
  speeds: Speeds,
  options: {
    readonly kinds: KindTrace["kinds"];
    readonly count: number;
    readonly jobsPerHour: number | undefined;
  },
): KindTrace {
  const { kinds, jobsPerHour } = options;
  const count = jobsPerHour === undefined ? Math.min(options.count, rows.length) : options.count;
  const arrivalS = new Float64Array(count);
  const speed = new Float64Array(count * kinds.length);
  const row = (job: number): KindJob => rows[job % rows.length]!;
  let nextS = 0;
  for (let job = 0; job < count; job += 1) {
    const { jobType, gpus, unitGap } = row(job);
    arrivalS[job] = jobsPerHour === undefined ? row(job).arrivalS : nextS;
    if (jobsPerHour !== undefined) nextS += (unitGap * 3_600) / jobsPerHour;
    kinds.forEach(({ name }, kind) => {
      speed[job * kinds.length + kind] = speeds.get(speedKey(name, jobType, gpus)) ?? 0;
    });
  }
  const jobs = { length: count };
  return {
    kinds,
    arrivalS,
    gpus: Int32Array.from(jobs, (_, job) => row(job).gpus),
    totalSteps: Float64Array.from(jobs, (_, job) => row(job).totalSteps),
    speed,
  };
}

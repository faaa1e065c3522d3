// The highest fence that this folder has seen for each job, kept over restarts. It leaves to the
// engine what a refusal says.
import { fencesFile, readRecord, writeRecord } from "./records.ts";

/**
 * Jobs remembered one by one, about 40 bytes each in a file that every start rewrites. Fences grow
 * over the whole pool, so beyond this number one floor stands for the oldest.
 */
const JOBS_MAX = 2_000;

interface FencesRecord {
  /** Every fence up to this one is outdated for a job that is not listed. */
  readonly floor: number;
  readonly jobs: Readonly<Record<string, number>>;
}

export interface Fences {
  /** The fence that a new lease of the job must exceed. */
  readonly highest: (jobId: string) => number;
  /** Remembers a fence; on disk when it returns. Throws what the file system throws. */
  readonly see: (jobId: string, fence: number) => void;
}

/** Opens the fences of an engine folder; `leases` are those found there, which count as seen. */
export function openFences(
  folder: string,
  leases: readonly { readonly jobId: string; readonly fence: number }[],
): Fences {
  const record = readRecord<FencesRecord>(fencesFile(folder));
  const jobs = new Map(Object.entries(record?.jobs ?? {}));
  let floor = record?.floor ?? 0;
  const highest = (jobId: string): number => jobs.get(jobId) ?? floor;
  const note = (jobId: string, fence: number): void => {
    jobs.set(jobId, Math.max(fence, jobs.get(jobId) ?? 0));
    if (jobs.size <= JOBS_MAX) return;
    // Half go at once, so that the sort is rare.
    const rising = [...jobs].sort(([, a], [, b]) => a - b).slice(0, JOBS_MAX / 2);
    for (const [oldJob, oldFence] of rising) {
      jobs.delete(oldJob);
      floor = Math.max(floor, oldFence);
    }
  };
  for (const lease of leases) note(lease.jobId, lease.fence);
  const see = (jobId: string, fence: number): void => {
    note(jobId, fence);
    writeRecord(fencesFile(folder), { floor, jobs: Object.fromEntries(jobs) }, true);
  };
  return { highest, see };
}

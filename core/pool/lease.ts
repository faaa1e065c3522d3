// The lease: the right to named accelerators until a time, with a fencing number that only grows.
import type { LeaseOutcome } from "./job.ts";
import { type Placement, WHOLE_MILLI } from "./resources.ts";

/** Told of a lease that passed a reserved job because of what is known of its like. */
export interface BackfillPass {
  /** The job that was passed. */
  readonly jobId: string;
  /** When the lease should be over, nine times in ten. */
  readonly expectedMs: number;
  /** When the job that was passed would have started at the latest, by time limits alone. */
  readonly promisedMs: number;
}

/** What a device of middling speed counts in fair share: a GPU in the middle of the catalogue. */
export const SHARE_MILLI = 1_000;

export interface Lease {
  readonly leaseId: string;
  readonly jobId: string;
  /** 1 for the first attempt of the job. */
  readonly attempt: number;
  readonly siteId: string;
  /** One entry a task, in the order of the job's groups. */
  readonly placements: readonly Placement[];
  /** Grows with every lease of the pool; an agent refuses one that is older than it has seen. */
  readonly fence: number;
  readonly walltimeMs: number;
  readonly grantedAtMs: number;
  /** Why this job, why here: shown to people, kept for ever. */
  readonly reason: string;
  /** What it counts in fair share, in thousandths of a middling GPU; absent: 1,000 a device. */
  readonly shareMilli?: number;
  /** Absent: it passed nobody, or its time limit allowed it. */
  readonly backfill?: BackfillPass;
}

/** What an ended attempt used. Times are the site's own, measured without its wall clock. */
export interface Usage {
  /** From the start of the first task to the end of the last. */
  readonly ranMs: number;
  /** Accelerators held x ranMs. Whole milliseconds; of parts rounded down. */
  readonly deviceMs: number;
  /** Thousandths of a core held x ranMs / 1000, rounded down. */
  readonly cpuMs: number;
}

export interface LeaseEnd {
  readonly outcome: LeaseOutcome;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly usage: Usage;
  readonly message: string;
}

/** Thousandths of accelerators that a lease holds. */
const deviceMilli = (placements: readonly Placement[]): number =>
  placements.reduce(
    (sum, { acceleratorIds, partMilli = WHOLE_MILLI }) => sum + acceleratorIds.length * partMilli,
    0,
  );

/** Accelerators that a lease holds; half of one is 0.5. */
export const deviceCount = (placements: readonly Placement[]): number =>
  deviceMilli(placements) / WHOLE_MILLI;

/** Usage of a lease that ran for `ranMs` whole milliseconds. */
export function usageOf(placements: readonly Placement[], ranMs: number): Usage {
  const milliCpu = placements.reduce((sum, placement) => sum + placement.milliCpu, 0);
  return {
    ranMs,
    deviceMs: Math.floor((deviceMilli(placements) * ranMs) / WHOLE_MILLI),
    cpuMs: Math.floor((milliCpu * ranMs) / 1_000),
  };
}

// What a policy made of a workload: one row a job, and what was busy when. All policies answer in
// this form, so that they are compared by the same figures.
import { Meter } from "./meter.ts";

export interface Played {
  /** First start of each job in seconds; NaN if it never started. */
  readonly startS: Float64Array;
  /** End of each job in seconds; NaN if it never ended. */
  readonly endS: Float64Array;
  /** Slots busy over time. */
  readonly busy: Meter;
  /** Idle slots on nodes that are partly busy; undefined where the policy knows no nodes. */
  readonly scattered: Meter | undefined;
  readonly preemptions: number;
  /** Run time that restarts have lost, times width, in slot-seconds. */
  readonly lostSlotS: number;
  /** Work by price, in credits; NaN where the policy knows no nodes. */
  readonly cost: number;
  /** Passes of the scheduler; 0 where there are none. */
  readonly passes: number;
}

/** Nothing has happened yet to `jobs` jobs. */
export const nothingPlayed = (jobs: number, spanS: number): Played => ({
  startS: new Float64Array(jobs).fill(Number.NaN),
  endS: new Float64Array(jobs).fill(Number.NaN),
  busy: new Meter(spanS),
  scattered: undefined,
  ...{ preemptions: 0, lostSlotS: 0, cost: 0, passes: 0 },
});

/** Puts parts of a workload together that were played apart. `jobs` are the parts' job numbers. */
export function mergePlayed(
  count: number,
  spanS: number,
  parts: readonly { readonly jobs: readonly number[]; readonly played: Played }[],
): Played {
  const all = nothingPlayed(count, spanS);
  const scattered = new Meter(spanS);
  for (const { jobs, played } of parts) {
    jobs.forEach((job, at) => {
      all.startS[job] = played.startS[at]!;
      all.endS[job] = played.endS[at]!;
    });
    all.busy.addMeter(played.busy);
    if (played.scattered !== undefined) scattered.addMeter(played.scattered);
  }
  const sum = (of: (played: Played) => number): number =>
    parts.reduce((total, { played }) => total + of(played), 0);
  return {
    ...all,
    scattered: parts.some(({ played }) => played.scattered !== undefined) ? scattered : undefined,
    preemptions: sum(({ preemptions }) => preemptions),
    lostSlotS: sum(({ lostSlotS }) => lostSlotS),
    cost: sum(({ cost }) => cost),
    passes: sum(({ passes }) => passes),
  };
}

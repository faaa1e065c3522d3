// The orders of the greedy family: arrival, least attained service, and for comparison the two
// clairvoyant ones, which are told what is left. Each is a policy with or without exchanges.
import { chooseGreedily, swapKinds } from "./greedy.ts";
import type { Round, RoundJobs, RoundPolicy } from "./types.ts";

/** Smaller comes first; ties go to the lower job number. */
export type Rank = (job: number, jobs: RoundJobs) => number;

/** By arrival. */
export const byArrival: Rank = (job) => job;
/** Least attained service first, in accelerator-seconds. */
export const byService: Rank = (job, jobs) => jobs.serviceGpuS[job]!;
/** Least time left on its best kind. Clairvoyant. */
export const byTimeLeft =
  (totalSteps: Float64Array): Rank =>
  (job, jobs) =>
    (totalSteps[job]! - jobs.doneSteps[job]!) / jobs.bestSpeed[job]!;
/** Least accelerator-time left on its best kind. Clairvoyant. */
export const byGpuTimeLeft =
  (totalSteps: Float64Array): Rank =>
  (job, jobs) =>
    jobs.gpus[job]! * ((totalSteps[job]! - jobs.doneSteps[job]!) / jobs.bestSpeed[job]!);

/** Weights of exchanges that count every job's speed relative to its best. */
export const byRelativeSpeed: Rank = (job, jobs) => 1 / jobs.bestSpeed[job]!;
/** Weights of exchanges that count what is left. Clairvoyant. */
export const byStepsLeft =
  (totalSteps: Float64Array): Rank =>
  (job, jobs) =>
    1 / (totalSteps[job]! - jobs.doneSteps[job]!);

/** The active jobs by rank. */
export function sorted({ active, jobs }: Round, rank: Rank): number[] {
  const keyed = active.map((job) => ({ job, rank: rank(job, jobs) }));
  keyed.sort((a, b) => a.rank - b.rank || a.job - b.job);
  return keyed.map(({ job }) => job);
}

/** A greedy policy; with weights it exchanges kinds afterwards. */
export function greedyPolicy(rank: Rank, weight?: Rank): RoundPolicy {
  return {
    choose(round) {
      const chosen = chooseGreedily(round, sorted(round, rank), [...round.kinds.count]);
      if (weight === undefined) return;
      const { jobs, kinds } = round;
      swapKinds(jobs, kinds.count.length, chosen, (job) => weight(job, jobs));
    },
  };
}

// What is going on now, counted without walking over every job that ever was: jobs that run, that
// wait and that have ended, by member and by project.
import type { JobState, State } from "@tequio/core/controller";

export interface WorkCounts {
  readonly queued: number;
  readonly running: number;
  readonly ended: number;
}

/** Jobs that hold a lease now, each once. */
export function runningJobs(state: State): Set<JobState> {
  const running = new Set<JobState>();
  for (const site of state.sites.values()) {
    for (const leaseId of site.openLeases) {
      const job = state.jobs.get(state.leases.get(leaseId)!.lease.jobId)!;
      if (job.stage === "active") running.add(job);
    }
  }
  return running;
}

/** Counts of the whole pool. A run that trains stays in the queue for further sites. */
export function countWork(state: State): WorkCounts {
  const running = runningJobs(state);
  let alsoQueued = 0;
  for (const job of running) if (state.queue.has(job.jobId)) alsoQueued += 1;
  const queued = state.queue.size - alsoQueued;
  const all = state.jobs.size + state.archived.jobs;
  return { queued, running: running.size, ended: all - queued - running.size };
}

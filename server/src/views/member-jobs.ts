// Which jobs had a lease with which member, in the order of submission, so that a page of a
// member's jobs costs what stands on it. Kept beside the state and caught up when it is asked for:
// leases are numbered without a gap, so what is new is known without looking at what is old.
import { compareJobs, type JobState, placeOf, type State } from "@tequio/core/controller";

interface Index {
  readonly byMember: Map<string, JobState[]>;
  /** Number of the next lease that is not in the index. */
  nextLease: number;
  /** Jobs that had left the state when it was last cleared of them. */
  left: number;
}

const indexes = new WeakMap<State, Index>();

/** The jobs in the state that had a lease with a member, oldest first. Read only. */
export function memberJobs(state: State, member: string): readonly JobState[] {
  const index = indexes.get(state) ?? { byMember: new Map(), nextLease: 1, left: 0 };
  indexes.set(state, index);
  if (index.left !== state.archived.jobs) forgetLeft(state, index);
  for (; index.nextLease < state.nextLease; index.nextLease += 1) {
    const lease = state.leases.get(`L${index.nextLease}`)?.lease;
    const job = lease && state.jobs.get(lease.jobId);
    const site = lease && state.sites.get(lease.siteId);
    if (job !== undefined && site !== undefined) add(index, site.member, job);
  }
  return index.byMember.get(member) ?? [];
}

function add({ byMember }: Index, member: string, job: JobState): void {
  const jobs = byMember.get(member) ?? [];
  byMember.set(member, jobs);
  const last = jobs.at(-1);
  if (last === undefined || compareJobs(last, job) < 0) {
    jobs.push(job);
    return;
  }
  const place = placeOf(jobs, job);
  // A job that ran there before is there already.
  if (jobs[place] !== job) jobs.splice(place, 0, job);
}

function forgetLeft(state: State, index: Index): void {
  index.left = state.archived.jobs;
  for (const [member, jobs] of index.byMember) {
    const here = jobs.filter(({ jobId }) => state.jobs.has(jobId));
    index.byMember.set(member, here);
  }
}

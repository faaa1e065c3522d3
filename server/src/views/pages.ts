// Pages of jobs, newest first. Job numbers only grow, so a page is read downwards from its cursor,
// and no list is ever copied or sorted. A page may be short while more follow: follow the cursor.
import type { JobState, State } from "@tequio/core/controller";

export interface JobFilter {
  readonly state: "queued" | "active" | "ended" | "all";
  readonly project?: string | undefined;
  readonly member?: string | undefined;
  readonly arrayId?: string | undefined;
}

export interface JobPage {
  readonly jobs: readonly JobState[];
  /** Where the next page begins; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

/** Jobs looked at for one page: about 30 ms. */
const SCAN_MAX = 100_000;

/** All jobs from a number downwards; those of an array from its last task on. */
function* downwards(state: State, fromNumber: number, arrayId?: string): Generator<JobState> {
  for (let number = fromNumber; number >= 1; number -= 1) {
    const id = String(number);
    const single = state.jobs.get(id);
    if (single !== undefined) yield single;
    const tasks = state.arrays.get(id) ?? [];
    for (let i = tasks.length - 1; i >= 0; i -= 1) yield state.jobs.get(tasks[i]!)!;
    if (arrayId !== undefined) return;
  }
}

function matches(state: State, job: JobState, filter: JobFilter): boolean {
  if (filter.state !== "all" && job.stage !== filter.state) return false;
  if (filter.project !== undefined && job.spec.project !== filter.project) return false;
  if (filter.member === undefined) return true;
  return job.leaseIds.some((leaseId) => {
    const { siteId } = state.leases.get(leaseId)!.lease;
    return state.sites.get(siteId)!.member === filter.member;
  });
}

/** True for text that a page has given out as its cursor: the id of its last job. */
export const isCursor = (text: string): boolean => /^[0-9]{1,12}(_[0-9]{1,6})?$/.test(text);

/** One page; `cursor` is the id of the last job of the page before. */
export function jobPage(
  state: State,
  filter: JobFilter,
  limit: number,
  cursor: string | undefined,
): JobPage {
  const jobs: JobState[] = [];
  const [top, index] = (cursor ?? "").split("_");
  const { arrayId } = filter;
  const highest = arrayId === undefined ? state.nextJob - 1 : Number(arrayId);
  const fromNumber = cursor === undefined ? highest : Math.min(highest, Number(top));
  let scanned = 0;
  let last: string | undefined;
  for (const job of downwards(state, fromNumber, arrayId)) {
    if (cursor !== undefined && !isBelow(job, Number(top), index)) continue;
    if (jobs.length === limit || scanned === SCAN_MAX) return { jobs, nextCursor: last };
    scanned += 1;
    last = job.jobId;
    if (matches(state, job, filter)) jobs.push(job);
  }
  return { jobs, nextCursor: undefined };
}

/** Whether a job comes after the cursor's job on the way down. */
function isBelow(job: JobState, top: number, index: string | undefined): boolean {
  const [number, place] = job.jobId.split("_").map(Number);
  if (number !== top) return number! < top;
  return index !== undefined && place !== undefined && place < Number(index);
}

// Pages of jobs, newest first. Job numbers only grow, so a page is read downwards from its cursor,
// and no list is ever copied or sorted. A page may be short while more follow: follow the cursor.
import {
  compareJobs,
  endedJobs,
  type JobState,
  placeOf,
  type State,
} from "@tequio/core/controller";
import { memberJobs } from "./member-jobs.ts";
import { runningJobs } from "./work.ts";

export interface JobFilter {
  readonly state: "queued" | "active" | "ended" | "all";
  readonly project?: string | undefined;
  readonly member?: string | undefined;
  readonly arrayId?: string | undefined;
  /** Whether the reader may see a job, whose leases are in `view`, or in the pool's state when
   * that is absent; undefined: all of them. */
  readonly visible?: ((job: JobState, view?: State) => boolean) | undefined;
}

export interface JobPage {
  readonly jobs: readonly JobState[];
  /** Where the next page begins; undefined on the last one. */
  readonly nextCursor: string | undefined;
}

/** Jobs looked at for one page: about 10 ms. */
const SCAN_MAX = 30_000;

/** All jobs from a number downwards; those of an array from its last task on. */
function* downwards(state: State, fromNumber: number, arrayId?: string): Generator<JobState> {
  const numbers = arrayId === undefined ? numbersDown(state, fromNumber) : [fromNumber];
  for (const number of numbers) {
    const id = String(number);
    const single = state.jobs.get(id);
    if (single !== undefined) yield single;
    const tasks = state.arrays.get(id) ?? [];
    for (let i = tasks.length - 1; i >= 0; i -= 1) yield state.jobs.get(tasks[i]!)!;
  }
}

interface Numbers {
  /** The batch of the archive after which they were collected, and the next number then. */
  readonly batch: number;
  next: number;
  /** Numbers of jobs and arrays that are in the state, growing. */
  readonly list: number[];
}

const numbersOf = new WeakMap<State, Numbers>();

/** Numbers from one downwards. Once jobs have left, most have no job, and are not looked at. */
function* numbersDown(state: State, fromNumber: number): Generator<number> {
  if (state.archived.jobs === 0) {
    for (let number = fromNumber; number >= 1; number -= 1) yield number;
    return;
  }
  const { list } = presentNumbers(state);
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! <= fromNumber) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0; i -= 1) yield list[i]!;
}

function presentNumbers(state: State): Numbers {
  const known = numbersOf.get(state);
  if (known !== undefined && known.batch === state.archived.batches) {
    for (; known.next < state.nextJob; known.next += 1) known.list.push(known.next);
    return known;
  }
  const list: number[] = [];
  for (const jobId of state.jobs.keys()) {
    const number = Number.parseInt(jobId, 10);
    if (list.at(-1) !== number) list.push(number);
  }
  const fresh = { batch: state.archived.batches, next: state.nextJob, list };
  numbersOf.set(state, fresh);
  return fresh;
}

/** Those of a list by submission that stand before a job, or all, newest first. */
function* backwards(jobs: readonly JobState[], before?: JobState): Generator<JobState> {
  const end = before === undefined ? jobs.length : placeOf(jobs, before);
  for (let i = end - 1; i >= 0; i -= 1) yield jobs[i]!;
}

/** Few jobs that hold all that the filter can let through: a long queue is not looked through. */
function candidates(
  state: State,
  { state: stage, arrayId, member }: JobFilter,
  cursor: string | undefined,
  fromNumber: number,
): Iterable<JobState> {
  // A cursor whose job has left the state: the list is read from its end, and what comes before
  // the cursor is passed over.
  const before = cursor === undefined ? undefined : state.jobs.get(cursor);
  if (arrayId === undefined) {
    if (stage !== "active" && member !== undefined) {
      return backwards(memberJobs(state, member), before);
    }
    if (stage === "ended") return backwards(endedJobs(state), before);
    if (stage === "active") return backwards([...runningJobs(state)].sort(compareJobs), before);
  }
  return downwards(state, fromNumber, arrayId);
}

function matches(state: State, job: JobState, filter: JobFilter): boolean {
  if (filter.state !== "all" && job.stage !== filter.state) return false;
  if (filter.project !== undefined && job.spec.project !== filter.project) return false;
  if (filter.visible?.(job) === false) return false;
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
  for (const job of candidates(state, filter, cursor, fromNumber)) {
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

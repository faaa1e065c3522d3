// What is over leaves the state: ended jobs with their leases, and lines of the books, oldest
// first. The shell writes them to the archive before it asks, so that at every moment each is in
// the state, in the archive, or in both; which ones are due is answered here, from the state, the
// time and the operator's wishes. The totals of a month are closed when it is over. What the
// archive is, and how it is made anew from the journal, is left to the shell.
import {
  type ContributionHour,
  closePeriod,
  type Entry,
  forgetLease,
  HOUR_MS,
  leaveBooks,
  oldestHours,
  periodOf,
  periodsToClose,
  periodWindow,
} from "../ledger/index.ts";
import { assert, LIMITS, type Outcome, ok, type Refusal, refuse } from "../pool/index.ts";
import type { Event } from "./event.ts";
import type { Input } from "./input.ts";
import { theJob, theLease } from "./lookup.ts";
import { endedJobs, jobsLeft } from "./queue-index.ts";
import type { JobState, LeaseState, State } from "./state.ts";
import type { Step } from "./step.ts";
import { tickJobs } from "./submit.ts";

type Archive = Extract<Input, { readonly type: "archive" }>;
type Archived = Extract<Event, { readonly type: "history.archived" }>;

/** What the operator wants to keep at hand; what is beyond either bound may leave. */
export interface KeepPolicy {
  /** How long a job that ended and a line of the books stay, ms. */
  readonly endedMs: number;
  /** Ended jobs, and lines of the books, that stay at most. */
  readonly endedMax: number;
}

/** Unless the operator wishes otherwise. */
export const KEEP_DEFAULT: KeepPolicy = {
  endedMs: LIMITS.ENDED_KEPT_MS,
  endedMax: LIMITS.ENDED_KEPT_MAX,
};

/** Jobs of one batch, more by at most one array; lines of the books of one batch. A batch is one
 * transaction of the archive and one step of the controller: a few milliseconds of each. */
const BATCH_JOBS = 200;
const BATCH_LINES = 500;

/** What leaves together. */
export interface Leaving {
  readonly batch: number;
  readonly jobs: readonly JobState[];
  /** The oldest entries and hours of the books. */
  readonly entries: readonly Entry[];
  readonly hours: readonly ContributionHour[];
}

/** A job as the archive keeps it. */
export interface ArchivedJob {
  readonly job: JobState;
  /** In the order of `job.leaseIds`. */
  readonly leases: readonly LeaseState[];
}

/** The job with its leases, as of now. */
export const archivedJob = (state: State, job: JobState): ArchivedJob => ({
  job,
  leases: job.leaseIds.map((leaseId) => theLease(state, leaseId)),
});

/** Leases whose usage is an estimate: a true report would change the job. */
export const unsettled = (state: State, job: JobState): number =>
  job.leaseIds.filter((leaseId) => theLease(state, leaseId).estimated).length;

/** What is due to leave now; undefined when nothing is. Changes nothing. */
export function leaving(state: State, nowMs: number, keep: KeepPolicy): Leaving | undefined {
  const jobs = dueJobs(state, nowMs, keep);
  const entries = dueEntries(state, nowMs, keep);
  const hours = dueHours(state, nowMs, keep);
  if (jobs.length + entries.length + hours.length === 0) return undefined;
  return { batch: state.archived.batches + 1, jobs, entries, hours };
}

/** The jobs and lines of an event that is not applied yet: what the archive holds of it. */
export function leavingBy(state: State, event: Archived): Leaving {
  const { batch } = event;
  return {
    batch,
    jobs: event.jobIds.map((jobId) => theJob(state, jobId)),
    entries: state.ledger.entries.slice(0, event.entries),
    hours: oldestHours(state.ledger, event.hours),
  };
}

/** A run stays, because its models do: they are kept for as long as the state names them. */
function mayLeave(state: State, job: JobState, nowMs: number): boolean {
  if (job.stage !== "ended" || job.spec.run !== undefined) return false;
  const settled = nowMs - (job.endedAtMs ?? nowMs) > LIMITS.ESTIMATE_KEPT_MS;
  return job.leaseIds.every((leaseId) => {
    const { stage, estimated } = theLease(state, leaseId);
    return stage === "ended" && (settled || !estimated);
  });
}

function dueJobs(state: State, nowMs: number, { endedMs, endedMax }: KeepPolicy): JobState[] {
  const ended = endedJobs(state);
  let beyond = ended.length - endedMax;
  const due: JobState[] = [];
  const arrays = new Set<string>();
  const isDue = (job: JobState): boolean => beyond > 0 || nowMs - job.endedAtMs! > endedMs;
  for (const job of ended) {
    if (due.length >= BATCH_JOBS) break;
    const arrayId = job.place?.arrayId;
    if (!isDue(job) || (arrayId !== undefined && arrays.has(arrayId))) continue;
    const group = arrayId === undefined ? [job] : tasksOf(state, arrayId);
    if (arrayId !== undefined) arrays.add(arrayId);
    // Tasks of an array leave together: dependencies and lists know it whole or not at all.
    if (!group.every((one) => mayLeave(state, one, nowMs) && isDue(one))) continue;
    for (const one of group) due.push(one);
    beyond -= group.length;
  }
  return due;
}

const tasksOf = (state: State, arrayId: string): JobState[] =>
  (state.arrays.get(arrayId) ?? []).map((jobId) => theJob(state, jobId));

/** Lines before this moment are due: they are old, or their month is to be closed. */
function dueBeforeMs(nowMs: number, { endedMs }: KeepPolicy): number {
  const open = periodOf(Math.max(0, nowMs - LIMITS.BOOKS_CLOSE_AFTER_MS));
  return Math.max(nowMs - endedMs, periodWindow(open).fromMs);
}

function dueEntries(state: State, nowMs: number, keep: KeepPolicy): readonly Entry[] {
  const { entries } = state.ledger;
  const beforeMs = dueBeforeMs(nowMs, keep);
  const beyond = entries.length - keep.endedMax;
  const oldest = entries.slice(0, BATCH_LINES);
  return firstWhile(oldest, (entry, i) => i < beyond || entry.atMs < beforeMs);
}

function dueHours(state: State, nowMs: number, keep: KeepPolicy): readonly ContributionHour[] {
  const beforeMs = dueBeforeMs(nowMs, keep);
  const beyond = Object.keys(state.ledger.contributions).length - keep.endedMax;
  const oldest = oldestHours(state.ledger, BATCH_LINES);
  return firstWhile(oldest, ({ hourMs }, i) => hourMs + HOUR_MS <= (i < beyond ? nowMs : beforeMs));
}

function firstWhile<T>(rows: readonly T[], holds: (row: T, i: number) => boolean): readonly T[] {
  const end = rows.findIndex((row, i) => !holds(row, i));
  return end === -1 ? rows : rows.slice(0, end);
}

/** Lets go what the archive holds already. Refuses WRONG_STATE when it has changed since. */
export function archive(step: Step, input: Archive): Outcome<unknown> {
  const { state, atMs } = step;
  const { batch, jobs, entries, hours, digest } = input;
  if (batch !== state.archived.batches + 1) return changed(`batch ${batch} is not the next`);
  const moved = jobs.find(({ jobId, unsettled: seen }) => {
    const job = state.jobs.get(jobId);
    return job === undefined || !mayLeave(state, job, atMs) || unsettled(state, job) !== seen;
  });
  if (moved !== undefined) return changed(`job ${moved.jobId} is not what it was`);
  const oldest = oldestHours(state.ledger, hours);
  const complete = oldest.length === hours && oldest.every((one) => one.hourMs + HOUR_MS <= atMs);
  if (entries > state.ledger.entries.length || !complete) return changed("the books are others");
  const jobIds = jobs.map(({ jobId }) => jobId);
  // Whoever waits in vain for a job that leaves is told so while the job is known.
  tickJobs(step);
  step.emit({ type: "history.archived", batch, jobIds, entries, hours, digest });
  return ok(undefined);
}

const changed = (what: string): Refusal =>
  refuse("WRONG_STATE", `It cannot leave the state: ${what}.`, "Look again at what is due.");

/** Months whose books may be closed at `nowMs`. */
export const closable = (state: State, nowMs: number): string[] =>
  periodsToClose(state.ledger, nowMs - LIMITS.BOOKS_CLOSE_AFTER_MS);

/** Closes the books of a month. Refuses WRONG_STATE before it is over and its lines have left. */
export function closeBooks(
  { state, atMs, emit }: Step,
  { period, digest }: Extract<Input, { readonly type: "closeBooks" }>,
): Outcome<unknown> {
  if (!closable(state, atMs).includes(period)) return changed(`${period} is not to be closed`);
  emit({ type: "books.closed", period, digest });
  return ok(undefined);
}

/** The fold of both events; false for every other one. */
export function applyHistory(state: State, event: Event): boolean {
  switch (event.type) {
    case "history.archived":
      forget(state, event);
      return true;
    case "books.closed":
      closePeriod(state.ledger, event.period, event.digest);
      return true;
    default:
      return false;
  }
}

function forget(state: State, event: Archived): void {
  const { archived, ledger } = state;
  assert(event.batch === archived.batches + 1, "batches of the archive follow one another");
  for (const jobId of event.jobIds) {
    const job = theJob(state, jobId);
    assert(job.stage === "ended", `job ${jobId} has ended before it leaves`);
    for (const leaseId of job.leaseIds) {
      state.leases.delete(leaseId);
      forgetLease(ledger, leaseId);
    }
    const outcome = job.outcome!;
    archived.outcomes[outcome] = (archived.outcomes[outcome] ?? 0) + 1;
    if (job.place !== null) state.arrays.delete(job.place.arrayId);
    state.jobs.delete(jobId);
  }
  leaveBooks(ledger, event.entries, event.hours);
  archived.batches = event.batch;
  archived.digest = event.digest;
  archived.jobs += event.jobIds.length;
  jobsLeft(state, event.jobIds.length);
}

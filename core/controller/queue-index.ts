// The waiting jobs in lines of those that ask for the same, kept up as events are applied, so that
// a look at the queue costs what it starts and not how much waits. It can be made from the state
// at any time and is no part of it: it is neither encoded nor compared.
import { assert, deadlineMs } from "../pool/index.ts";
import { requestKey, seriesOf } from "../scheduler/index.ts";
import type { JobState, State } from "./state.ts";

/** Jobs of one priority, project and request; tasks of an array with a limit stand alone. */
export interface JobLine {
  readonly key: string;
  readonly priority: number;
  readonly project: string;
  /** The array whose limit holds for the line. */
  readonly limit: { readonly arrayId: string; readonly maxRunning: number } | undefined;
  /** True if all its jobs have deadlines: then they go by those, else by submission. */
  readonly due: boolean;
  readonly compare: (a: JobState, b: JobState) => number;
  /** By turn. Some no longer wait: they are passed over until the head is behind them. */
  readonly jobs: JobState[];
  head: number;
  /** How many of them wait. */
  live: number;
}

/** A line is shortened when this many of its entries lie behind the head. */
const SHORTEN_AT = 4_096;

const waits = (job: JobState): boolean => job.stage === "queued";

/** Where a job stands, or would stand, in a list by submission. */
export function placeOf(
  jobs: readonly JobState[],
  job: JobState,
  compare: JobLine["compare"] = compareJobs,
): number {
  let [low, high] = [0, jobs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(jobs[middle]!, job) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The order of submission: by time, number of the job or its array, and place in that. */
export function compareJobs(a: JobState, b: JobState): number {
  return (
    a.submittedAtMs - b.submittedAtMs ||
    Number(a.place?.arrayId ?? a.jobId) - Number(b.place?.arrayId ?? b.jobId) ||
    (a.place?.index ?? -1) - (b.place?.index ?? -1)
  );
}

/** The same, but the earliest deadline goes first. */
const compareDue = (a: JobState, b: JobState): number =>
  deadlineMs(a.spec, a.submittedAtMs) - deadlineMs(b.spec, b.submittedAtMs) || compareJobs(a, b);

/** Runs and jobs with dependencies are asked one by one whether they may start. */
const isSingle = ({ spec }: JobState): boolean =>
  spec.run !== undefined || spec.dependencies.length > 0;

export class QueueIndex {
  readonly #projects: State["projects"];
  readonly #reservations: State["reservations"];
  /** Jobs in the index of each project, and of each of its users. */
  readonly #counts = new Map<string, number>();
  readonly #runs = new Set<JobState>();
  readonly lines = new Map<string, JobLine>();
  readonly singles = new Set<JobState>();
  /** Jobs that are over, in the order of submission. */
  readonly ended: JobState[] = [];
  /** Tasks of one array come one after another. */
  #last: { readonly spec: JobState["spec"]; readonly line: JobLine } | undefined;

  constructor(state: State) {
    this.#projects = state.projects;
    this.#reservations = state.reservations;
    for (const jobId of state.queue.keys()) {
      const job = state.jobs.get(jobId);
      if (job !== undefined) this.add(job);
    }
    for (const job of state.jobs.values()) if (job.stage === "ended") this.ended.push(job);
  }

  /** The job is over. */
  end(job: JobState): void {
    const { ended } = this;
    const last = ended.at(-1);
    if (last === undefined || compareJobs(last, job) < 0) ended.push(job);
    else ended.splice(placeOf(ended, job), 0, job);
  }

  /** So many jobs have left the state: most of the oldest. */
  leave(jobs: ReadonlyMap<string, JobState>, count: number): void {
    const stay: JobState[] = [];
    let at = 0;
    for (let left = count; left > 0; at += 1) {
      const job = this.ended[at];
      assert(job !== undefined, "what leaves is among the ended jobs");
      if (jobs.has(job.jobId)) stay.push(job);
      else left -= 1;
    }
    this.ended.splice(0, at);
    this.ended.unshift(...stay);
  }

  /** The job waits: for the first time or again. */
  add(job: JobState): void {
    if (isSingle(job)) {
      // A run that waits again was never gone.
      if (!this.singles.has(job)) this.#count(job, 1);
      this.singles.add(job);
      if (job.spec.run !== undefined) this.#runs.add(job);
      return;
    }
    this.#count(job, 1);
    const line = this.#lineOf(job);
    const { jobs, compare } = line;
    line.live += 1;
    const last = jobs.at(-1);
    if (last === undefined || compare(last, job) < 0) {
      jobs.push(job);
      return;
    }
    const low = placeOf(jobs, job, compare);
    // One that waits again may still have its old entry.
    if (jobs[low] !== job) jobs.splice(low, 0, job);
    line.head = Math.min(line.head, low);
  }

  /** The job, whose stage has changed already, does not wait any more. */
  remove(job: JobState): void {
    if (isSingle(job)) {
      if (this.singles.delete(job)) this.#count(job, -1);
      this.#runs.delete(job);
      return;
    }
    this.#count(job, -1);
    const line = this.#lineOf(job);
    line.live -= 1;
    if (line.live <= 0) {
      this.lines.delete(line.key);
      this.#last = undefined;
      return;
    }
    while (!waits(line.jobs[line.head]!)) line.head += 1;
    if (line.head < SHORTEN_AT || line.head * 2 < line.jobs.length) return;
    line.jobs.splice(0, line.head);
    line.head = 0;
  }

  /** Jobs of one project, or of one user in it, that wait. */
  waiting(project: string, user?: string): number {
    let count = this.#counts.get(countKey(project, user)) ?? 0;
    for (const { spec, stage } of this.#runs) {
      const counted = spec.project === project && (user === undefined || spec.user === user);
      // A run that has sites takes more: it stays in the index and does not wait.
      if (counted && stage !== "queued") count -= 1;
    }
    return count;
  }

  #count({ spec: { project, user } }: JobState, change: number): void {
    for (const key of [countKey(project), countKey(project, user)]) {
      const count = (this.#counts.get(key) ?? 0) + change;
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
    }
  }

  /** True where jobs of one user may have to wait and those of another not. */
  #asksUser(project: string): boolean {
    for (const { reservation } of this.#reservations.values()) {
      if (reservation.user !== null) return true;
    }
    for (let at = this.#projects.get(project); at !== undefined; ) {
      if (at.caps?.perUser !== undefined) return true;
      at = at.parent === null ? undefined : this.#projects.get(at.parent);
    }
    return false;
  }

  #lineOf({ spec, place }: JobState): JobLine {
    const last = this.#last;
    if (last?.spec === spec && last.line.limit?.arrayId === place?.arrayId) return last.line;
    const user = this.#asksUser(spec.project) ? ` ${spec.user}` : "";
    const due = spec.deadline === undefined ? "" : " due";
    // Jobs of another name may be expected to run for less, and pass where these do not.
    const name = seriesOf(spec)[0];
    const own = `${spec.priority} ${spec.project}${user}${due} ${requestKey(spec)} ${name}`;
    const key = place === null ? own : `${own} ${place.arrayId}`;
    let line = this.lines.get(key);
    if (line === undefined) {
      const { priority, project } = spec;
      const order = due === "" ? compareJobs : compareDue;
      line = {
        ...{ key, priority, project, limit: place ?? undefined },
        ...{ due: due !== "", compare: order, jobs: [], head: 0, live: 0 },
      };
      this.lines.set(key, line);
    }
    this.#last = { spec, line };
    return line;
  }
}

const countKey = (project: string, user?: string): string =>
  user === undefined ? project : `${project} ${user}`;

/** The jobs of a line that wait, in their turn. */
export function* waitingOf({ jobs, head }: JobLine): Generator<JobState, undefined> {
  for (let at = head; at < jobs.length; at += 1) if (waits(jobs[at]!)) yield jobs[at]!;
}

/** Waiting jobs of a line up to the first for which something holds no more. */
export function countLeading(
  { jobs, head, live }: JobLine,
  holds: (job: JobState) => boolean,
): number {
  const last = jobs.at(-1);
  if (last === undefined || holds(last)) return live;
  let [low, high] = [head, jobs.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(jobs[middle]!)) low = middle + 1;
    else high = middle;
  }
  let count = 0;
  for (let at = head; at < low; at += 1) if (waits(jobs[at]!)) count += 1;
  return count;
}

/** How many jobs of each project wait. */
export function waitingByProject(state: State): Map<string, number> {
  const { lines, singles } = queueOf(state);
  const counts = new Map<string, number>();
  const add = (project: string, jobs: number): void => {
    counts.set(project, (counts.get(project) ?? 0) + jobs);
  };
  for (const { project, live } of lines.values()) add(project, live);
  for (const job of singles) if (waits(job)) add(job.spec.project, 1);
  return counts;
}

/** Jobs that are over, in the order of submission. */
export const endedJobs = (state: State): readonly JobState[] => queueOf(state).ended;

const indexes = new WeakMap<State, QueueIndex>();

/** The lines of a state; made when they are asked for first. */
export function queueOf(state: State): QueueIndex {
  const index = indexes.get(state) ?? new QueueIndex(state);
  indexes.set(state, index);
  return index;
}

/** What tells lines apart has changed: they are made anew when they are asked for. */
export const linesChanged = (state: State): void => void indexes.delete(state);

/** The job has begun to wait, or has ceased to: the lines follow, if anybody has asked for them. */
export function queueChanged(state: State, job: JobState, waiting: boolean): void {
  const index = indexes.get(state);
  if (waiting) index?.add(job);
  else index?.remove(job);
}

/** The job is over: it is found among those that are, if anybody has asked for them. */
export const jobOver = (state: State, job: JobState): void => indexes.get(state)?.end(job);

/** Ended jobs have left the state: they leave the list of those, too. */
export const jobsLeft = (state: State, count: number): void =>
  indexes.get(state)?.leave(state.jobs, count);

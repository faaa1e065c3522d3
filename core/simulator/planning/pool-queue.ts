// The waiting jobs of a planned pool in lines of those that ask for the same, by submission, as
// the controller keeps them for the production scheduler.
import type { JobSpec } from "../../pool/index.ts";
import { requestKey, seriesOf, type WaitingLine, type WaitingView } from "../../scheduler/index.ts";
import type { PlanJob, PlanRequest } from "./jobs.ts";

interface Line {
  readonly priority: number;
  readonly project: string;
  /** By submission; some no longer wait and are passed over. */
  readonly jobs: number[];
  head: number;
  live: number;
}

/** A line is shortened when this many of its entries lie behind the head. */
const SHORTEN_AT = 1_024;

export class PoolQueue {
  readonly #jobs: readonly PlanJob[];
  readonly #limitS: number;
  readonly #lines = new Map<string, Line>();
  readonly #views = new Map<number, WaitingView>();
  /** Waiting jobs by owner. */
  readonly #waitingOf = new Map<string, number>();
  /** Jobs of one owner that ask for the same share their spec and its key. */
  readonly #specs = new Map<PlanRequest, Map<string, { spec: JobSpec; key: string }>>();

  constructor(jobs: readonly PlanJob[], limitS: number) {
    this.#jobs = jobs;
    this.#limitS = limitS;
  }

  /**
   * A job waits from now on, again if it was stopped on a site. True if no like job of its owner
   * stands before it.
   */
  add(job: number, lastSiteId?: string): boolean {
    const { spec, key } = this.specOf(job);
    const line = this.#lines.get(key) ?? {
      ...{ priority: spec.priority, project: spec.project, jobs: [], head: 0, live: 0 },
    };
    this.#lines.set(key, line);
    const submittedAtMs = Math.round(this.#jobs[job]!.submitS * 1_000);
    const view = { jobId: `${job}`, spec, submittedAtMs, eligible: true };
    this.#views.set(job, lastSiteId === undefined ? view : { ...view, lastSiteId });
    const at = placeOf(line, job);
    if (line.jobs[at] !== job) line.jobs.splice(at, 0, job);
    if (at < line.head) line.head = at;
    line.live += 1;
    this.#count(job, 1);
    return line.live === 1 || at <= line.head;
  }

  /** A job starts: it waits no longer. */
  take(job: number): WaitingView {
    const view = this.#views.get(job);
    if (view === undefined) throw new Error(`Invariant broken: job ${job} waits when it starts`);
    this.#views.delete(job);
    const line = this.#lines.get(this.specOf(job).key)!;
    line.live -= 1;
    this.#count(job, -1);
    while (line.head < line.jobs.length && !this.#views.has(line.jobs[line.head]!)) line.head += 1;
    if (line.head > SHORTEN_AT) {
      line.jobs.splice(0, line.head);
      line.head = 0;
    }
    return view;
  }

  /** How many jobs of an owner wait. */
  waitingOf(owner: string): number {
    return this.#waitingOf.get(owner) ?? 0;
  }

  #count(job: number, change: 1 | -1): void {
    const { owner } = this.#jobs[job]!;
    this.#waitingOf.set(owner, this.waitingOf(owner) + change);
  }

  lines(): WaitingLine[] {
    const lines: WaitingLine[] = [];
    for (const line of this.#lines.values()) {
      const { priority, project, live } = line;
      if (live > 0) lines.push({ priority, project, count: live, jobs: () => this.#waiting(line) });
    }
    return lines;
  }

  *#waiting({ jobs, head }: Line): Generator<WaitingView, undefined> {
    for (let at = head; at < jobs.length; at += 1) {
      const view = this.#views.get(jobs[at]!);
      if (view !== undefined) yield view;
    }
  }

  /** The job as production would know it, and the key of its line. */
  specOf(job: number): { readonly spec: JobSpec; readonly key: string } {
    const { owner, user, name, limitS, request } = this.#jobs[job]!;
    const walltimeMs = Math.ceil((limitS ?? this.#limitS) * 1_000);
    const same = this.#specs.get(request) ?? new Map<string, { spec: JobSpec; key: string }>();
    this.#specs.set(request, same);
    const asked = `${walltimeMs}\n${owner}\n${user}\n${name}`;
    const known = same.get(asked);
    if (known !== undefined) return known;
    const spec = jobSpecOf(this.#jobs[job]!, walltimeMs);
    // Jobs of another name may be expected to run for less, and pass where these do not.
    const key = `${spec.priority} ${owner} ${requestKey(spec)} ${seriesOf(spec)[0]}`;
    const made = { spec, key };
    same.set(asked, made);
    return made;
  }
}

function placeOf({ jobs, head }: Line, job: number): number {
  let [low, high] = [0, jobs.length];
  // Nearly all come last; those that were stopped come back to their old place.
  if (high > head && jobs[high - 1]! < job) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (jobs[middle]! < job) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The job as production would know it. Its number in the trace is its id. */
export function jobSpecOf({ name, owner, user, request }: PlanJob, walltimeMs: number): JobSpec {
  return {
    ...{ name, project: owner, user, priority: request.priority },
    ...{ preemptible: true, walltimeMs, requeue: true, dependencies: [] },
    groups: request.tasks.map(({ count, resources }, at) => ({
      ...{ name: `g${at}`, count, command: ["simulated"], env: {}, resources },
    })),
    constraints: {
      members: request.members ?? [],
      excludeMembers: [],
      labels: request.labels ?? {},
    },
  };
}

// A snapshot of the state as lines of text, made a little at a time while the pool goes on, and
// the way back. What an event is about to change is set aside first, so that the lines tell of one
// moment however long they take. Jobs that share a description share it in the snapshot, too.
// When lines are made, and where they are kept, is left to the server.
import type { BookedLease, Entry } from "../ledger/index.ts";
import { assert, type JobSpec } from "../pool/index.ts";
import type { Event } from "./event.ts";
import type { JobState, LeaseState, Site, State } from "./state.ts";
import { decodeState, emptyState, encodeState, newJob } from "./state.ts";

/** Jobs, leases or entries of one line: about a millisecond's work. */
const LINE_ROWS = 500;

/** A job that nothing has happened to; `spec` is a number in the order of the descriptions. */
type WaitingRow = readonly [jobId: string, spec: number, submittedAtMs: number, ...Place];
type Place = readonly [] | readonly [index: number, maxRunning: number];
type JobRow = WaitingRow | { readonly spec: number; readonly job: Omit<JobState, "spec"> };

type Line =
  | { readonly state: string }
  | { readonly site: Site }
  | { readonly specs: readonly JobSpec[]; readonly jobs: readonly JobRow[] }
  | { readonly leases: readonly LeaseState[] }
  | { readonly entries: readonly Entry[]; readonly booked: readonly (BookedLease | null)[] }
  | { readonly queue: readonly string[] }
  | { readonly keys: readonly (readonly [string, KeyState])[] };

type KeyState = State["keys"] extends Map<string, infer Value> ? Value : never;

const writers = new WeakMap<State, SnapshotWriter>();

/** Called with every event before it is applied: a snapshot that is being made keeps what was. */
export const beforeEvent = (state: State, event: Event): void =>
  writers.get(state)?.beforeEvent(event);

/** Tells of the state as it is when this is made; at most one at a time for each state. */
export class SnapshotWriter {
  /** The event up to which the snapshot holds everything. */
  readonly seq: number;
  readonly #state: State;
  readonly #lines: Generator<Line, undefined>;
  readonly #jobs = new Map<string, JobState>();
  readonly #leases = new Map<string, LeaseState>();
  readonly #booked = new Map<string, BookedLease>();

  constructor(state: State) {
    this.seq = state.seq;
    this.#state = state;
    this.#lines = this.#write(copyOf(state));
    writers.set(state, this);
  }

  /** The next line, without its end; undefined after the last one. */
  next(): string | undefined {
    const line = this.#lines.next().value;
    if (line !== undefined) return JSON.stringify(line);
    this.stop();
    return undefined;
  }

  /** Sets nothing aside any more: the snapshot is complete, or nobody wants the rest. */
  stop(): void {
    if (writers.get(this.#state) === this) writers.delete(this.#state);
  }

  beforeEvent(event: Event): void {
    if ("jobId" in event) this.#keepJob(event.jobId);
    else if (event.type === "lease.granted") this.#keepJob(event.lease.jobId);
    else if ("leaseId" in event) this.#keepLease(event.leaseId);
  }

  #keepJob(jobId: string): void {
    const job = this.#state.jobs.get(jobId);
    if (job === undefined || this.#jobs.has(jobId)) return;
    this.#jobs.set(jobId, { ...job, leaseIds: [...job.leaseIds] });
  }

  #keepLease(leaseId: string): void {
    const lease = this.#state.leases.get(leaseId);
    if (lease === undefined) return;
    this.#keepJob(lease.lease.jobId);
    if (!this.#leases.has(leaseId)) this.#leases.set(leaseId, { ...lease });
    const booked = this.#state.ledger.leases[leaseId];
    if (booked !== undefined && !this.#booked.has(leaseId)) this.#booked.set(leaseId, booked);
  }

  *#write(copy: Copy): Generator<Line, undefined> {
    yield { state: copy.small };
    for (const site of copy.sites) yield { site };
    const state = this.#state;
    const specs = new Map<JobSpec, number>();
    for (const jobs of groups(state.jobs.values(), copy.jobs)) {
      const fresh: JobSpec[] = [];
      const rows = jobs.map((now) => {
        const job = this.#jobs.get(now.jobId) ?? now;
        let spec = specs.get(job.spec);
        if (spec === undefined) {
          spec = specs.size;
          specs.set(job.spec, spec);
          fresh.push(job.spec);
        }
        return rowOf(job, spec);
      });
      yield { specs: fresh, jobs: rows };
    }
    for (const leases of groups(state.leases.values(), copy.leases)) {
      yield { leases: leases.map((now) => this.#leases.get(now.lease.leaseId) ?? now) };
    }
    for (const entries of groups(state.ledger.entries.values(), copy.entries)) {
      yield { entries, booked: entries.map((entry) => this.#bookedOf(entry)) };
    }
    for (const queue of groups(copy.queue.values(), copy.queue.length)) yield { queue };
    for (const keys of groups(copy.keys.values(), copy.keys.length)) yield { keys };
    return undefined;
  }

  /** A lease is booked with its first entry, and in that order. */
  #bookedOf({ kind, leaseId }: Entry): BookedLease | null {
    if (kind !== "lease") return null;
    return this.#booked.get(leaseId) ?? this.#state.ledger.leases[leaseId]!;
  }
}

/** What is copied at once: all that is small, and how far the long lists go. */
interface Copy {
  readonly small: string;
  readonly sites: readonly Site[];
  readonly jobs: number;
  readonly leases: number;
  readonly entries: number;
  readonly queue: readonly string[];
  readonly keys: readonly (readonly [string, KeyState])[];
}

function copyOf(state: State): Copy {
  const { ledger } = state;
  const empty = emptyState();
  const { sites, jobs, arrays, leases, queue, keys } = empty;
  const lists = { sites, jobs, arrays, leases, queue, keys };
  const books = { ...ledger, entries: [], leases: {} };
  return {
    small: encodeState({ ...state, ...lists, ledger: books }),
    sites: [...state.sites.values()].map((site) => ({ ...site, openLeases: [...site.openLeases] })),
    jobs: state.jobs.size,
    leases: state.leases.size,
    entries: ledger.entries.length,
    queue: [...state.queue.keys()],
    keys: [...state.keys],
  };
}

/** The first `count` values, some at a time. The lists only grow, at their ends. */
function* groups<T>(values: Iterator<T>, count: number): Generator<readonly T[]> {
  for (let left = count; left > 0; left -= LINE_ROWS) {
    const group: T[] = [];
    while (group.length < Math.min(left, LINE_ROWS)) {
      const next = values.next();
      assert(next.done !== true, "what a snapshot tells of is never removed");
      group.push(next.value);
    }
    yield group;
  }
}

function rowOf(job: JobState, spec: number): JobRow {
  const { spec: _, ...rest } = job;
  const touched = job.stage !== "queued" || job.attempts > 0 || job.cancelled || job.message !== "";
  if (touched) return { spec, job: rest };
  const { jobId, submittedAtMs, place } = job;
  return place === null
    ? [jobId, spec, submittedAtMs]
    : [jobId, spec, submittedAtMs, place.index, place.maxRunning];
}

/** Builds a state from the lines of a snapshot, given one after another. */
export class SnapshotReader {
  #state = emptyState();
  readonly #specs: JobSpec[] = [];

  take(text: string): void {
    const line = JSON.parse(text) as Line;
    const state = this.#state;
    if ("state" in line) this.#state = decodeState(line.state);
    else if ("site" in line) state.sites.set(line.site.siteId, line.site);
    else if ("jobs" in line) {
      this.#specs.push(...line.specs);
      for (const row of line.jobs) this.#addJob(jobOf(row, this.#specs));
    } else if ("leases" in line) {
      for (const lease of line.leases) state.leases.set(lease.lease.leaseId, lease);
    } else if ("entries" in line) {
      state.ledger.entries.push(...line.entries);
      line.booked.forEach((booked, i) => {
        if (booked !== null) state.ledger.leases[line.entries[i]!.leaseId] = booked;
      });
    } else if ("queue" in line) for (const jobId of line.queue) state.queue.set(jobId, true);
    else for (const [key, value] of line.keys) state.keys.set(key, value);
  }

  /** The state, after the last line. */
  get state(): State {
    return this.#state;
  }

  #addJob(job: JobState): void {
    const { jobs, arrays } = this.#state;
    jobs.set(job.jobId, job);
    if (job.place === null) return;
    const tasks = arrays.get(job.place.arrayId) ?? [];
    tasks.push(job.jobId);
    arrays.set(job.place.arrayId, tasks);
  }
}

function jobOf(row: JobRow, specs: readonly JobSpec[]): JobState {
  if (!("job" in row)) {
    const [jobId, spec, submittedAtMs, index, maxRunning] = row;
    const arrayId = jobId.slice(0, Math.max(0, jobId.indexOf("_")));
    const place = index === undefined ? null : { arrayId, index, maxRunning: maxRunning! };
    return newJob(jobId, specs[spec]!, place, submittedAtMs);
  }
  const { jobId, ...rest } = row.job;
  return { jobId, spec: specs[row.spec]!, ...rest };
}

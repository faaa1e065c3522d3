// A snapshot of the state as lines of text, made a little at a time while the pool goes on, and
// the way back. What an event is about to change is set aside first, so that the lines tell of one
// moment however long they take. Jobs that share a description share it in the snapshot, too.
// When lines are made, and where they are kept, is left to the server.
import { type BookedLease, type Entry, emptyLedger, type LedgerState } from "../ledger/index.ts";
import { assert, type JobSpec } from "../pool/index.ts";
import type { Event } from "./event.ts";
import { historyOfLeases } from "./run-times.ts";
import type { JobState, KeyState, LeaseState, Site, State } from "./state.ts";
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
  /** Booked leases whose entries have left the books. */
  | { readonly books: readonly (readonly [leaseId: string, booked: BookedLease])[] }
  | { readonly entries: readonly Entry[]; readonly booked: readonly (BookedLease | null)[] }
  | { readonly queue: readonly string[] }
  | { readonly keys: readonly (readonly [string, KeyState])[] };

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
  /** What of the long lists is not written yet. */
  readonly #rest: { readonly [List in keyof Lists]: Rest<Lists[List]> };

  constructor(state: State) {
    this.seq = state.seq;
    this.#state = state;
    const { jobs, leases, ledger } = state;
    this.#rest = {
      jobs: new Rest(jobs.values(), jobs.size),
      leases: new Rest(leases.values(), leases.size),
      entries: new Rest(ledger.entries.values(), ledger.entries.length),
    };
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
    if (event.type === "history.archived") this.#keepLeaving(event);
    else if ("jobId" in event) this.#keepJob(event.jobId);
    else if (event.type === "lease.granted") this.#keepJob(event.lease.jobId);
    else if ("leaseId" in event) this.#keepLease(event.leaseId);
  }

  /** Jobs and lines are about to leave the lists that are being read. */
  #keepLeaving({ jobIds, entries }: Extract<Event, { type: "history.archived" }>): void {
    for (const list of Object.values(this.#rest)) list.hold();
    const { jobs, ledger } = this.#state;
    for (const jobId of jobIds) for (const id of jobs.get(jobId)!.leaseIds) this.#keepBooked(id);
    for (let i = 0; i < entries; i += 1) this.#keepBooked(ledger.entries[i]!.leaseId);
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
    this.#keepBooked(leaseId);
  }

  #keepBooked(leaseId: string): void {
    const booked = this.#state.ledger.leases[leaseId];
    if (booked !== undefined && !this.#booked.has(leaseId)) this.#booked.set(leaseId, booked);
  }

  *#write(copy: Copy): Generator<Line, undefined> {
    yield { state: copy.small };
    for (const site of copy.sites) yield { site };
    const rest = this.#rest;
    const specs = new Map<JobSpec, number>();
    for (const jobs of groups(rest.jobs)) {
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
    for (const leases of groups(rest.leases)) {
      yield { leases: leases.map((now) => this.#leases.get(now.lease.leaseId) ?? now) };
    }
    for (const books of groups(all(copy.books))) yield { books };
    for (const entries of groups(rest.entries)) {
      yield { entries, booked: entries.map((entry) => this.#bookedOf(entry)) };
    }
    for (const queue of groups(all(copy.queue))) yield { queue };
    for (const keys of groups(all(copy.keys))) yield { keys };
    return undefined;
  }

  /** A lease is booked with its first entry, in that order, and forgotten with its job. */
  #bookedOf({ kind, leaseId }: Entry): BookedLease | null {
    if (kind !== "lease") return null;
    return this.#booked.get(leaseId) ?? this.#state.ledger.leases[leaseId] ?? null;
  }
}

interface Lists {
  readonly jobs: JobState;
  readonly leases: LeaseState;
  readonly entries: Entry;
}

/** The first values of a list that grows at its end while it is read, and loses some at times. */
class Rest<T> {
  #values: Iterator<T>;
  /** How many are still to be read. */
  left: number;

  constructor(values: Iterator<T>, count: number) {
    this.#values = values;
    this.left = count;
  }

  next(): T {
    const next = this.#values.next();
    assert(next.done !== true, "what a snapshot tells of is set aside before it is removed");
    this.left -= 1;
    return next.value;
  }

  /** Some are about to be removed: sets aside what was not read. */
  hold(): void {
    const rest: T[] = [];
    const count = this.left;
    while (this.left > 0) rest.push(this.next());
    this.left = count;
    this.#values = rest.values();
  }
}

const all = <T>(list: readonly T[]): Rest<T> => new Rest(list.values(), list.length);

/** What is copied at once: all that is small, and what may change anywhere. */
interface Copy {
  readonly small: string;
  readonly sites: readonly Site[];
  readonly books: readonly (readonly [leaseId: string, booked: BookedLease])[];
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
    books: booksOf(ledger),
    queue: [...state.queue.keys()],
    keys: [...state.keys],
  };
}

/** Some at a time. */
function* groups<T>(rest: Rest<T>): Generator<readonly T[]> {
  while (rest.left > 0) {
    const group: T[] = [];
    while (rest.left > 0 && group.length < LINE_ROWS) group.push(rest.next());
    yield group;
  }
}

/** Booked leases without an entry in the books; they were booked before all others. */
function booksOf({ left, leases }: LedgerState): [leaseId: string, booked: BookedLease][] {
  const books: [string, BookedLease][] = [];
  if (left.entries === 0) return books;
  for (const leaseId in leases) {
    const booked = leases[leaseId]!;
    if (booked.entry >= left.entries) break;
    books.push([leaseId, booked]);
  }
  return books;
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

/** The state with what former formats did not have yet, as it was at that time. */
const completed = (state: State): State => ({
  ...emptyState(),
  ...state,
  ledger: { ...emptyLedger(), ...state.ledger },
});

/** Builds a state from the lines of a snapshot, given one after another. */
export class SnapshotReader {
  #state = emptyState();
  readonly #specs: JobSpec[] = [];
  /** False until it is known that the snapshot was made before run times were kept. */
  #lacksRunTimes = false;

  take(text: string): void {
    const line = JSON.parse(text) as Line;
    const state = this.#state;
    if ("state" in line) this.#begin(decodeState(line.state));
    else if ("site" in line) state.sites.set(line.site.siteId, line.site);
    else if ("jobs" in line) {
      this.#specs.push(...line.specs);
      for (const row of line.jobs) this.#addJob(jobOf(row, this.#specs));
    } else if ("leases" in line) {
      for (const lease of line.leases) state.leases.set(lease.lease.leaseId, lease);
    } else if ("books" in line) {
      for (const [leaseId, booked] of line.books) state.ledger.leases[leaseId] = booked;
    } else if ("entries" in line) {
      state.ledger.entries.push(...line.entries);
      line.booked.forEach((booked, i) => {
        if (booked !== null) state.ledger.leases[line.entries[i]!.leaseId] = booked;
      });
    } else if ("queue" in line) for (const jobId of line.queue) state.queue.set(jobId, true);
    else for (const [key, value] of line.keys) state.keys.set(key, this.#keyOf(value));
  }

  #begin(state: State): void {
    this.#lacksRunTimes = state.runTimes === undefined;
    this.#state = completed(state);
  }

  /** Format 3 left the number of tasks to the array, which was always there. */
  #keyOf(key: KeyState): KeyState {
    const tasks = this.#state.arrays.get(key.jobId.split("_")[0]!)?.length;
    return key.tasks !== undefined || tasks === undefined ? key : { ...key, tasks };
  }

  /** The state, after the last line. */
  get state(): State {
    if (this.#lacksRunTimes) {
      this.#state = { ...this.#state, runTimes: historyOfLeases(this.#state) };
      this.#lacksRunTimes = false;
    }
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

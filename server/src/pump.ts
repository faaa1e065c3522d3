// The pump: the one place where inputs meet the state and the journal. It takes inputs one after
// another, lets the controller decide, makes the events durable together (group commit), and only
// then answers and lets effects out. The state runs ahead of the disk by the appends under way;
// if one fails, the state is thrown away and folded again from the journal.
import { setTimeout as sleep } from "node:timers/promises";
import {
  apply,
  type Event,
  emptyState,
  type Input,
  STATE_FORMAT,
  STATE_FORMATS_READ,
  type State,
  step,
} from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Plan } from "@tequio/core/scheduler";
import { APPEND_RECORDS_MAX, type JournalRecord, type Store } from "@tequio/stores";
import { makeSnapshot, readSnapshot } from "./snapshot.ts";

/** An event in its place in the journal. */
export interface Committed {
  readonly seq: number;
  readonly atMs: number;
  readonly event: Event;
}

export interface Pump {
  /** The state as of the last decided input. Read only: it changes with the next input. */
  readonly state: State;
  /** The newest plan of the scheduler, for reasons; undefined before the first. */
  readonly plan: Plan | undefined;
  /** Place of the newest durable event: every answer that was given is in the journal up to it. */
  readonly durableSeq: number;
  /** Takes one input; resolves with the controller's answer once its events are durable. */
  submit(input: Untimed<Input>): Promise<Outcome<unknown>>;
  /** Called with every batch of events after it became durable. */
  onCommitted(listener: (events: readonly Committed[]) => void): () => void;
  /** Writes a snapshot and stops taking inputs. */
  close(): Promise<void>;
}

/** An input without its time: the pump gives it the time. */
export type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : never;

/** An input that was decided and waits until its events are durable. */
interface Taken {
  readonly events: readonly Committed[];
  readonly outcome: Outcome<unknown>;
  readonly resolve: (outcome: Outcome<unknown>) => void;
}

/** Told of an input on which the controller broke one of its own rules. */
export type OnBug = (error: unknown) => void;
/** Told how long one look of the scheduler at the queue took. */
export type OnPass = (ms: number) => void;

/** A look at the queue is followed by a rest so many times as long: a long queue must not leave
 * too little time for answering those who fill it, and the next look then sees more at once. */
const REST_PER_LOOK = 4;
/** A snapshot is followed by a rest so many times as long: it takes time from everything else. */
const REST_PER_SNAPSHOT = 20;
/** Longest wait for more to commit together, whatever a commit takes: nobody notices it. */
const GATHER_MS_MAX = 20;

/** Between two looks for a database that is away. */
const AWAY_RETRY_MS = 500;
/** A database that is away or lets nobody in, as with a new password, comes back one day. */
const MAY_PASS: ReadonlySet<string> = new Set(["STORE_UNREACHABLE", "STORE_UNWRITABLE"]);

const REPORT_HINT = "Look at the pool's log and report it with its time.";

/** What a state can be folded from. */
interface Readable {
  readonly journal: Pick<Store["journal"], "read">;
  readonly snapshots: Pick<Store["snapshots"], "latest">;
}

/** Reads the records of a journal after `afterSeq` in pages. */
async function foldJournal(
  store: Pick<Readable, "journal">,
  state: State,
): Promise<Refusal | undefined> {
  for (;;) {
    const page = await store.journal.read({ afterSeq: state.seq, limit: 5_000 });
    if (!page.ok) return page;
    if (page.value.length === 0) return undefined;
    for (const record of page.value) apply(state, eventOf(record), record.atMs);
  }
}

/** The event of a journal record. */
export const eventOf = (record: JournalRecord): Event =>
  ({ type: record.type, ...(JSON.parse(record.payload) as object) }) as Event;

function payloadOf(event: Event): string {
  const { type: _, ...data } = event;
  return JSON.stringify(data);
}

/** The state that a store's snapshot and journal amount to. */
export async function recover(store: Readable): Promise<Outcome<State>> {
  const snapshot = await store.snapshots.latest();
  if (!snapshot.ok) return snapshot;
  const known = STATE_FORMATS_READ.includes(snapshot.value?.formatVersion ?? 0);
  const state = snapshot.value && known ? readSnapshot(snapshot.value.bytes) : emptyState();
  const failed = await foldJournal(store, state);
  return failed ?? ok(state);
}

/**
 * Opens the pump on a store. `now` gives milliseconds since 1970 and never goes back. `warm`: the
 * state that the whole journal of the store amounts to, when somebody has folded it already, and
 * who hears of the pump's first events.
 */
export async function openPump(
  store: Store,
  now: () => number,
  onBug: OnBug = () => {},
  onPass: OnPass = () => {},
  warm?: { readonly state: State; readonly onCommitted: (events: readonly Committed[]) => void },
): Promise<Outcome<Pump>> {
  const recovered = warm === undefined ? await recover(store) : ok(warm.state);
  if (!recovered.ok) return recovered;
  const pump = new StorePump(store, now, { onBug, onPass }, recovered.value);
  if (warm !== undefined) pump.onCommitted(warm.onCommitted);
  const booted = await pump.submit({ type: "boot" });
  if (!booted.ok) return booted;
  await pump.submit({ type: "schedule" });
  return ok(pump);
}

class StorePump implements Pump {
  state: State;
  plan: Plan | undefined;
  private readonly store: Store;
  private readonly now: () => number;
  private readonly tell: { readonly onBug: OnBug; readonly onPass: OnPass };
  private readonly listeners = new Set<(events: readonly Committed[]) => void>();
  private queue: Taken[] = [];
  /** Sequence number of the last durable record. */
  private sentSeq: number;
  private committing: Promise<void> | undefined;
  /** Set while the state is being folded anew: no input is taken meanwhile. */
  private rebuilding: Promise<void> | undefined;
  /** Why that cannot be done at the moment: the store's database does not answer. */
  private away: Refusal | undefined;
  private snapshotSeq: number;
  private snapshotting: Promise<void> | undefined;
  /** When the next snapshot may be taken, by performance.now(). */
  private snapshotFromMs = 0;
  /** How long the newest append took, and how many inputs were committed with it. */
  private appendMs = 0;
  private gathered = 0;
  private closed = false;
  private wantsSchedule = false;
  /** When the scheduler may look again, by performance.now(). */
  private scheduleFromMs = 0;
  private nextLook: NodeJS.Timeout | undefined;

  constructor(
    store: Store,
    now: () => number,
    tell: { readonly onBug: OnBug; readonly onPass: OnPass },
    state: State,
  ) {
    this.store = store;
    this.now = now;
    this.tell = tell;
    this.state = state;
    this.sentSeq = state.seq;
    this.snapshotSeq = state.seq;
  }

  get durableSeq(): number {
    return this.sentSeq;
  }

  async submit(input: Untimed<Input>): Promise<Outcome<unknown>> {
    while (this.rebuilding !== undefined) {
      if (this.away !== undefined) return this.away;
      await this.rebuilding;
    }
    if (this.closed) {
      return refuse("SHUTTING_DOWN", "The control plane is stopping.", "Try again in a moment.");
    }
    let taken: Omit<Taken, "resolve">;
    try {
      taken = this.take(input);
    } catch (error) {
      return this.startOver(error);
    }
    const { events, outcome } = taken;
    if (events.length === 0 && this.queue.length === 0 && this.committing === undefined) {
      return outcome;
    }
    return new Promise((resolve) => {
      this.queue.push({ events, outcome, resolve });
      this.commitSoon();
    });
  }

  onCommitted(listener: (events: readonly Committed[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.nextLook);
    while (this.rebuilding !== undefined) await this.rebuilding;
    while (this.committing !== undefined) await this.committing;
    while (this.snapshotting !== undefined) await this.snapshotting;
    this.snapshotSoon();
    await this.snapshotting;
  }

  private take(input: Untimed<Input>): Omit<Taken, "resolve"> {
    const before = this.state.seq;
    const startMs = performance.now();
    const result = step(this.state, { ...input, atMs: this.now() } as Input);
    if (input.type === "schedule") this.looked(startMs);
    const atMs = this.state.nowMs;
    const events = result.events.map((event, i) => ({ seq: before + 1 + i, atMs, event }));
    if (result.plan !== undefined) this.plan = result.plan;
    if (result.wantsSchedule) this.scheduleSoon();
    return { events, outcome: result.outcome };
  }

  private looked(startMs: number): void {
    const endMs = performance.now();
    this.scheduleFromMs = endMs + (endMs - startMs) * REST_PER_LOOK;
    this.tell.onPass(endMs - startMs);
  }

  /** One look at the queue for all inputs of a tick, not one for each. */
  private scheduleSoon(): void {
    if (this.wantsSchedule) return;
    this.wantsSchedule = true;
    const look = (): void => {
      this.wantsSchedule = false;
      if (!this.closed) void this.submit({ type: "schedule" });
    };
    const restMs = this.scheduleFromMs - performance.now();
    if (restMs <= 0) setImmediate(look);
    else this.nextLook = setTimeout(look, restMs);
  }

  private commitSoon(): void {
    if (this.committing !== undefined) return;
    this.committing = this.commit().finally(() => {
      this.committing = undefined;
      if (this.queue.length > 0) this.commitSoon();
    });
  }

  /**
   * Waits until as many inputs are here as were committed together the last time and none come
   * any more, at most as long as a commit takes: a few large commits cost less than many small
   * ones. Who is alone waits for one turn of the event loop.
   */
  private async gather(): Promise<void> {
    const untilMs = performance.now() + Math.min(this.appendMs, GATHER_MS_MAX);
    for (let seen = 0; performance.now() < untilMs; ) {
      const more = this.queue.length > seen;
      if (!more && seen >= this.gathered) break;
      seen = this.queue.length;
      await new Promise((turn) => (more ? setImmediate(turn) : setTimeout(turn, 1)));
    }
    this.gathered = this.queue.length;
  }

  /** Takes as many whole inputs as fit one append: at least one. */
  private nextBatch(): Taken[] {
    let records = 0;
    let count = 0;
    for (const { events } of this.queue) {
      if (count > 0 && records + events.length > APPEND_RECORDS_MAX) break;
      records += events.length;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  /** Writes what is waiting as one append; more may gather meanwhile. */
  private async commit(): Promise<void> {
    await this.gather();
    const batch = this.nextBatch();
    const events = batch.flatMap((taken) => taken.events);
    for (let from = 0; from < events.length; from += APPEND_RECORDS_MAX) {
      const failed = await this.append(events.slice(from, from + APPEND_RECORDS_MAX));
      if (failed !== undefined) return this.undo(failed, batch);
    }
    for (const { outcome, resolve } of batch) resolve(outcome);
    if (events.length > 0) for (const listener of this.listeners) listener(events);
    const due = this.sentSeq - this.snapshotSeq >= LIMITS.SNAPSHOT_EVERY_RECORDS;
    if (due && performance.now() >= this.snapshotFromMs) this.snapshotSoon();
  }

  private async append(events: readonly Committed[]): Promise<Refusal | undefined> {
    const records = events.map(({ atMs, event }) => ({
      atMs,
      type: event.type,
      payload: payloadOf(event),
    }));
    const startedMs = performance.now();
    const written = await this.store.journal.append(this.sentSeq, records);
    this.appendMs = performance.now() - startedMs;
    if (!written.ok) return written;
    this.sentSeq = written.value.seq;
    return undefined;
  }

  /** Nothing of the failed batch happened: everybody in it is told so, the state is rebuilt. */
  private async undo(why: Refusal, batch: readonly Taken[]): Promise<void> {
    const later = this.queue;
    this.queue = [];
    const tell = (): void => {
      for (const { resolve } of [...batch, ...later]) resolve(why);
    };
    // While an input that broke a rule is being undone, inputs are held already.
    if (this.rebuilding === undefined) await this.holdWhile(() => this.rebuild(tell));
    else await this.rebuild(tell);
    tell();
  }

  /**
   * The controller broke a rule in the middle of an input: its half-changed state is not used any
   * more. What was decided before is still written; then the journal is folded again.
   */
  private async startOver(error: unknown): Promise<Outcome<unknown>> {
    this.tell.onBug(error);
    await this.holdWhile(async () => {
      while (this.committing !== undefined) await this.committing;
      await this.rebuild();
    });
    const why = error instanceof Error ? error.message : String(error);
    return refuse("INTERNAL", `The control plane could not decide this: ${why}.`, REPORT_HINT);
  }

  private async holdWhile(work: () => Promise<void>): Promise<void> {
    const held = work().finally(() => {
      if (this.rebuilding === held) this.rebuilding = undefined;
    });
    this.rebuilding = held;
    await held;
  }

  /** Waits for a database that is away, `onAway` being told; inputs are refused meanwhile. */
  private async rebuild(onAway: () => void = () => {}): Promise<void> {
    let recovered = await recover(this.store);
    while (!recovered.ok && MAY_PASS.has(recovered.code) && !this.closed) {
      this.away = recovered;
      onAway();
      await sleep(AWAY_RETRY_MS);
      recovered = await recover(this.store);
    }
    this.away = undefined;
    if (!recovered.ok && this.closed) return; // The next start folds it.
    if (!recovered.ok) throw new Error(`${recovered.code}: ${recovered.message}`);
    this.state = recovered.value;
    this.sentSeq = recovered.value.seq;
  }

  /** Begins a snapshot, unless one is being made. It is of the state as it is now. */
  private snapshotSoon(): void {
    if (this.snapshotting !== undefined || this.state.seq === this.snapshotSeq) return;
    this.snapshotting = this.snapshot().finally(() => {
      this.snapshotting = undefined;
    });
  }

  private async snapshot(): Promise<void> {
    const startedMs = performance.now();
    const { state } = this;
    const { seq, bytes } = await makeSnapshot(state);
    // Only what is wholly durable may be kept; a state that was thrown away never will be.
    while (this.state === state && this.sentSeq < seq && this.committing !== undefined) {
      await this.committing;
    }
    if (this.sentSeq < seq || this.state !== state) return;
    const kept = await this.store.snapshots.put({ seq, formatVersion: STATE_FORMAT, bytes });
    if (kept.ok) this.snapshotSeq = kept.value.seq;
    const nowMs = performance.now();
    this.snapshotFromMs = nowMs + (nowMs - startedMs) * REST_PER_SNAPSHOT;
  }
}

// The pump of a control plane that does not lead: folds the leader's journal into a state of its
// own, record by record as they come, takes no inputs, and becomes a leader's pump with that very
// state when its turn comes, so that a takeover reads only what it has not read yet.
import { setTimeout as sleep } from "node:timers/promises";
import { apply, type Input, type State, schedulerInput } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { type Plan, plan } from "@tequio/core/scheduler";
import type { JournalRecord, LeaderSight, Store, StoreReplica, Tail } from "@tequio/stores";
import type { Say } from "../ports.ts";
import { type Committed, eventOf, type Pump, recover, type Untimed } from "../pump.ts";
import { type Following, notLeader, type Role } from "./role.ts";

/** Between two looks for who leads. */
const LOOK_MS = 1_000;
/** Between two tries to fold the journal anew. */
const REFOLD_MS = 1_000;
/** A plan that is made for its reasons is good for so long, and for so many times as long as
 * making it took: readers ask for it, and nothing is started by it. */
const PLAN_MS = 1_000;
const REST_PER_PLAN = 20;
/** Records read at once on the way to the lead. */
const PAGE_RECORDS = 5_000;

const takenBack: Refusal = refuse(
  "SEQUENCE_CONFLICT",
  "A record that this control plane had read was taken back by the leader before.",
  "Start it again: it folds the journal anew.",
);

type Listener = (events: readonly Committed[]) => void;

/** Makes a leader's pump on a folded state; `onCommitted` hears its first events. */
export type OpenLeading = (warm: {
  readonly state: State;
  readonly onCommitted: Listener;
}) => Promise<Outcome<Pump>>;

/** Folds the journal of a replica and follows it. Refuses what reading it refuses. */
export async function openFollower(replica: StoreReplica, say: Say): Promise<Outcome<Follower>> {
  const recovered = await recover(replica);
  if (!recovered.ok) return recovered;
  const follower = new Follower(replica, say, recovered.value);
  await follower.look();
  return ok(follower);
}

export class Follower implements Pump, Role {
  readonly #replica: StoreReplica;
  readonly #say: Say;
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Set<{ readonly seq: number; readonly done: () => void }>();
  readonly #looking: NodeJS.Timeout;
  #state: State;
  #tail: Tail;
  #leading: Pump | undefined;
  #sight: LeaderSight | undefined;
  #broken: Refusal | undefined;
  #plan: Plan | undefined;
  /** When the next one may be made, by performance.now(). */
  #planFromMs = 0;
  #refolded = false;
  #closed = false;

  constructor(replica: StoreReplica, say: Say, state: State) {
    this.#replica = replica;
    this.#say = say;
    this.#state = state;
    this.#tail = this.#follow();
    this.#looking = setInterval(() => void this.look(), LOOK_MS);
    this.#looking.unref();
  }

  get state(): State {
    return this.#leading?.state ?? this.#state;
  }

  /** The leader's plans are in no journal: reasons come from one of its own, made when asked. */
  get plan(): Plan | undefined {
    if (this.#leading !== undefined) return this.#leading.plan;
    const startMs = performance.now();
    if (this.#state.queue.size === 0 || startMs < this.#planFromMs) return this.#plan;
    this.#plan = plan(schedulerInput(this.#state, this.#state.nowMs));
    const endMs = performance.now();
    this.#planFromMs = endMs + Math.max(PLAN_MS, (endMs - startMs) * REST_PER_PLAN);
    return this.#plan;
  }

  get durableSeq(): number {
    return this.#leading?.durableSeq ?? this.#state.seq;
  }

  /** What an opening of the store need not verify again. */
  get verified(): { readonly seq: number; readonly hash: string } | undefined {
    const { seq, hash } = this.#tail.place;
    return hash === undefined ? undefined : { seq, hash };
  }

  async submit(input: Untimed<Input>): Promise<Outcome<unknown>> {
    if (this.#leading !== undefined) return this.#leading.submit(input);
    return notLeader({ leaderUrl: this.#sight?.url });
  }

  onCommitted(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    await this.#tail.close();
    await this.#leading?.close();
  }

  readonly following = (): Following | undefined => {
    if (this.#leading !== undefined) return undefined;
    const { freshMs, place } = this.#tail;
    const lagMs = freshMs === undefined ? undefined : Math.ceil(performance.now() - freshMs);
    const lagRecords = Math.max(0, (this.#sight?.headSeq ?? 0) - place.seq);
    return { leaderUrl: this.#sight?.url, lagMs, lagRecords, notReady: this.#whyNotReady(lagMs) };
  };

  readonly reached = async (seq: number, waitMs: number): Promise<boolean> => {
    if (this.#leading !== undefined || this.#state.seq >= seq) return true;
    this.#tail.poke();
    return new Promise((resolve) => {
      const finish = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
        resolve(reached);
      };
      const waiter = { seq, done: () => finish(true) };
      const timer = setTimeout(() => finish(false), waitMs);
      this.#waiting.add(waiter);
    });
  };

  /**
   * Leads from here on: reads what is new in the leader's store, and goes on with the state that
   * it has. Refuses SEQUENCE_CONFLICT when a record that it told of was taken back: its listeners
   * hold what never was, and only a new start rids them of it.
   */
  async lead(store: Store, open: OpenLeading): Promise<Outcome<undefined>> {
    clearInterval(this.#looking);
    await this.#tail.close();
    if (this.#refolded || !(await this.#isOurs(store))) return takenBack;
    const caughtUp = await this.#catchUp(store);
    if (!caughtUp.ok) return caughtUp;
    const onCommitted: Listener = (events) => this.#tell(events);
    const opened = await open({ state: this.#state, onCommitted });
    if (!opened.ok) return opened;
    this.#leading = opened.value;
    for (const { done } of this.#waiting) done();
    return ok(undefined);
  }

  /** Looks who leads; what was known stays known while the database does not answer. */
  async look(): Promise<void> {
    const seen = await this.#replica.leader();
    if (seen.ok) this.#sight = seen.value;
  }

  #whyNotReady(lagMs: number | undefined): string | undefined {
    const trouble = this.#broken ?? this.#tail.away;
    if (trouble !== undefined) return `${trouble.code}: ${trouble.message}`;
    if (this.#sight?.readOnly === true) {
      return "The database is read-only: this control plane could not take over.";
    }
    if (lagMs === undefined) return "It has not read the whole journal yet.";
    if (lagMs <= LIMITS.FOLLOWER_LAG_MS_MAX) return undefined;
    return `It is ${lagMs} ms behind the leader; ${LIMITS.FOLLOWER_LAG_MS_MAX} ms are allowed.`;
  }

  #follow(): Tail {
    const tail = this.#replica.follow({
      // The last record comes once more, and its hash with it.
      afterSeq: Math.max(0, this.#state.seq - 1),
      onRecords: (records) => this.#take(records),
      onAway: ({ code, message }) =>
        this.#say("warn", "The journal cannot be followed at the moment.", { code, message }),
    });
    void tail.broken.then((why) => this.#refold(why));
    return tail;
  }

  #take(records: readonly JournalRecord[]): void {
    const events: Committed[] = [];
    for (const record of records) {
      if (record.seq <= this.#state.seq) continue;
      const event = eventOf(record);
      apply(this.#state, event, record.atMs);
      events.push({ seq: record.seq, atMs: record.atMs, event });
    }
    if (events.length > 0) this.#tell(events);
  }

  #tell(events: readonly Committed[]): void {
    for (const listener of this.#listeners) listener(events);
    for (const { seq, done } of this.#waiting) if (seq <= this.durableSeq) done();
  }

  /** What was folded is not the journal: reads go on from it until it is folded anew. */
  async #refold(why: Refusal): Promise<void> {
    this.#broken = why;
    this.#refolded = true;
    const { code, message } = why;
    this.#say("error", "The journal is not what was read of it.", { code, message });
    while (!this.#closed && this.#leading === undefined) {
      const folded = await recover(this.#replica);
      if (folded.ok) {
        await this.#tail.close();
        this.#state = folded.value;
        this.#tail = this.#follow();
        this.#broken = undefined;
        return;
      }
      await sleep(REFOLD_MS, undefined, { ref: false });
    }
  }

  /** Whether the record that the state ends with is the one of the store. */
  async #isOurs(store: Store): Promise<boolean> {
    const { seq, hash } = this.#tail.place;
    if (this.#state.seq > store.journal.head().seq) return false;
    if (hash === undefined) return true; // Folded just now, from verified records.
    const page = await store.journal.read({ afterSeq: seq - 1, limit: 1 });
    return page.ok && page.value[0]?.hash === hash;
  }

  async #catchUp(store: Store): Promise<Outcome<undefined>> {
    for (;;) {
      const page = await store.journal.read({ afterSeq: this.#state.seq, limit: PAGE_RECORDS });
      if (!page.ok) return page;
      if (page.value.length === 0) return ok(undefined);
      this.#take(page.value);
    }
  }
}

// The control plane in the simulated world: the real controller, a journal that survives crashes,
// and the pump between them. A crash may come before the events of an input are durable, or after
// that but before anybody heard of them; both must be safe.
import {
  apply,
  decodeState,
  type Event,
  emptyState,
  encodeState,
  type Input,
  type Order,
  ordersAfter,
  ordersOf,
  type State,
  type StepResult,
  step,
} from "../controller/index.ts";
import { assert, LIMITS, type Outcome, refuse } from "../pool/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";

interface Written {
  readonly atMs: number;
  readonly type: Event["type"];
  /** The event as text: what a disk keeps shares nothing with the state. */
  readonly event: string;
}

type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : never;
export type PoolInput = Untimed<Input>;

/** Before or after the events of an input are durable. */
export type CrashMoment = "before" | "after";

export interface CrashPoint {
  /** The how many-th input with events, from 1. */
  readonly input: number;
  readonly moment: CrashMoment;
}

export interface PoolFaults {
  /** Chance that the control plane dies while it takes an input. */
  readonly crash: number;
  /** How much the wall clock may be off when the control plane is started, ms. */
  readonly clockMs: number;
}

/** The controller under test; a test hands in one that breaks a rule. */
export type Decide = (state: State, input: Input) => StepResult;

export interface PoolOptions {
  readonly faults: () => PoolFaults;
  readonly decide?: Decide;
  /** Crashes exactly there, once. */
  readonly crashAt?: CrashPoint;
}

/** Time that a dead control plane takes to come back, at most. */
const DOWN_MS_MAX = 90_000;
const TICK_MS = 1_000;
const RETRY_MS = 1_000;
/** Share of the starts on which the wall clock is off. */
const CLOCK_FAULTS = 0.3;

const DOWN = refuse("POOL_UNREACHABLE", "The control plane is down.", "Try again.");

export class SimulatedPool {
  state: State = emptyState();
  up = false;
  /** What is durable: the list of events, in order. */
  readonly journal: Written[] = [];
  crashes = 0;
  /** Starts at which the wall clock was off. */
  clockJumps = 0;
  /** Inputs that had events. */
  inputs = 0;
  onEvents: (events: readonly Event[]) => void = () => {};
  onOrders: (siteId: string, orders: readonly Order[]) => void = () => {};
  onStart: () => void = () => {};
  readonly #agenda: Agenda;
  readonly #chance: Chance;
  readonly #options: PoolOptions;
  #life = 0;
  #wantsSchedule = false;
  /** What the control plane takes for the time, minus the world's. */
  #clockOffMs = 0;
  #snapshot = { text: encodeState(emptyState()), events: 0 };

  constructor(agenda: Agenda, chance: Chance, options: PoolOptions) {
    this.#agenda = agenda;
    this.#chance = chance;
    this.#options = options;
  }

  /** Folds the journal, from the last snapshot on, and begins to serve. */
  start(): void {
    this.state = decodeState(this.#snapshot.text);
    this.#fold(this.state, this.#snapshot.events);
    this.#snapshot = { text: encodeState(this.state), events: this.journal.length };
    this.#setClock();
    this.up = true;
    this.#life += 1;
    this.submit({ type: "boot" });
    this.#tick(this.#life);
    this.onStart();
    this.#scheduleSoon();
  }

  /** The state that the whole journal amounts to. */
  replay(): State {
    const state = emptyState();
    this.#fold(state, 0);
    return state;
  }

  #fold(state: State, from: number): void {
    for (let at = from; at < this.journal.length; at += 1) {
      const { event, atMs } = this.journal[at]!;
      apply(state, JSON.parse(event) as Event, atMs);
    }
  }

  /** As the server's clock: read once at the start, never before the last event. */
  #setClock(): void {
    const { clockMs } = this.#options.faults();
    const off = clockMs > 0 && this.#chance.hits(CLOCK_FAULTS);
    if (off) this.clockJumps += 1;
    this.#clockOffMs = off ? this.#chance.whole(-clockMs, clockMs) : 0;
    this.#clockOffMs = Math.max(this.#clockOffMs, this.state.nowMs - this.#agenda.nowMs);
  }

  /** What the control plane takes for the time, ms. */
  get nowMs(): number {
    return this.#agenda.nowMs + this.#clockOffMs;
  }

  /** Takes an input as the real pump does; the answer comes only when it is durable. */
  submit(input: PoolInput): Outcome<unknown> {
    if (!this.up) return DOWN;
    const before = this.state.nowMs;
    const decide = this.#options.decide ?? step;
    const result = decide(this.state, { ...input, atMs: this.nowMs } as Input);
    const atMs = this.state.nowMs;
    assert(atMs >= before, "the pool's time never goes back");
    const dies = this.#dies(result.events.length > 0);
    if (dies === "before") return this.#die();
    for (const event of result.events) {
      this.journal.push({ atMs, type: event.type, event: JSON.stringify(event) });
    }
    if (result.events.length > 0) this.onEvents(result.events);
    if (dies === "after") return this.#die();
    if (result.wantsSchedule) this.#scheduleSoon();
    for (const [siteId, orders] of ordersAfter(this.state, result.events)) {
      this.onOrders(siteId, orders);
    }
    return result.outcome;
  }

  /** Asks again until the control plane answers; then does what comes after. */
  insist(input: PoolInput, then: (answer: Outcome<unknown>) => void = () => {}): void {
    const answer = this.submit(input);
    if (answer.ok || answer.code !== "POOL_UNREACHABLE") then(answer);
    else this.#agenda.after(RETRY_MS, () => this.insist(input, then));
  }

  /** All that a site should hold: what it is told when it connects. */
  ordersFor(siteId: string): readonly Order[] {
    return ordersOf(this.state, siteId);
  }

  #dies(hasEvents: boolean): CrashMoment | undefined {
    if (hasEvents) this.inputs += 1;
    const { crashAt, faults } = this.#options;
    if (hasEvents && crashAt?.input === this.inputs) return crashAt.moment;
    if (!this.#chance.hits(faults().crash)) return undefined;
    return this.#chance.hits(0.5) ? "before" : "after";
  }

  #die(): Outcome<unknown> {
    this.up = false;
    this.crashes += 1;
    this.#wantsSchedule = false;
    this.#agenda.after(this.#chance.whole(0, DOWN_MS_MAX), () => this.start());
    return DOWN;
  }

  #tick(life: number): void {
    this.#agenda.after(TICK_MS, () => {
      if (!this.up || life !== this.#life) return;
      this.submit({ type: "tick" });
      this.#tick(life);
    });
  }

  #scheduleSoon(): void {
    if (this.#wantsSchedule) return;
    this.#wantsSchedule = true;
    this.#agenda.after(1, () => {
      if (!this.#wantsSchedule) return;
      this.#wantsSchedule = false;
      this.submit({ type: "schedule" });
    });
  }

  /** Throws unless the journal, folded twice, gives the very bytes of the state. */
  assertReplay(): void {
    const once = encodeState(this.replay());
    assert(once === encodeState(this.replay()), "two replays give the same bytes");
    assert(!this.up || once === encodeState(this.state), "replay gives the state that was served");
  }

  /** How long a heartbeat lets a site run, or undefined when it was not answered. */
  heartbeat(siteId: string): number | undefined {
    const answer = this.submit({ type: "heartbeat", siteId });
    if (!answer.ok) return undefined;
    const { leaseForMs } = answer.value as { leaseForMs: number };
    assert(leaseForMs <= LIMITS.LEASE_HORIZON_MS, "a renewal is at most one horizon");
    return leaseForMs;
  }
}

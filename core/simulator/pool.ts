// The control plane in the simulated world: the real controller, a journal that survives crashes,
// and the pump between them. A crash may come before the events of an input are durable, or after
// that but before anybody heard of them; both must be safe.
import {
  apply,
  emptyState,
  encodeState,
  type Event,
  type Input,
  type Order,
  ordersAfter,
  ordersOf,
  type State,
  step,
} from "../controller/index.ts";
import { assert, LIMITS, type Outcome, refuse } from "../pool/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";

interface Written {
  readonly atMs: number;
  readonly event: Event;
}

type Untimed<T> = T extends { readonly atMs: number } ? Omit<T, "atMs"> : never;
export type PoolInput = Untimed<Input>;

export interface PoolFaults {
  /** Chance that the control plane dies while it takes an input. */
  readonly crash: number;
}

/** Time that a dead control plane takes to come back, at most. */
const DOWN_MS_MAX = 90_000;
const TICK_MS = 1_000;

const DOWN = refuse("POOL_UNREACHABLE", "The control plane is down.", "Try again.");

export class SimulatedPool {
  state: State = emptyState();
  up = false;
  /** What is durable: the list of events, in order. */
  readonly journal: Written[] = [];
  crashes = 0;
  onEvents: (events: readonly Event[]) => void = () => {};
  onOrders: (siteId: string, orders: readonly Order[]) => void = () => {};
  onStart: () => void = () => {};
  readonly #agenda: Agenda;
  readonly #chance: Chance;
  readonly #faults: () => PoolFaults;
  #life = 0;
  #wantsSchedule = false;

  constructor(agenda: Agenda, chance: Chance, faults: () => PoolFaults) {
    this.#agenda = agenda;
    this.#chance = chance;
    this.#faults = faults;
  }

  /** Folds the journal and begins to serve. */
  start(): void {
    this.state = this.replay();
    this.up = true;
    this.#life += 1;
    this.submit({ type: "boot" });
    this.#tick(this.#life);
    this.onStart();
    this.#scheduleSoon();
  }

  /** The state that the journal amounts to. */
  replay(): State {
    const state = emptyState();
    for (const { event, atMs } of this.journal) apply(state, event, atMs);
    return state;
  }

  /** Takes an input as the real pump does; the answer comes only when it is durable. */
  submit(input: PoolInput): Outcome<unknown> {
    if (!this.up) return DOWN;
    const dies = this.#chance.hits(this.#faults().crash);
    if (dies && this.#chance.hits(0.5)) {
      this.#die();
      return DOWN;
    }
    const result = step(this.state, { ...input, atMs: this.#agenda.nowMs } as Input);
    const atMs = this.state.nowMs;
    for (const event of result.events) this.journal.push({ atMs, event });
    if (result.events.length > 0) this.onEvents(result.events);
    if (dies) {
      this.#die();
      return DOWN;
    }
    if (result.wantsSchedule) this.#scheduleSoon();
    for (const [siteId, orders] of ordersAfter(this.state, result.events)) {
      this.onOrders(siteId, orders);
    }
    return result.outcome;
  }

  /** All that a site should hold: what it is told when it connects. */
  ordersFor(siteId: string): readonly Order[] {
    return ordersOf(this.state, siteId);
  }

  #die(): void {
    this.up = false;
    this.crashes += 1;
    this.#wantsSchedule = false;
    this.#agenda.after(this.#chance.whole(0, DOWN_MS_MAX), () => this.start());
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


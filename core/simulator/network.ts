// The network of the simulated world: it delays, reorders, loses and doubles messages, and is cut.
// A real WebSocket does none of this within one connection, but connections are cut and made anew
// with messages under way, so everything built on it must stand it.
import type { LeaseReportKind, Order, RunInput } from "../controller/index.ts";
import type { Node } from "../pool/index.ts";
import type { Assignment } from "../training/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";

export interface Report {
  readonly reportId: string;
  readonly leaseId: string;
  readonly fence: number;
  readonly what: LeaseReportKind;
}

/** What a worker offers; the pool knows by the lease which site it is. */
export type Offer = Omit<Extract<RunInput, { type: "contribution.offered" }>, "siteId">;

export type Message =
  | { readonly type: "welcome" }
  | { readonly type: "cut" }
  | { readonly type: "inventory"; readonly nodes: readonly Node[] }
  | { readonly type: "heartbeat"; readonly clockMs: number }
  | { readonly type: "heartbeatAck"; readonly clockMs: number; readonly leaseForMs: number }
  | {
      readonly type: "orders";
      readonly orders: readonly Order[];
      readonly complete: boolean;
      /** Grows with every message: a whole list that was overtaken is no longer whole. */
      readonly serial: number;
    }
  | { readonly type: "report"; readonly report: Report }
  | { readonly type: "ack"; readonly reportId: string }
  /** A training worker asks what to do, and offers what it did. */
  | { readonly type: "ask"; readonly leaseId: string }
  | { readonly type: "offer"; readonly leaseId: string; readonly offer: Offer }
  | {
      readonly type: "assignment";
      readonly leaseId: string;
      readonly assignment: Assignment | null;
      readonly timeLeftMs: number;
      /** The run is over for this lease. */
      readonly over: boolean;
    }
  | { readonly type: "offered"; readonly leaseId: string; readonly blob: string };

export interface NetworkFaults {
  readonly loss: number;
  readonly twice: number;
  /** Longest delay of one message, ms; each draws its own, so they overtake each other. */
  readonly delayMs: number;
}

export interface NetworkEnds {
  readonly onDial: (siteId: string) => void;
  readonly onMessage: (siteId: string, message: Message) => void;
  readonly deliver: (siteId: string, message: Message) => void;
}

export class Network {
  readonly #cut = new Set<string>();
  readonly #agenda: Agenda;
  readonly #chance: Chance;
  readonly #faults: () => NetworkFaults;
  readonly #ends: NetworkEnds;

  constructor(agenda: Agenda, chance: Chance, faults: () => NetworkFaults, ends: NetworkEnds) {
    this.#agenda = agenda;
    this.#chance = chance;
    this.#faults = faults;
    this.#ends = ends;
  }

  /** Cuts or mends the line of one site. */
  setCut(siteId: string, cut: boolean): void {
    if (cut) this.#cut.add(siteId);
    else this.#cut.delete(siteId);
  }

  dial(siteId: string): void {
    this.#carry(siteId, () => this.#ends.onDial(siteId));
  }

  toPool(siteId: string, message: Message): void {
    this.#carry(siteId, () => this.#ends.onMessage(siteId, message));
  }

  toSite(siteId: string, message: Message): void {
    this.#carry(siteId, () => this.#ends.deliver(siteId, message));
  }

  #carry(siteId: string, arrive: () => void): void {
    const { loss, twice, delayMs } = this.#faults();
    const copies = this.#chance.hits(twice) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#chance.hits(loss)) continue;
      this.#agenda.after(1 + this.#chance.next() * delayMs, () => {
        if (!this.#cut.has(siteId)) arrive();
      });
    }
  }
}

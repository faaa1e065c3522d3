// The owner's terms, enforced at the site: what of the pool's orders is refused, and what of the
// running leases is stopped, whatever the pool says and also while it is away. The terms are kept
// on disk, so a restarted agent holds to them before it has heard of the pool. What is done about
// a lease is left to plan.ts and leases.ts.
import { join } from "node:path";
import type { LeaseOrder, TermsMessage, TermsWire } from "@tequio/contract/agent";
import { DEFAULT_OFFER, hoursAt, LIMITS, lentNodes, type Node, onlyHours } from "@tequio/core/pool";
import { readIfThere, replaceFile } from "./folder.ts";
import { PARSERS } from "./parsers.ts";
import { type Say, whyOf } from "./say.ts";

const TERMS_FILE = "terms.json";

/** Why a lease may not go on, and how long it gets. */
export interface Outside {
  readonly why: string;
  readonly graceMs: number;
}

/** What is known of a lease that runs. */
export interface RunningLease {
  readonly leaseId: string;
  /** The pool's order, if it gave one over this connection. */
  readonly order: LeaseOrder | undefined;
  readonly ranMs: number;
}

export class Terms {
  readonly #path: string;
  readonly #wallMs: () => number;
  readonly #say: Say;
  #terms: TermsWire | undefined;
  /** What the pool's clock is ahead of this machine's. */
  #aheadMs = 0;
  #nodes: readonly Node[] | undefined;
  /** What was said of a lease first stays: a grace that shrinks by the second is no grace. */
  readonly #outside = new Map<string, Outside>();

  constructor(folder: string, wallMs: () => number, say: Say) {
    this.#path = join(folder, TERMS_FILE);
    this.#wallMs = wallMs;
    this.#say = say;
    this.#terms = readTerms(this.#path, say);
  }

  /** The pool says what the owner has set. */
  take({ terms, nowMs }: TermsMessage): void {
    const aheadMs = nowMs - this.#wallMs();
    const near = Math.abs(aheadMs) <= LIMITS.OFFER_CLOCK_MS;
    this.#aheadMs = near ? aheadMs : 0;
    if (!near) {
      const minutes = Math.round(aheadMs / 60_000);
      this.#say("warn", "The pool's clock is not this machine's; hours go by this one.", {
        minutes,
      });
    }
    const before = JSON.stringify(this.#terms);
    this.#terms = terms;
    const text = JSON.stringify(terms);
    if (text === before) return;
    // What was told to stop may go on if it has not been stopped by then; the rest is asked anew.
    this.#outside.clear();
    this.#say("info", "The terms of this site have changed.");
    try {
      replaceFile(this.#path, `${text}\n`);
    } catch (error) {
      // They hold all the same; only an agent that is started without its pool would not know.
      this.#say("error", "The terms of this site cannot be kept.", { why: whyOf(error) });
    }
  }

  /** What training may use of the site's link, for tasks that start now. */
  get bandwidth(): NonNullable<TermsWire["bandwidth"]> {
    return this.#terms?.bandwidth ?? [];
  }

  /** True if somebody must say what the site has before devices can be compared. */
  get needsNodes(): boolean {
    const { devices = [], recalledDevices = [] } = this.#terms ?? {};
    return this.#nodes === undefined && devices.length + recalledDevices.length > 0;
  }

  knowNodes(nodes: readonly Node[]): void {
    this.#nodes = nodes;
  }

  /** Why an order may not start now; undefined if it may. */
  refuses(order: LeaseOrder): string | undefined {
    return this.#closed() ?? this.#wrong(order);
  }

  /** Why a lease may not go on, from the moment at which it has to be told. */
  outside(lease: RunningLease): Outside | undefined {
    const known = this.#outside.get(lease.leaseId);
    if (known !== undefined || this.#terms === undefined) return known;
    const found = this.#find(this.#terms, lease);
    if (found !== undefined) this.#outside.set(lease.leaseId, found);
    return found;
  }

  /** What was found of a lease that has ended since. */
  wasOutside(leaseId: string): Outside | undefined {
    return this.#outside.get(leaseId);
  }

  /** Forgets leases that are not here any more. */
  keepOnly(here: ReadonlySet<string>): void {
    for (const leaseId of [...this.#outside.keys()]) {
      if (!here.has(leaseId)) this.#outside.delete(leaseId);
    }
  }

  #nowMs(): number {
    return this.#wallMs() + this.#aheadMs;
  }

  #find({ recallGraceMs }: TermsWire, lease: RunningLease): Outside | undefined {
    const why = this.#closed() ?? (lease.order && this.#wrong(lease.order));
    if (why !== undefined) return { why, graceMs: recallGraceMs };
    const end = this.#endOfTime();
    if (end === undefined) return undefined;
    const leftMs = end.atMs - this.#nowMs();
    const walltimeMs = lease.order?.start?.walltimeMs;
    const restMs = walltimeMs === undefined ? Infinity : walltimeMs - lease.ranMs;
    if (leftMs > recallGraceMs || restMs <= leftMs) return undefined;
    return { why: end.why, graceMs: Math.max(0, Math.round(leftMs)) };
  }

  /** Why nothing may run now. */
  #closed(): string | undefined {
    const terms = this.#terms;
    if (terms === undefined) return undefined;
    if (terms.recalled) return "The owner took the machines back.";
    const nowMs = this.#nowMs();
    if (terms.maintenance.some(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs)) {
      return "The site is in maintenance.";
    }
    const { hours } = terms;
    if (hours === null || hoursAt(hours, nowMs).open) return undefined;
    return `The owner ${onlyHours(hours)}.`;
  }

  /** When nothing may run any more. */
  #endOfTime(): { readonly atMs: number; readonly why: string } | undefined {
    const { hours = null, maintenance = [] } = this.#terms ?? {};
    const nowMs = this.#nowMs();
    const closesMs = hours === null ? Infinity : (hoursAt(hours, nowMs).untilMs ?? Infinity);
    const begin = maintenance.map(({ fromMs }) => fromMs).filter((fromMs) => fromMs > nowMs);
    const nextMs = Math.min(...begin);
    if (nextMs < closesMs) return { atMs: nextMs, why: "Maintenance begins." };
    if (closesMs === Infinity) return undefined;
    return { atMs: closesMs, why: `The owner ${onlyHours(hours!)}.` };
  }

  /** Why a lease is nothing that the owner lends for, whatever the hour. */
  #wrong({ start }: LeaseOrder): string | undefined {
    const terms = this.#terms;
    if (terms === undefined || start === undefined) return undefined;
    if (terms.projects !== null && !terms.projects.includes(start.project)) {
      return `The owner does not lend to the project ${start.project}.`;
    }
    if (start.walltimeMs > (terms.walltimeMs ?? Infinity)) {
      return "The owner takes only jobs with a shorter time limit.";
    }
    if (terms.shareAccelerators !== true && start.tasks.some(hasPart)) {
      return "The owner lends accelerators only as a whole.";
    }
    const { devices, recalledDevices } = terms;
    if (this.#nodes === undefined || devices.length + recalledDevices.length === 0) {
      return undefined;
    }
    const lent = lentNodes({ ...DEFAULT_OFFER, devices }, this.#nodes, recalledDevices);
    for (const { placement } of start.tasks) {
      const node = lent.get(placement.node);
      const ids = new Set(node?.accelerators.map(({ id }) => id));
      if (node !== undefined && placement.acceleratorIds.every((id) => ids.has(id))) continue;
      return `The owner does not lend all of ${placement.node}.`;
    }
    return undefined;
  }
}

type Tasks = NonNullable<LeaseOrder["start"]>["tasks"];

const hasPart = ({ placement }: Tasks[number]): boolean => placement.partMilli !== undefined;

/** The terms as they were last told. Damaged ones count as none: the pool tells them again. */
function readTerms(path: string, say: Say): TermsWire | undefined {
  try {
    const text = readIfThere(path);
    if (text === undefined) return undefined;
    const terms = PARSERS.terms(JSON.parse(text));
    if (terms === undefined) say("warn", "The terms of the site have another shape.", { path });
    return terms;
  } catch (error) {
    say("warn", "The terms of the site cannot be read.", { path, why: whyOf(error) });
    return undefined;
  }
}

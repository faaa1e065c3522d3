// The codes of "no, because" and how single answers of nodes are counted together. The checkers
// in feasible/ write the texts.
import type { Reason } from "./types.ts";

/** Every reason code that the scheduler gives, with its meaning. */
export const REASONS = {
  NO_NODES: "The pool has no nodes yet.",
  SITE_AWAY: "The node takes no new work: its site is away, draining or recalled.",
  MEMBER_EXCLUDED: "The job's constraints exclude the member that owns the node.",
  LABEL: "The node does not carry a label that the job asks for.",
  KIND: "The node has no accelerator of the kind.",
  VENDOR: "The node has no accelerator of the vendor.",
  MODEL: "The node has no accelerator of the model.",
  MEMORY: "The node's accelerators have too little memory.",
  COUNT: "The node has too few matching accelerators, even when idle.",
  CPU: "The node lends too little processor time, even when idle.",
  NODE_MEMORY: "The node lends too little main memory, even when idle.",
  BROWSER: "The node is a browser tab, which trains runs and runs no commands.",
  NOT_SHARED: "The owner lends accelerators only as a whole, and a part was asked for.",
  ACCELERATORS_BUSY: "Too few matching accelerators are free on the node.",
  CPU_BUSY: "Too little processor time is free on the node.",
  NODE_MEMORY_BUSY: "Too little main memory is free on the node.",
  GANG: "Single tasks would fit, but no site has room for all of them at one time.",
  RESERVED_FOR: "The node is free, but held for a job that is ahead.",
  RESERVATION: "An operator keeps the node for others in a window that the job would run into.",
  PREEMPTING: "The job's place is found; leases there are being stopped for it.",
  MOVING: "Other jobs move within a site so that it has room, or it moves itself.",
  ALREADY_THERE: "The run has a lease on this site already.",
  SITE_LEFT_OUT: "The run would not be at its target sooner with this site.",
  MEMBERS_MAX: "The run has as many sites as it may have.",
  PRIORITY: "One pass looks at a limited number of jobs; enough others are ahead.",
  OFFER_HOURS: "The owner lends at other hours, or not for as long as the job's time limit.",
  OFFER_TENANT: "The owner does not lend to the job's project.",
  OFFER_LIMIT: "The owner takes only jobs with a shorter time limit.",
  OFFER_DEVICES: "The owner does not lend the node, or has taken it back.",
  MAINTENANCE: "A maintenance window is under way, or the job would run into one.",
  DEPENDENCY: "The job waits for another job.",
  RUN_NOT_READY: "The run takes no site now: its first model is being made, or it is ending.",
  ARRAY_LIMIT: "As many tasks of the array run as may run at one time.",
  PROJECT_CAP: "The job's project has as much at one time as it may have.",
  USER_CAP: "The job's user has as much in the project at one time as one user may have.",
  HELD: "The job is held.",
} as const satisfies Record<string, string>;

/** The answer of one checker about one node; undefined means "no objection". */
export interface Objection {
  readonly code: keyof typeof REASONS;
  readonly text: string;
}

/** Reasons that a look at the node another day would not give: the request rules the node out. */
const LASTING_CODES: readonly Objection["code"][] = [
  "MEMBER_EXCLUDED",
  "LABEL",
  "KIND",
  "VENDOR",
  "MODEL",
  "MEMORY",
  "COUNT",
  "CPU",
  "NODE_MEMORY",
  "BROWSER",
  "NOT_SHARED",
  "OFFER_TENANT",
  "OFFER_LIMIT",
  "ALREADY_THERE",
];
const LASTING: ReadonlySet<string> = new Set(LASTING_CODES);

/**
 * What matters first: what only has to pass before the nodes that the request allows, with the
 * most nodes first; then why other nodes are no choice at all.
 */
export const compareReasons = (a: Reason, b: Reason): number =>
  Number(LASTING.has(a.code)) - Number(LASTING.has(b.code)) ||
  b.nodes - a.nodes ||
  byText(a.code, b.code) ||
  byText(a.text, b.text);

/** Counts equal objections of nodes. */
export class ReasonCount {
  // By object first: the same object is often added for thousands of nodes.
  readonly #nodes = new Map<Objection, number>();

  add(objection: Objection, nodes = 1): void {
    this.#nodes.set(objection, (this.#nodes.get(objection) ?? 0) + nodes);
  }

  /** Adds everything that another one counted. */
  addAll(other: ReasonCount): void {
    for (const [objection, nodes] of other.#nodes) this.add(objection, nodes);
  }

  list(): readonly Reason[] {
    const reasons = new Map<string, Reason>();
    for (const [{ code, text }, nodes] of this.#nodes) {
      const key = `${code} ${text}`;
      reasons.set(key, { code, text, nodes: nodes + (reasons.get(key)?.nodes ?? 0) });
    }
    return [...reasons.values()].sort(compareReasons);
  }
}

/** Compares by code units: the same everywhere, unlike an order that follows the locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

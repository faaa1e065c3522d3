// Which faults hit the pool and when, drawn from a seed: a pure plan, so the same seed means the
// same trouble. It leaves the hitting to trouble.ts.
import type { Chance } from "@tequio/core/simulator";
import { CUTS, type Cut } from "./link.ts";

export type Fault =
  /** `kill -9` of an agent, and its start again after `forMs`. */
  | { readonly kind: "agent.kill"; readonly site: number; readonly forMs: number }
  /** `kill -9` of the control plane, and its start again after `forMs`. */
  | { readonly kind: "pool.kill"; readonly forMs: number }
  /** Both at one moment. */
  | { readonly kind: "both.kill"; readonly site: number; readonly forMs: number }
  /** `kill -9` of the database server under the control plane. */
  | { readonly kind: "store.kill"; readonly forMs: number }
  | {
      readonly kind: "link.cut";
      readonly site: number;
      readonly cut: Cut;
      readonly forMs: number;
    }
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | { readonly kind: "agent.stop"; readonly site: number; readonly forMs: number }
  | { readonly kind: "pool.stop"; readonly forMs: number }
  /** `kill -9` of everything at a site, its jobs too, as when the power goes. */
  | { readonly kind: "site.power"; readonly site: number; readonly forMs: number }
  /** `kill -9` of the process that supervises one lease. */
  | { readonly kind: "supervisor.kill"; readonly site: number; readonly forMs: 0 };

export interface PlannedFault {
  /** From the start of the trouble. */
  readonly atMs: number;
  readonly fault: Fault;
  /** Longer than any right to run: the site's jobs must be started elsewhere. */
  readonly long: boolean;
}

export interface FaultPlan {
  readonly sites: number;
  readonly long: boolean;
  /** Whether there is a database server that may be killed. */
  readonly storeKills: boolean;
}

type Kind = Fault["kind"];

/** How often each kind is drawn, out of their sum. */
const WEIGHTS: readonly (readonly [Kind, number])[] = [
  ["link.cut", 24],
  ["agent.kill", 20],
  ["agent.stop", 14],
  ["supervisor.kill", 10],
  ["site.power", 9],
  ["pool.kill", 8],
  ["pool.stop", 6],
  ["both.kill", 5],
  ["store.kill", 4],
];
const GAP_MS = { min: 300, max: 6_000 };
const SHORT_MS = { min: 100, max: 10_000 };
/** A lease is believed over 50 s after its site was last heard: this is safely beyond. */
const LONG_MS = { min: 62_000, max: 80_000 };
const LONG_CHANCE = 0.15;
/** Beyond the end of a fault: the time that what was restarted is left in peace. */
const REST_MS = 1_000;

function drawKind(chance: Chance, plan: FaultPlan): Kind {
  const open = WEIGHTS.filter(([kind]) => kind !== "store.kill" || plan.storeKills);
  let left = chance.next() * open.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of open) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "link.cut";
}

const SITE_KINDS: ReadonlySet<Kind> = new Set(["agent.kill", "agent.stop", "link.cut"]);

/**
 * Gives the faults one after another, without end. At one moment a site has at most one, and at
 * most one site is gone for long, so that there is always somewhere for its jobs to go.
 */
export function* drawFaults(chance: Chance, plan: FaultPlan): Generator<PlannedFault> {
  const siteFreeMs = new Array<number>(plan.sites).fill(0);
  let poolFreeMs = 0;
  let longFreeMs = 0;
  for (let atMs = 0; ; ) {
    atMs += chance.whole(GAP_MS.min, GAP_MS.max);
    const kind = drawKind(chance, plan);
    const site = chance.whole(0, plan.sites - 1);
    const wantsLong = chance.hits(LONG_CHANCE);
    const shortMs = chance.whole(SHORT_MS.min, SHORT_MS.max);
    const longMs = chance.whole(LONG_MS.min, LONG_MS.max);
    const cut = chance.pick(CUTS);
    const atSite = SITE_KINDS.has(kind) || kind === "site.power";
    const long = plan.long && plan.sites > 1 && wantsLong && atSite && atMs >= longFreeMs;
    const forMs = long ? longMs : shortMs;
    const needsSite = atSite || kind === "both.kill" || kind === "supervisor.kill";
    const needsPool = kind.startsWith("pool.") || kind === "both.kill" || kind === "store.kill";
    if (needsSite && atMs < siteFreeMs[site]!) continue;
    if (needsPool && atMs < poolFreeMs) continue;
    const freeMs = atMs + forMs + REST_MS;
    if (needsSite && kind !== "supervisor.kill") siteFreeMs[site] = freeMs;
    if (needsPool) poolFreeMs = freeMs;
    if (long) longFreeMs = freeMs;
    yield { atMs, fault: faultOf(kind, site, cut, forMs), long };
  }
}

function faultOf(kind: Kind, site: number, cut: Cut, forMs: number): Fault {
  switch (kind) {
    case "link.cut":
      return { kind, site, cut, forMs };
    case "supervisor.kill":
      return { kind, site, forMs: 0 };
    case "pool.kill":
    case "pool.stop":
    case "store.kill":
      return { kind, forMs };
    case "agent.kill":
    case "agent.stop":
    case "both.kill":
    case "site.power":
      return { kind, site, forMs };
    default:
      return kind satisfies never;
  }
}

// What the pool has and how much of it is held, summed over its sites. What a site's nodes amount
// to is added up once for each inventory; a scrape then only adds up sites.
import type { Site, State } from "@tequio/core/controller";
import { type Node, WHOLE_MILLI } from "@tequio/core/pool";
import { classOf, type LeaseTally } from "./lease-tally.ts";

/** Where something stands: `used` holds a lease, `free` could take one. */
export const CAPACITY_STATES = ["used", "free", "draining", "away"] as const;
export type CapacityState = (typeof CAPACITY_STATES)[number];
export type Split = Record<CapacityState, number>;

export interface Capacity {
  readonly nodes: Split;
  /** Thousandths of a core. */
  readonly milliCpu: Split;
  /** By `classOf`. */
  readonly classes: ReadonlyMap<string, Split>;
}

interface Total {
  readonly milliCpu: number;
  readonly classes: ReadonlyMap<string, number>;
}

const totals = new WeakMap<readonly Node[], Total>();

function totalOf(nodes: readonly Node[]): Total {
  const known = totals.get(nodes);
  if (known !== undefined) return known;
  const classes = new Map<string, number>();
  let milliCpu = 0;
  for (const node of nodes) {
    milliCpu += node.milliCpu;
    for (const one of node.accelerators) {
      const key = classOf(one);
      classes.set(key, (classes.get(key) ?? 0) + 1);
    }
  }
  const total = { milliCpu, classes };
  totals.set(nodes, total);
  return total;
}

const emptySplit = (): Split => ({ used: 0, free: 0, draining: 0, away: 0 });

/** What is not held at a site of this standing counts as this. */
function restOf(state: State, site: Site): CapacityState {
  if (site.state !== "here") return "away";
  return state.members.get(site.member)?.standing === "active" ? "free" : "draining";
}

/** A site's part: what leases hold, and the rest. An inventory may have shrunk under a lease. */
function split(into: Split, total: number, used: number, rest: CapacityState): void {
  into.used += used;
  into[rest] += Math.max(0, total - used);
}

/** The whole pool now. */
export function capacityOf(state: State, leases: LeaseTally): Capacity {
  const nodes = emptySplit();
  const milliCpu = emptySplit();
  const classes = new Map<string, Split>();
  for (const site of state.sites.values()) {
    const total = totalOf(site.nodes);
    const held = leases.heldAt(site.siteId);
    const rest = restOf(state, site);
    split(nodes, site.nodes.length, held?.nodes.size ?? 0, rest);
    split(milliCpu, total.milliCpu, held?.milliCpu ?? 0, rest);
    for (const key of new Set([...total.classes.keys(), ...(held?.classes.keys() ?? [])])) {
      const into = classes.get(key) ?? emptySplit();
      classes.set(key, into);
      split(into, total.classes.get(key) ?? 0, (held?.classes.get(key) ?? 0) / WHOLE_MILLI, rest);
    }
  }
  return { nodes, milliCpu, classes };
}

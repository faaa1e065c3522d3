// Follows open leases: how many there are in which stage, and what they hold at each site. Kept
// from the durable events, so that a scrape costs as much as there are sites, not jobs.
import type { LeaseStage, State } from "@tequio/core/controller";
import { type Lease, type Node, WHOLE_MILLI } from "@tequio/core/pool";
import type { Committed } from "../pump.ts";

export const OPEN_STAGES = [
  "leased",
  "starting",
  "running",
  "stopping",
] as const satisfies readonly LeaseStage[];

/** What the leases of one site hold. */
export interface Held {
  /** Leases by node. */
  readonly nodes: Map<string, number>;
  /** Thousandths of accelerators by `classOf`: whole numbers add up exactly. */
  readonly classes: Map<string, number>;
  milliCpu: number;
}

interface OpenLease {
  readonly siteId: string;
  readonly placements: Lease["placements"];
  /** Class of each accelerator, found once: the site's inventory may change under the lease. */
  readonly classes: readonly { readonly key: string; readonly milli: number }[];
  stage: LeaseStage;
}

/** Makers that get a series of their own; an agent may write any text. */
const VENDORS: ReadonlySet<string> = new Set([
  ...["NVIDIA", "AMD", "Intel", "Huawei", "Apple", "Google", "Qualcomm", "ARM", "Ampere"],
  ...["Hygon", "Phytium", "Loongson", "Cambricon", "MooreThreads", "Iluvatar", "Biren"],
]);

/** Vendor and kind of an accelerator as one key. */
export const classOf = ({ vendor, kind }: Node["accelerators"][number]): string =>
  `${VENDORS.has(vendor) ? vendor : "other"} ${kind}`;

/** The vendor and the kind of a key. */
export const splitClass = (key: string): readonly [vendor: string, kind: string] => {
  const [vendor = "other", kind = "gpu"] = key.split(" ");
  return [vendor, kind];
};

export class LeaseTally {
  readonly #open = new Map<string, OpenLease>();
  readonly #stages = new Map<LeaseStage, number>();
  readonly #sites = new Map<string, Held>();
  /** By the list itself: an inventory that comes anew is another list. */
  readonly #byName = new WeakMap<readonly Node[], ReadonlyMap<string, Node>>();

  constructor(state: State) {
    for (const { openLeases } of state.sites.values()) {
      for (const leaseId of openLeases) {
        const known = state.leases.get(leaseId);
        if (known !== undefined) this.#add(state, known.lease, known.stage);
      }
    }
  }

  take({ event }: Committed, state: State): void {
    switch (event.type) {
      case "lease.granted":
        this.#add(state, event.lease, "leased");
        break;
      case "lease.starting":
      case "lease.running":
      case "lease.stopping":
        this.#move(event.leaseId, event.type.slice("lease.".length) as LeaseStage);
        break;
      case "lease.ended":
        this.#remove(event.leaseId);
        break;
      default:
        break;
    }
  }

  inStage(stage: LeaseStage): number {
    return this.#stages.get(stage) ?? 0;
  }

  /** What the leases of a site hold; undefined when nothing. */
  heldAt(siteId: string): Held | undefined {
    return this.#sites.get(siteId);
  }

  #add(state: State, lease: Lease, stage: LeaseStage): void {
    if (stage === "ended" || this.#open.has(lease.leaseId)) return;
    const { siteId, placements } = lease;
    const nodes = state.sites.get(siteId)?.nodes ?? [];
    const classes = placements.flatMap(({ node, acceleratorIds, partMilli = WHOLE_MILLI }) => {
      const { accelerators = [] } = this.#nodesOf(nodes).get(node) ?? {};
      const found = accelerators.filter(({ id }) => acceleratorIds.includes(id));
      return found.map((one) => ({ key: classOf(one), milli: partMilli }));
    });
    const open: OpenLease = { siteId, placements, classes, stage };
    this.#open.set(lease.leaseId, open);
    bump(this.#stages, stage, 1);
    this.#hold(open, 1);
  }

  #move(leaseId: string, stage: LeaseStage): void {
    const open = this.#open.get(leaseId);
    if (open === undefined) return;
    bump(this.#stages, open.stage, -1);
    bump(this.#stages, stage, 1);
    open.stage = stage;
  }

  #remove(leaseId: string): void {
    const open = this.#open.get(leaseId);
    if (open === undefined) return;
    this.#open.delete(leaseId);
    bump(this.#stages, open.stage, -1);
    this.#hold(open, -1);
  }

  #hold({ siteId, placements, classes }: OpenLease, by: 1 | -1): void {
    const held = this.#sites.get(siteId) ?? { nodes: new Map(), classes: new Map(), milliCpu: 0 };
    this.#sites.set(siteId, held);
    for (const { node, milliCpu } of placements) {
      bump(held.nodes, node, by);
      held.milliCpu += by * milliCpu;
    }
    for (const { key, milli } of classes) bump(held.classes, key, by * milli);
    if (held.nodes.size === 0) this.#sites.delete(siteId);
  }

  #nodesOf(nodes: readonly Node[]): ReadonlyMap<string, Node> {
    const known = this.#byName.get(nodes) ?? new Map(nodes.map((node) => [node.name, node]));
    this.#byName.set(nodes, known);
    return known;
  }
}

/** Adds to a count; what comes to nothing is forgotten. */
function bump<K>(counts: Map<K, number>, key: K, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}

// The nodes of a planned cluster as the scheduler sees them: what is free on each, kept up as jobs
// come and go, so that a pass makes new views only of nodes that changed.
import { DEFAULT_OFFER, LIMITS, type Placement } from "../../pool/index.ts";
import type { LendingView, NodeView, RunningView } from "../../scheduler/index.ts";
import { type Cluster, memberSlots, nodeSlots, type Unit } from "./cluster.ts";

interface NodeNow {
  view: NodeView;
  /** Idle slots here if some are busy, else 0. */
  scattered: number;
}

export class PoolNodes {
  /** Every member takes its own jobs first and lends the rest. */
  readonly lending: readonly LendingView[];
  readonly #unit: Unit;
  readonly #order: readonly NodeNow[];
  readonly #byName = new Map<string, NodeNow>();
  readonly #members: ReadonlyMap<string, string>;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #prices: ReadonlyMap<string, number>;
  #views: readonly NodeView[] | undefined;
  #scattered = 0;

  constructor(cluster: Cluster, unit: Unit) {
    const order: NodeNow[] = [];
    const lending: LendingView[] = [];
    for (const { name: member, sites } of cluster.members) {
      for (const site of sites) {
        const siteId = `${member}/${site.name}`;
        const offer = { ...DEFAULT_OFFER, ownProjects: [member], recallGraceMs: GRACE_MS };
        lending.push({ siteId, member, offer });
        for (const node of site.nodes) {
          const view: NodeView = {
            ...{ siteId, member, node, schedulable: true },
            freeAcceleratorIds: node.accelerators.map(({ id }) => id),
            ...{ freeMilliCpu: node.milliCpu, freeMemoryMiB: node.memoryMiB },
          };
          const now = { view, scattered: 0 };
          order.push(now);
          this.#byName.set(`${siteId}|${node.name}`, now);
        }
      }
    }
    this.#order = order;
    this.#members = new Map(lending.map(({ siteId, member }) => [siteId, member]));
    this.lending = lending;
    this.#unit = unit;
    this.#slots = new Map(cluster.members.map((one) => [one.name, memberSlots(one, unit)]));
    this.#prices = cluster.prices ?? new Map();
  }

  /** What a member has. */
  slotsOf(member: string): number {
    return this.#slots.get(member) ?? 0;
  }

  /** Whose a site is. */
  memberOf(siteId: string): string {
    return this.#members.get(siteId) ?? "";
  }

  views(): readonly NodeView[] {
    this.#views ??= this.#order.map(({ view }) => view);
    return this.#views;
  }

  /** Idle slots on nodes that are partly busy. */
  scattered(): number {
    return this.#scattered;
  }

  take(lease: RunningView): void {
    for (const placement of lease.placements) this.#change(lease.siteId, placement, -1);
  }

  giveBack(lease: RunningView): void {
    for (const placement of lease.placements) this.#change(lease.siteId, placement, 1);
  }

  /** Credits an hour for what a lease holds. */
  pricePerHour({ siteId, placements }: RunningView): number {
    if (this.#prices.size === 0) return 0;
    let sum = 0;
    for (const { node, acceleratorIds } of placements) {
      const { view } = this.#byName.get(`${siteId}|${node}`)!;
      const model = view.node.accelerators[0]?.model ?? "";
      sum += (this.#prices.get(model) ?? 0) * acceleratorIds.length;
    }
    return sum;
  }

  #change(siteId: string, placement: Placement, sign: 1 | -1): void {
    const now = this.#byName.get(`${siteId}|${placement.node}`)!;
    const { view } = now;
    const moved = new Set(placement.acceleratorIds);
    const free = new Set(view.freeAcceleratorIds);
    const freeAcceleratorIds = view.node.accelerators
      .map(({ id }) => id)
      .filter((id) => (moved.has(id) ? sign > 0 : free.has(id)));
    now.view = {
      ...view,
      freeAcceleratorIds,
      freeMilliCpu: view.freeMilliCpu + sign * placement.milliCpu,
      freeMemoryMiB: view.freeMemoryMiB + sign * placement.memoryMiB,
    };
    this.#scattered -= now.scattered;
    now.scattered = this.#scatteredOn(now.view);
    this.#scattered += now.scattered;
    this.#views = undefined;
  }

  #scatteredOn({ node, freeAcceleratorIds, freeMilliCpu }: NodeView): number {
    const idle =
      this.#unit === "accelerators" ? freeAcceleratorIds.length : Math.floor(freeMilliCpu / 1_000);
    return idle === nodeSlots(node, this.#unit) ? 0 : idle;
  }
}

/** Owners that recall give a job as long as a preemption does. */
const GRACE_MS = LIMITS.STOP_GRACE_MS;

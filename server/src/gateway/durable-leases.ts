// The open leases as they are on disk. The state runs ahead of it, and an order that leaves before
// its lease is durable could start a task that, after a crash, nobody has ever heard of.
import type { Order, State } from "@tequio/core/controller";
import { ordersOf } from "@tequio/core/controller";
import type { Committed } from "../pump.ts";

interface Held {
  readonly siteId: string;
  stopping: boolean;
}

export class DurableLeases {
  readonly #held = new Map<string, Held>();

  /** Begins with a state whose events are all durable. */
  constructor(state: State) {
    for (const site of state.sites.values()) {
      for (const leaseId of site.openLeases) {
        const stopping = state.leases.get(leaseId)!.stop !== null;
        this.#held.set(leaseId, { siteId: site.siteId, stopping });
      }
    }
  }

  take(events: readonly Committed[]): void {
    for (const { event } of events) {
      if (event.type === "lease.granted") {
        const { leaseId, siteId } = event.lease;
        this.#held.set(leaseId, { siteId, stopping: false });
      } else if (event.type === "lease.stopping") {
        const held = this.#held.get(event.leaseId);
        if (held !== undefined) held.stopping = true;
      } else if (event.type === "lease.ended") {
        this.#held.delete(event.leaseId);
      }
    }
  }

  /** The orders of a site, without what is not durable yet. */
  ordersOf(state: State, siteId: string): Order[] {
    return ordersOf(state, siteId).flatMap((order) => this.only(order));
  }

  /** The order as far as it is durable: nothing, or without its stop. */
  only(order: Order): Order[] {
    const held = this.#held.get(order.lease.leaseId);
    if (held === undefined) return [];
    return [held.stopping ? order : { ...order, stop: null }];
  }
}

// What the ranking knows of the future in one pass: the worth of node states under the mix of
// arrivals (worth.ts) and the prices of scarce hardware (scarcity.ts). The same policy as the
// default of placement/, on the nodes of a real pool.
import type { World } from "../world.ts";
import { isBound } from "./bound.ts";
import { pricesOf } from "./scarcity.ts";
import type { Worth } from "./worth.ts";

/** Thousandths of an accelerator that make one point: nodes within a point count as equal, and
 * best fit decides among them. */
const POINT_MILLI = 50;
const WHOLE_MILLI = 1_000;

/** What one kind of task should know of a node before it goes there. */
export interface PortionOutlook {
  /** Points that `tasks` tasks there cost those who can go nowhere else. */
  readonly price: (hardware: number, tasks: number) => number;
  /** Points by which the node loses more of its worth than the tasks use; may be negative. */
  readonly waste: (
    hardware: number,
    freeDevices: number,
    milliCpu: number,
    tasks: number,
  ) => number;
}

/** What one task asks, as far as the outlook concerns it. */
interface Task {
  readonly accelerators: number;
  readonly milliCpu: number;
}

/** Outlook of one pass; undefined while the mix is not known. */
export class Outlook {
  readonly #worth: Worth;
  readonly #all: Float64Array;
  readonly #prices: Float64Array;

  constructor(worth: Worth, world: World) {
    this.#worth = worth;
    const stock = stockOf(world, worth);
    this.#all = stock.all;
    this.#prices = pricesOf(worth, stock);
  }

  /** For tasks that the hardware of `usable` could serve. */
  of({ accelerators, milliCpu }: Task, usable: (hardware: number) => boolean): PortionOutlook {
    const bound = accelerators > 0 && isBound(usable, this.#all);
    const worth = this.#worth;
    return {
      price: (hardware, tasks) =>
        bound ? 0 : this.#prices[hardware]! * tasks * Math.max(1, accelerators),
      waste: (hardware, freeDevices, freeMilliCpu, tasks) => {
        const used = tasks * accelerators;
        const before = worth.of(hardware, freeDevices, freeMilliCpu);
        const after = worth.of(hardware, freeDevices - used, freeMilliCpu - tasks * milliCpu);
        return Math.round((before - after - used * WHOLE_MILLI) / POINT_MILLI);
      },
    };
  }
}

function stockOf(world: World, worth: Worth) {
  const sums = (): Float64Array => new Float64Array(world.hardware.length);
  const stock = { all: sums(), free: sums(), heldByBound: sums() };
  for (const { nodes, holdings } of world.sites) {
    for (const node of nodes) {
      stock.all[node.hardware]! += node.room.devices.length;
      stock.free[node.hardware]! += node.room.freeDevices;
    }
    for (const { lease, parts } of holdings) {
      if (lease?.spec === undefined || !worth.isBound(lease.spec, stock.all)) continue;
      for (const { node, devices } of parts) {
        stock.heldByBound[node.hardware]! += devices.length;
      }
    }
  }
  return stock;
}

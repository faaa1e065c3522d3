// Prices on hardware that some requests alone can use: while they are still expected to need what
// is free of it, others are sent elsewhere if there is an elsewhere. Prices order nodes; they
// never make a job wait. Source of the idea: protection levels of revenue management (Littlewood
// 1972); the figures are those of placement/protection.ts.
import { WHOLE } from "../placement/nodes.ts";
import type { KnownRequest } from "../placement/requests.ts";
import { isBound } from "./bound.ts";
import type { Worth } from "./worth.ts";

/** Part of what is free that will be used in the end. */
const USABLE_PART = 0.95;
/** From this part of the pressure on, hardware has a small price; from 1 on the full one. */
const PRICED_FROM = 0.5;
/** Points: the full price, beyond any difference between nodes; the small one at most. */
const FULL_PRICE = 1_000;
const SMALL_PRICE = 20;

/** Accelerators by hardware. */
export interface Stock {
  readonly all: Float64Array;
  readonly free: Float64Array;
  /** Held by leases whose requests are bound. */
  readonly heldByBound: Float64Array;
}

/** Accelerators that bound requests will take of each hardware when the pool is fully loaded. */
function expectedOf({ rows }: Worth, all: Float64Array): Float64Array {
  const expected = new Float64Array(all.length);
  let asked = 0;
  for (const { request, count } of rows) {
    const wanted = count * request.accelerators;
    if (wanted === 0) continue;
    asked += wanted;
    const usable = (hardware: number): boolean => request.kinds[hardware] === 1;
    if (!isBound(usable, all)) continue;
    const sum = usableSum(request, all);
    if (sum === 0) continue;
    for (const [hardware, here] of all.entries()) {
      if (usable(hardware)) expected[hardware]! += (wanted * here) / sum;
    }
  }
  const capacity = all.reduce((sum, here) => sum + here, 0);
  return asked === 0 ? expected : expected.map((wanted) => (wanted * capacity) / asked);
}

const usableSum = ({ kinds }: KnownRequest, all: Float64Array): number =>
  all.reduce((sum, here, hardware) => sum + kinds[hardware]! * here, 0);

/** Points that one more accelerator of each hardware costs an unbound task. */
export function pricesOf(worth: Worth, { all, free, heldByBound }: Stock): Float64Array {
  const expected = expectedOf(worth, all);
  return expected.map((wanted, hardware) => {
    const left = Math.max(1 / WHOLE, USABLE_PART * (free[hardware]! - 1));
    const pressure = (wanted - heldByBound[hardware]!) / left;
    if (pressure > 1) return FULL_PRICE;
    if (pressure <= PRICED_FROM) return 0;
    return (SMALL_PRICE * (pressure - PRICED_FROM)) / (1 - PRICED_FROM);
  });
}

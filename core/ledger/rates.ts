// Prices, and how a charge is rounded: down to whole micro-credits, while the part that is left
// over stays in the account of that project with that member and joins its next charge. So
// nothing is lost, and the member earns to the micro-credit what the project is charged.
import { assert, LIMITS } from "../pool/index.ts";
import type { HeldAccelerators, PricedAccelerators, RateTable } from "./types.ts";

export const MICRO_PER_CREDIT = 1_000_000;
export const HOUR_MS = 3_600_000;

/** One credit for a device-hour without a GPU, ten with one: about their ratio in the market. */
export const DEFAULT_RATES: RateTable = {
  microPerDeviceHour: { cpu: MICRO_PER_CREDIT, gpu: 10 * MICRO_PER_CREDIT },
  models: [],
};

/** Adds the price that holds now to each group of accelerators that has none of its owner. */
export function priced(
  held: readonly HeldAccelerators[],
  rates: RateTable,
): readonly PricedAccelerators[] {
  return held.map((group) => ({
    ...group,
    microPerDeviceHour: group.microPerDeviceHour ?? rateOf(group, rates),
  }));
}

function rateOf(group: HeldAccelerators, rates: RateTable): number {
  const vendor = group.vendor.toLowerCase();
  // A blank at the end keeps `A10` from matching `A100`.
  const model = `${group.model.toLowerCase()} `;
  const found = rates.models.find(
    (rate) =>
      (rate.vendor === undefined || rate.vendor.toLowerCase() === vendor) &&
      model.startsWith(`${rate.model.toLowerCase()} `),
  );
  const micro = found?.microPerDeviceHour ?? rates.microPerDeviceHour[group.kind];
  assert(Number.isSafeInteger(micro) && micro >= 0, "a rate is a whole number of micro-credits");
  return micro;
}

/**
 * Price of `deviceMs` in micro-credit-milliseconds per hour: exact, not rounded yet. Device time
 * is split over the groups by their number of devices; milliseconds that do not divide go to the
 * first groups, one each.
 */
export function cost(accelerators: readonly PricedAccelerators[], deviceMs: number): bigint {
  const devices = accelerators.reduce((sum, group) => sum + group.count, 0);
  if (devices === 0) return 0n;
  const shares = accelerators.map((group) =>
    Number((BigInt(deviceMs) * BigInt(group.count)) / BigInt(devices)),
  );
  const left = deviceMs - shares.reduce((sum, share) => sum + share, 0);
  return accelerators.reduce((sum, group, index) => {
    const share = shares[index]! + (index < left ? 1 : 0);
    return sum + BigInt(share) * BigInt(group.microPerDeviceHour);
  }, 0n);
}

/** Splits an exact cost into whole micro-credits, rounded down, and the remainder to keep. */
export function roundCharge(
  exact: bigint,
  keptRemainder: number,
): { readonly chargeMicro: number; readonly remainder: number } {
  const hour = BigInt(HOUR_MS);
  const sum = exact + BigInt(keptRemainder);
  const remainder = ((sum % hour) + hour) % hour;
  return { chargeMicro: safe(Number((sum - remainder) / hour)), remainder: Number(remainder) };
}

/** Lets a whole number through that a double can hold exactly. */
export function safe(value: number): number {
  assert(Number.isSafeInteger(value), `the ledger counts in whole units up to 2^53, not ${value}`);
  return value;
}

/** Half-life of the decayed usage unless the pool chooses another. */
export const DEFAULT_HALF_LIFE_MS = LIMITS.FAIRSHARE_HALF_LIFE_MS;

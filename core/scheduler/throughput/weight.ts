// What a lease counts as in fair share: an hour on a fast accelerator is more than one on a slow
// one. Prices and charges are the ledger's and have nothing to do with it.
import { type Node, type Resources, SHARE_MILLI, WHOLE_MILLI } from "../../pool/index.ts";
import { BOUNDS } from "../bounds.ts";
import { type Device, MIDDLE_LOG_SPEED } from "./prior.ts";
import type { ThroughputTable } from "./table.ts";

/** A machine's processor counts a tenth of a GPU, as it costs by default (core/ledger/rates.ts). */
const PROCESSOR_SHARE_MILLI = 100;

/** No device counts less or more, whatever is measured: a wrong name must not make work free. */
const SHARE_MILLI_BOUNDS = { min: 20, max: 50_000 };

/** Thousandths that one device counts, whatever runs on it. */
export function shareMilliOf(table: ThroughputTable, device: Device): number {
  if (device.kind === "cpu") return PROCESSOR_SHARE_MILLI;
  const relative = Math.exp(table.logSpeedOfDevice(device) - MIDDLE_LOG_SPEED);
  const { min, max } = SHARE_MILLI_BOUNDS;
  return Math.min(max, Math.max(min, Math.round(SHARE_MILLI * relative)));
}

/** Thousandths that one device counts. */
export type ShareMilliOf = (device: Device) => number;

/** Where one task goes. */
interface Place {
  readonly node: { readonly view: { readonly node: Node } };
  /** By index in the node. */
  readonly devices: readonly number[];
  readonly resources: Resources;
}

/** The same for all devices of a fit. Tasks without any count as part of a processor. */
export function fitShareMilli(places: readonly Place[], shareOf: ShareMilliOf): number {
  let sum = 0;
  for (const { node, devices, resources } of places) {
    const part = (resources.partMilli ?? WHOLE_MILLI) / WHOLE_MILLI;
    for (const index of devices) {
      sum += Math.round(shareOf(node.view.node.accelerators[index]!) * part);
    }
    if (devices.length > 0) continue;
    const processors = resources.milliCpu / BOUNDS.MILLI_CPU_PER_DEVICE;
    sum += Math.round(PROCESSOR_SHARE_MILLI * processors);
  }
  return sum;
}

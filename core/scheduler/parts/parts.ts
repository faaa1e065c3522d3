// Parts of accelerators: how many fit on the devices of a node, and on which device each goes, so
// that as few as possible are broken up. Who shares at all is a checker's business.
import { WHOLE_MILLI } from "../../pool/index.ts";
import type { Room } from "../world.ts";

/** How many parts of that size the devices have room for. */
export function partsFree(milli: number, devices: readonly number[], room: Room): number {
  let parts = 0;
  for (const device of devices) parts += Math.floor((room.left?.[device] ?? 0) / milli);
  return parts;
}

/** The device of each part: the one with the least left that has room; others stay whole. */
export function partPlaces(
  milli: number,
  tasks: number,
  devices: readonly number[],
  room: Room,
): readonly number[] {
  const left = new Map(devices.map((device) => [device, room.left?.[device] ?? 0]));
  const chosen: number[] = [];
  for (let task = 0; task < tasks; task += 1) {
    let best: number | undefined;
    for (const [device, free] of left) {
      if (free >= milli && (best === undefined || free < left.get(best)!)) best = device;
    }
    if (best === undefined) break;
    left.set(best, left.get(best)! - milli);
    chosen.push(best);
  }
  return chosen;
}

/** Devices that are whole and would not be after so many parts. */
export function partsOpen(
  milli: number,
  tasks: number,
  devices: readonly number[],
  room: Room,
): number {
  const chosen = new Set(partPlaces(milli, tasks, devices, room));
  let opened = 0;
  for (const device of chosen) if (room.left?.[device] === WHOLE_MILLI) opened += 1;
  return opened;
}

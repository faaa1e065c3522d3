// Splits the processor share of the engine over its live leases, each by the milliCpu it holds.
// Every supervisor computes its own part from the folder, so no process has to govern them all.
// A part that a lease leaves idle is not given to others: simple, and never above the share.
import { existsSync, readdirSync } from "node:fs";
import { isAlive } from "./processes.ts";
import {
  endFile,
  type LeaseRecord,
  leaseFile,
  leaseFolder,
  leasesFolder,
  type RunningRecord,
  readRecord,
  runningFile,
} from "./records.ts";

/** Gives each live lease's milliCpu; a lease whose supervisor died is not live. */
function liveWeights(folder: string, known: Map<string, number>): ReadonlyMap<string, number> {
  const live = new Map<string, number>();
  for (const leaseId of readdirSync(leasesFolder(folder))) {
    const lease = leaseFolder(folder, leaseId);
    if (leaseId.startsWith(".") || existsSync(endFile(lease))) continue;
    const running = readRecord<RunningRecord>(runningFile(lease));
    if (running !== undefined && !isAlive(running.shim)) continue;
    const weight = known.get(leaseId) ?? readRecord<LeaseRecord>(leaseFile(lease))?.milliCpu;
    if (weight === undefined) continue;
    known.set(leaseId, weight);
    live.set(leaseId, Math.max(1, weight));
  }
  return live;
}

/** How long a split holds; a lease that begins or ends changes it so much later. */
const SPLIT_MS = 500;

/** A function that tells the part of `share` (in cores) that belongs to `leaseId` now. */
export function shareSplitter(folder: string, leaseId: string): (share: number) => number {
  const known = new Map<string, number>();
  let part = 1;
  let untilMs = Number.NEGATIVE_INFINITY;
  return (share) => {
    if (performance.now() >= untilMs) {
      const live = liveWeights(folder, known);
      const all = [...live.values()].reduce((sum, weight) => sum + weight, 0);
      const own = live.get(leaseId) ?? 1;
      part = own / Math.max(own, all);
      untilMs = performance.now() + SPLIT_MS;
    }
    return share * part;
  };
}

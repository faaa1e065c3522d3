// Metrics of protocol C (benchmark page, C.4): capacities of the owners, waits, slowdowns, and who
// is worse off than alone.
import type { OwnerTrace } from "../traces/philly.ts";

const HOUR_S = 3_600;
/** Shorter jobs count as this long in the slowdown, or a few seconds of wait would rule it. */
const SLOWDOWN_FLOOR_S = 600;
/** An owner is worse off when its mean wait is more than this above its isolated mean. */
export const WORSE_OFF_S = 1;
/** Own clusters come in whole nodes of 8 and have a quarter more than the mean demand (C.3). */
const NODE_GPUS = 8;
const HEADROOM = 1.25;

/** One owner's share of the pool. */
export interface OwnerNeed {
  readonly jobs: number;
  /** Mean demand over the whole span, in accelerators. */
  readonly demand: number;
  readonly widest: number;
  /** What the owner would have alone: `max(8 ceil(1.25 d / 8), 8 ceil(g / 8))`. */
  readonly capacity: number;
}

/** The need and the capacity of every owner, in the order of `trace.owners`. */
export function ownerNeeds(trace: OwnerTrace): readonly OwnerNeed[] {
  const spanS = Math.max(trace.submitS.at(-1) ?? 0, 1);
  return trace.owners.map((_, owner) => {
    let [jobs, gpuSeconds, widest] = [0, 0, 0];
    for (let job = 0; job < trace.gpus.length; job += 1) {
      if (trace.owner[job] !== owner) continue;
      jobs += 1;
      gpuSeconds += trace.durationS[job]! * trace.gpus[job]!;
      widest = Math.max(widest, trace.gpus[job]!);
    }
    const demand = gpuSeconds / spanS;
    const nodes = Math.max(
      Math.ceil((HEADROOM * demand) / NODE_GPUS),
      Math.ceil(widest / NODE_GPUS),
    );
    return { jobs, demand, widest, capacity: NODE_GPUS * nodes };
  });
}

/** The jobs of one owner, ascending; of all owners if none is named. */
export function jobsOf(trace: OwnerTrace, owner?: number): Int32Array {
  const all = Int32Array.from(trace.gpus.keys());
  return owner === undefined ? all : all.filter((job) => trace.owner[job] === owner);
}

export interface WaitReport {
  readonly meanH: number;
  readonly p50H: number;
  readonly p90H: number;
  readonly p99H: number;
  readonly maxH: number;
  readonly boundedSlowdown: number;
  readonly meanOfOwnersH: number;
  readonly ownerMeanH: readonly number[];
}

/** Waits in seconds, one per job of the trace, as the page's figures in hours. */
export function reportWaits(trace: OwnerTrace, waitS: Float64Array): WaitReport {
  const sorted = Float64Array.from(waitS).sort();
  const count = sorted.length;
  const at = (q: number): number => sorted[Math.min(count - 1, Math.floor(count * q))]! / HOUR_S;
  const sum = trace.owners.map(() => 0);
  const jobs = trace.owners.map(() => 0);
  let [total, slowdown] = [0, 0];
  for (let job = 0; job < count; job += 1) {
    const [wait, length] = [waitS[job]!, trace.durationS[job]!];
    total += wait;
    sum[trace.owner[job]!]! += wait;
    jobs[trace.owner[job]!]! += 1;
    slowdown += Math.max(1, (wait + length) / Math.max(length, SLOWDOWN_FLOOR_S));
  }
  const ownerMeanH = sum.map((waits, owner) => waits / jobs[owner]! / HOUR_S);
  return {
    meanH: total / count / HOUR_S,
    ...{ p50H: at(0.5), p90H: at(0.9), p99H: at(0.99), maxH: sorted[count - 1]! / HOUR_S },
    boundedSlowdown: slowdown / count,
    meanOfOwnersH: ownerMeanH.reduce((a, b) => a + b, 0) / ownerMeanH.length,
    ownerMeanH,
  };
}

export interface Fairness {
  /** Owners whose mean wait is more than a second above their isolated mean. */
  readonly worseOff: readonly number[];
  /** The largest loss of an owner in hours; negative if all gain. */
  readonly worstLossH: number;
}

/** Who is worse off than alone. Both lists are mean waits by owner in hours. */
export function compareOwners(pooled: readonly number[], alone: readonly number[]): Fairness {
  const lossH = pooled.map((wait, owner) => wait - alone[owner]!);
  return {
    worseOff: [...lossH.keys()].filter((owner) => lossH[owner]! * HOUR_S > WORSE_OFF_S),
    worstLossH: Math.max(...lossH),
  };
}

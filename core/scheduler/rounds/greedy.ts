// Greedy choice: through the jobs in a given order, each takes the free kind on which it is
// fastest; afterwards pairs of jobs exchange their kinds where that makes both together faster.
// The order is left to the caller.
import { NO_KIND, type Round, type RoundJobs } from "./types.ts";

/** A job stays where it is unless another kind is faster by more than this factor. */
const STAY_FACTOR = 1.0001;
/** Exchanges must gain more than this factor, or rounding would swap jobs for ever. */
const SWAP_FACTOR = 1.0001;
/** Passes over all pairs. The third finds almost nothing any more. */
const SWAP_PASSES = 3;

/** Gives a job the free kind on which it is fastest; false if there is none with room. */
export function takeFastest({ jobs, kinds }: Round, job: number, free: number[]): boolean {
  const count = kinds.count.length;
  const last = jobs.lastKind[job]!;
  let [best, bestSpeed] = [NO_KIND, 0];
  for (let kind = 0; kind < count; kind += 1) {
    if (free[kind]! < jobs.gpus[job]!) continue;
    const plain = jobs.speed[job * count + kind]!;
    const speed = kind === last ? plain * STAY_FACTOR : plain;
    if (speed > bestSpeed) [best, bestSpeed] = [kind, speed];
  }
  if (best === NO_KIND) return false;
  jobs.kind[job] = best;
  free[best]! -= jobs.gpus[job]!;
  return true;
}

/** Serves the jobs of `order` greedily; returns those that were chosen, in that order. */
export function chooseGreedily(round: Round, order: readonly number[], free: number[]): number[] {
  const chosen: number[] = [];
  let left = free.reduce((sum, count) => sum + count, 0);
  for (const job of order) {
    if (left === 0) break;
    if (!takeFastest(round, job, free)) continue;
    left -= round.jobs.gpus[job]!;
    chosen.push(job);
  }
  return chosen;
}

/**
 * Exchanges the kinds of pairs of equal width while the weighted sum of their speeds rises.
 * `weight` is by job number.
 */
export function swapKinds(
  jobs: RoundJobs,
  count: number,
  chosen: readonly number[],
  weight: (job: number) => number,
): void {
  const widths = new Map<number, number[]>();
  for (const job of chosen) {
    const same = widths.get(jobs.gpus[job]!);
    if (same === undefined) widths.set(jobs.gpus[job]!, [job]);
    else same.push(job);
  }
  for (const same of widths.values()) swapAmong(jobs, count, same, same.map(weight));
}

function swapAmong(
  { kind, speed }: RoundJobs,
  count: number,
  same: readonly number[],
  weight: readonly number[],
): void {
  for (let pass = 0; pass < SWAP_PASSES; pass += 1) {
    let swapped = false;
    for (let i = 0; i < same.length; i += 1) {
      const a = same[i]!;
      const [baseA, weightA] = [a * count, weight[i]!];
      let kindA = kind[a]!;
      for (let j = i + 1; j < same.length; j += 1) {
        const b = same[j]!;
        const kindB = kind[b]!;
        if (kindA === kindB) continue;
        const [baseB, weightB] = [b * count, weight[j]!];
        const [thenA, thenB] = [speed[baseA + kindB]!, speed[baseB + kindA]!];
        // Nobody is sent where it cannot run at all, whatever the other gains.
        if (thenA === 0 || thenB === 0) continue;
        const now = weightA * speed[baseA + kindA]! + weightB * speed[baseB + kindB]!;
        if (weightA * thenA + weightB * thenB <= now * SWAP_FACTOR) continue;
        kind[a] = kindB;
        kind[b] = kindA;
        kindA = kindB;
        swapped = true;
      }
    }
    if (!swapped) return;
  }
}

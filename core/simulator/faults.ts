// What `tequio simulate --faults` runs: the world of a seed, and what became of it. Every 20th seed
// is a short world instead, which is lived again for a crash of the control plane at each step.
import type { CrashPoint } from "./pool.ts";
import { SHORT, WHOLE } from "./scale.ts";
import { World, type WorldOptions } from "./world.ts";

/** What became of the world of a seed; sums over all its lives where it was lived several times. */
export interface FaultReport {
  readonly seed: number;
  readonly ok: boolean;
  /** The rule that was broken, if one was. */
  readonly broken?: string;
  readonly worlds: number;
  readonly jobs: number;
  readonly completed: number;
  readonly runs: number;
  readonly rounds: number;
  readonly leases: number;
  readonly lost: number;
  readonly corrected: number;
  readonly crashes: number;
  readonly events: number;
  readonly virtualMs: number;
}

/** Every so many-th seed crashes at every step. */
export const SWEEP_EVERY = 20;
/** Steps at which a short world is made to crash, at most: it then takes a few seconds. */
const CRASH_POINTS_MAX = 150;

/** Parts of a world that a test may exchange. */
export type FaultOptions = Pick<WorldOptions, "decide" | "makeSite">;

/** Runs the world of one seed; the same seed gives the same report, on every machine. */
export function simulateFaults(seed: number, options: FaultOptions = {}): FaultReport {
  if (seed % SWEEP_EVERY === 0) return simulateCrashes(seed, options);
  return live(seed, { ...options, scale: WHOLE }).report;
}

/**
 * Runs the short world of one seed again and again: with a crash at its first step that changes
 * something, at its second, and so on, each time before and after that step was durable.
 */
export function simulateCrashes(seed: number, options: FaultOptions = {}): FaultReport {
  const calm = live(seed, { ...options, scale: SHORT });
  let sum = calm.report;
  const points = Math.min(calm.inputs, CRASH_POINTS_MAX);
  for (let input = 1; input <= points && sum.ok; input += 1) {
    for (const moment of ["before", "after"] as const) {
      const crashAt: CrashPoint = { input, moment };
      const { report } = live(seed, { ...options, scale: SHORT, crashAt });
      sum = added(sum, report, `crash ${moment} step ${input} was durable: `);
      if (!sum.ok) break;
    }
  }
  return sum;
}

function live(seed: number, options: WorldOptions): { report: FaultReport; inputs: number } {
  const world = new World(seed, options);
  let broken: string | undefined;
  try {
    world.run();
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error);
  }
  const verdict = broken === undefined ? { ok: true } : { ok: false, broken };
  return { report: { seed, ...verdict, worlds: 1, ...world.counts() }, inputs: world.inputs };
}

function added(sum: FaultReport, more: FaultReport, where: string): FaultReport {
  const { seed } = sum;
  const verdict = more.ok ? { ok: true } : { ok: false, broken: `${where}${more.broken}` };
  const plus = (key: Exclude<keyof FaultReport, "seed" | "ok" | "broken">): number =>
    sum[key] + more[key];
  return {
    seed,
    ...verdict,
    worlds: plus("worlds"),
    jobs: plus("jobs"),
    completed: plus("completed"),
    runs: plus("runs"),
    rounds: plus("rounds"),
    leases: plus("leases"),
    lost: plus("lost"),
    corrected: plus("corrected"),
    crashes: plus("crashes"),
    events: plus("events"),
    virtualMs: plus("virtualMs"),
  };
}

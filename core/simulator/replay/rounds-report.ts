// Metrics of protocol B (B.4): completion times, finish-time fairness against the equal-share run,
// and unfinished jobs.
import type { KindTrace } from "./kinds-jobs.ts";
import type { RoundsReplay } from "./rounds.ts";

const HOUR_S = 3_600;

export interface RoundsReport {
  readonly meanH: number;
  readonly p99H: number;
  readonly maxH: number;
  /** Measured jobs that had not ended when the run stopped; they count with their age. */
  readonly unfinished: number;
  readonly rhoMean: number;
  readonly rhoP99: number;
  readonly rhoMax: number;
  readonly rhoAbove1: number;
}

/** The page's figures for the measured jobs. `equalEndS` is the equal-share run's. */
export function reportRounds(
  trace: KindTrace,
  replay: RoundsReplay,
  [from, to]: readonly [number, number],
  equalEndS: Float64Array,
): RoundsReport {
  const jobs = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const age = (job: number, endS: number): number => endS - trace.arrivalS[job]!;
  const ended = (job: number): boolean => !Number.isNaN(replay.endS[job]!);
  const spentS = jobs.map((job) =>
    age(job, ended(job) ? replay.endS[job]! : Math.max(replay.stoppedS, trace.arrivalS[job]!)),
  );
  const rho = jobs.map((job, at) => spentS[at]! / age(job, equalEndS[job]!));
  return {
    meanH: mean(spentS) / HOUR_S,
    p99H: quantile(spentS, 0.99) / HOUR_S,
    maxH: Math.max(...spentS) / HOUR_S,
    unfinished: jobs.filter((job) => !ended(job)).length,
    rhoMean: mean(rho),
    rhoP99: quantile(rho, 0.99),
    rhoMax: Math.max(...rho),
    rhoAbove1: rho.filter((value) => value > 1).length,
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Nearest rank: entry ceil(n q), counted from 1, of the sorted list. */
function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)]!;
}

// Protocol B: jobs on accelerators of several kinds, in rounds. The truth of the replay: who has
// made how many steps, and when a round ends. The policy sees speeds and what a job has had, never
// how much is left, unless it is a clairvoyant one that was built with the trace.
import { assert } from "../../pool/index.ts";
import { NO_KIND, type RoundJobs, type RoundPolicy } from "../../scheduler/rounds/index.ts";
import type { KindTrace } from "./kinds-jobs.ts";

/** Longest round, in seconds (B.3, 4). */
export const ROUND_S = 360;
/** A job is done when at most this part of its steps is left. */
const DONE_PART = 1e-6;

export interface RoundsOptions {
  /** Seconds without progress after a move to another kind. */
  readonly moveCostS: number;
  /** Measured jobs, by number: from the first to the last, both included. */
  readonly measured: readonly [from: number, to: number];
  /** The run stops at the first round boundary by which so many jobs have arrived. */
  readonly arrivalsMax?: number;
  /** Told after each round how many jobs have arrived. */
  readonly onProgress?: (arrived: number) => void;
}

export interface RoundsReplay {
  /** End of each job; NaN if it had not ended when the run stopped. */
  readonly endS: Float64Array;
  /** When the run stopped. */
  readonly stoppedS: number;
  readonly rounds: number;
  readonly moves: number;
  readonly restarts: number;
  /** Accelerator-seconds given to jobs over accelerator-seconds there were. */
  readonly use: number;
}

/** Columns for a trace, nothing done yet. */
export function roundJobs(trace: KindTrace): RoundJobs {
  const count = trace.gpus.length;
  const kinds = trace.kinds.length;
  const bestSpeed = new Float64Array(count);
  for (let at = 0; at < trace.speed.length; at += 1) {
    const job = Math.floor(at / kinds);
    bestSpeed[job] = Math.max(bestSpeed[job]!, trace.speed[at]!);
  }
  return {
    ...{ gpus: trace.gpus, speed: trace.speed, arrivalS: trace.arrivalS, bestSpeed },
    serviceGpuS: new Float64Array(count),
    doneSteps: new Float64Array(count),
    lastKind: new Int8Array(count).fill(NO_KIND),
    kind: new Int8Array(count).fill(NO_KIND),
  };
}

/** Runs the policy until all measured jobs have ended or all jobs of the trace have arrived. */
export function replayRounds(
  trace: KindTrace,
  options: RoundsOptions,
  policy: RoundPolicy,
): RoundsReplay {
  return new RoundsRun(trace, options, policy).toTheEnd();
}

class RoundsRun {
  readonly #trace: KindTrace;
  readonly #options: RoundsOptions;
  readonly #policy: RoundPolicy;
  readonly #jobs: RoundJobs;
  readonly #endS: Float64Array;
  /** The last round that a job ran in. */
  readonly #lastRound: Int32Array;
  readonly #capacity: number;
  #active: number[] = [];
  #arrived = 0;
  #measuredLeft: number;
  #rounds = 0;
  #moves = 0;
  #restarts = 0;
  #usedGpuS = 0;

  constructor(trace: KindTrace, options: RoundsOptions, policy: RoundPolicy) {
    this.#trace = trace;
    this.#options = options;
    this.#policy = policy;
    this.#jobs = roundJobs(trace);
    this.#endS = new Float64Array(trace.gpus.length).fill(Number.NaN);
    this.#lastRound = new Int32Array(trace.gpus.length).fill(-1);
    this.#capacity = trace.kinds.reduce((sum, { count }) => sum + count, 0);
    this.#measuredLeft = options.measured[1] - options.measured[0] + 1;
  }

  toTheEnd(): RoundsReplay {
    const kinds = { count: this.#trace.kinds.map(({ count }) => count) };
    const limit = this.#options.arrivalsMax ?? Infinity;
    let nowS = 0;
    for (;;) {
      this.#arriveUpTo(nowS);
      if (this.#measuredLeft === 0 || this.#arrived >= limit) break;
      if (this.#active.length === 0) {
        nowS = this.#trace.arrivalS[this.#arrived]!;
        continue;
      }
      for (const job of this.#active) this.#jobs.kind[job] = NO_KIND;
      this.#policy.choose({ nowS, active: this.#active, jobs: this.#jobs, kinds });
      this.#check(kinds.count);
      nowS = this.#runRound(nowS);
      this.#options.onProgress?.(this.#arrived);
    }
    return {
      ...{ endS: this.#endS, stoppedS: nowS, rounds: this.#rounds },
      ...{ moves: this.#moves, restarts: this.#restarts },
      use: this.#usedGpuS / (this.#capacity * Math.max(nowS, 1)),
    };
  }

  #arriveUpTo(nowS: number): void {
    const { arrivalS } = this.#trace;
    while (this.#arrived < arrivalS.length && arrivalS[this.#arrived]! <= nowS) {
      this.#active.push(this.#arrived);
      this.#policy.arrived?.(this.#arrived, nowS, this.#jobs);
      this.#arrived += 1;
    }
  }

  /** No kind is given out twice, and nobody is put where it cannot run. */
  #check(count: readonly number[]): void {
    const free = [...count];
    for (const job of this.#active) {
      const kind = this.#jobs.kind[job]!;
      if (kind === NO_KIND) continue;
      free[kind]! -= this.#jobs.gpus[job]!;
      assert(free[kind]! >= 0, "a round gives no more accelerators of a kind than there are");
    }
  }

  #runRound(nowS: number): number {
    const ended: [job: number, atS: number][] = [];
    let [longestS, chosen] = [0, 0];
    for (const job of this.#active) {
      if (this.#jobs.kind[job] === NO_KIND) continue;
      const ranS = this.#runJob(job);
      if (this.#left(job) <= DONE_PART * this.#trace.totalSteps[job]!) {
        ended.push([job, nowS + ranS]);
      }
      longestS = Math.max(longestS, ranS);
      chosen += 1;
    }
    for (const [job, atS] of ended) {
      this.#endS[job] = atS;
      if (job >= this.#options.measured[0] && job <= this.#options.measured[1]) {
        this.#measuredLeft -= 1;
      }
      this.#policy.ended?.(job, nowS, this.#jobs);
    }
    if (ended.length > 0) {
      this.#active = this.#active.filter((job) => Number.isNaN(this.#endS[job]!));
    }
    this.#rounds += 1;
    return nowS + (chosen === 0 ? ROUND_S : longestS);
  }

  #left(job: number): number {
    return this.#trace.totalSteps[job]! - this.#jobs.doneSteps[job]!;
  }

  /** Runs one chosen job; returns for how long, in seconds. */
  #runJob(job: number): number {
    const { lastKind, kind, speed, doneSteps, serviceGpuS, gpus } = this.#jobs;
    const [was, is] = [lastKind[job]!, kind[job]!];
    const moved = was !== NO_KIND && was !== is;
    const resumed = was === is && this.#lastRound[job]! < this.#rounds - 1;
    if (moved) this.#moves += 1;
    if (moved || resumed) this.#restarts += 1;
    const steps = speed[job * this.#trace.kinds.length + is]!;
    const idleS = moved ? this.#options.moveCostS : 0;
    const ranS = Math.min(ROUND_S, idleS + this.#left(job) / steps);
    doneSteps[job]! += (ranS - idleS) * steps;
    serviceGpuS[job]! += ranS * gpus[job]!;
    this.#usedGpuS += ranS * gpus[job]!;
    lastKind[job] = is;
    this.#lastRound[job] = this.#rounds;
    return ranS;
  }
}

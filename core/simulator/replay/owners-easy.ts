// Protocol C's baselines: gangs on one flat number of accelerators, run without preemption, EASY
// backfilling that sees true durations. The protocol is step for step that of the benchmark's
// page; which jobs and how many accelerators is the caller's choice.
import type { OwnerTrace } from "../traces/philly.ts";

/** Positions of the queue that backfilling looks at, the head included (C.3, 6). */
const BACKFILL_POSITIONS = 400;

/** Arrivals between two reports of progress. */
const PROGRESS_EVERY = 1_000;

export interface EasyOptions {
  /** Positions of the queue that are looked at; 1: strictly in order, without backfilling. */
  readonly positions?: number;
  /** Told every now and then how many jobs have arrived. */
  readonly onProgress?: (arrived: number) => void;
}

/** FCFS: by arrival. Shortest GPU-time: by true duration x width, then by arrival. */
export type EasyOrder = "fcfs" | "shortest-gpu-time";

/**
 * Start time of each of `jobs` (indexes into the trace, ascending) on `capacity` accelerators,
 * in seconds. Clairvoyant. A job wider than the capacity breaks an invariant: check it before.
 */
export function replayEasy(
  trace: OwnerTrace,
  jobs: Int32Array,
  capacity: number,
  order: EasyOrder,
  options: EasyOptions = {},
): Float64Array {
  const run = new EasyRun(trace, capacity, order, options.positions ?? BACKFILL_POSITIONS);
  const startS = new Float64Array(jobs.length);
  let arrived = 0;
  while (arrived < jobs.length || run.busy) {
    const arriveS = arrived < jobs.length ? trace.submitS[jobs[arrived]!]! : Infinity;
    const nowS = Math.min(arriveS, run.nextEndS);
    run.endUpTo(nowS);
    while (arrived < jobs.length && trace.submitS[jobs[arrived]!]! <= nowS) {
      if (arrived % PROGRESS_EVERY === 0) options.onProgress?.(arrived);
      run.join(jobs[arrived]!);
      run.slot[jobs[arrived]!] = arrived;
      arrived += 1;
    }
    run.start(nowS, startS);
  }
  return startS;
}

class EasyRun {
  /** Where a job's start time goes. */
  readonly slot: Int32Array;
  readonly #trace: OwnerTrace;
  readonly #byLength: boolean;
  readonly #positions: number;
  #free: number;
  /** Waiting jobs, best first. */
  readonly #queue: number[] = [];
  /** Running jobs by end time, LAST end first, so that ends are popped. */
  readonly #running: number[] = [];
  readonly #endS: Float64Array;

  constructor(trace: OwnerTrace, capacity: number, order: EasyOrder, positions: number) {
    this.#trace = trace;
    this.#positions = positions;
    this.#byLength = order === "shortest-gpu-time";
    this.#free = capacity;
    this.slot = new Int32Array(trace.gpus.length);
    this.#endS = new Float64Array(trace.gpus.length);
  }

  get busy(): boolean {
    return this.#running.length > 0;
  }

  get nextEndS(): number {
    const next = this.#running.at(-1);
    return next === undefined ? Infinity : this.#endS[next]!;
  }

  endUpTo(nowS: number): void {
    while (this.nextEndS <= nowS) this.#free += this.#trace.gpus[this.#running.pop()!]!;
  }

  join(job: number): void {
    if (!this.#byLength) {
      this.#queue.push(job);
      return;
    }
    const { durationS, gpus } = this.#trace;
    const size = durationS[job]! * gpus[job]!;
    let from = 0;
    let to = this.#queue.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const other = this.#queue[middle]!;
      if (durationS[other]! * gpus[other]! <= size) from = middle + 1;
      else to = middle;
    }
    this.#queue.splice(from, 0, job);
  }

  start(nowS: number, startS: Float64Array): void {
    const { gpus } = this.#trace;
    let heads = 0;
    while (heads < this.#queue.length && gpus[this.#queue[heads]!]! <= this.#free) {
      this.#begin(this.#queue[heads]!, nowS, startS);
      heads += 1;
    }
    this.#queue.splice(0, heads);
    const behind = Math.min(this.#queue.length, this.#positions) > 1;
    if (behind && this.#free > 0) this.#backfill(nowS, startS);
  }

  #backfill(nowS: number, startS: Float64Array): void {
    const { gpus, durationS } = this.#trace;
    const promise = this.#promise(gpus[this.#queue[0]!]!);
    let extra = promise.extra;
    const started: number[] = [];
    const positions = Math.min(this.#queue.length, this.#positions);
    for (let at = 1; at < positions && this.#free > 0; at += 1) {
      const job = this.#queue[at]!;
      const width = gpus[job]!;
      if (width > this.#free) continue;
      const late = nowS + durationS[job]! > promise.shadowS;
      if (late && width > extra) continue;
      if (late) extra -= width;
      this.#begin(job, nowS, startS);
      started.push(at);
    }
    for (const at of started.reverse()) this.#queue.splice(at, 1);
  }

  /** When the head can start at the latest, and what it then leaves free. */
  #promise(width: number): { readonly shadowS: number; readonly extra: number } {
    let free = this.#free;
    for (let at = this.#running.length - 1; at >= 0; at -= 1) {
      const job = this.#running[at]!;
      free += this.#trace.gpus[job]!;
      if (free >= width) return { shadowS: this.#endS[job]!, extra: free - width };
    }
    throw new Error("Invariant broken: every job fits into the empty machine");
  }

  #begin(job: number, nowS: number, startS: Float64Array): void {
    this.#free -= this.#trace.gpus[job]!;
    startS[this.slot[job]!] = nowS;
    const endS = nowS + this.#trace.durationS[job]!;
    this.#endS[job] = endS;
    // Last end first; among equal ends the earlier start ends first, so it lies further back.
    let from = 0;
    let to = this.#running.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#endS[this.#running[middle]!]! > endS) from = middle + 1;
      else to = middle;
    }
    this.#running.splice(from, 0, job);
  }
}

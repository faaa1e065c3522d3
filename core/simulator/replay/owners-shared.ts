// Protocol C with a policy that may preempt: the truth of the replay (who has run how long, who
// ends when), kept apart from the policy, which is told of arrivals and ends only. A job that was
// stopped goes on with what it had, less the run time that a restart loses.
import { assert } from "../../pool/index.ts";
import { Times } from "../../scheduler/shares/index.ts";
import type { OwnerTrace } from "../traces/philly.ts";

/** What a policy must do. Times in seconds; jobs by their index in the trace. */
export interface OwnersPolicy {
  readonly nextEventS: number;
  submit(job: number, owner: number, gpus: number): void;
  ended(job: number, nowS: number): void;
  plan(nowS: number): { readonly stops: readonly number[]; readonly starts: readonly number[] };
}

export interface SharedReplay {
  readonly firstStartS: Float64Array;
  readonly endS: Float64Array;
  /** End less submission less duration: every second that brought the job no nearer its end. */
  readonly waitS: Float64Array;
  readonly preemptions: number;
  /** Run time that restarts have lost, times width, in accelerator-hours. */
  readonly lostGpuH: number;
  /** Accelerators idle while a waiting job would have fitted, over time, in accelerator-hours. */
  readonly idleHeldGpuH: number;
  readonly plans: number;
}

export interface SharedOptions {
  readonly capacity: number;
  /** Run time that a restart loses, in seconds. */
  readonly lossS: number;
  /** Told of every stretch that a job ran. */
  readonly onRan?: (job: number, fromS: number, toS: number) => void;
  /** Told after each event how many jobs have arrived. */
  readonly onProgress?: (arrived: number) => void;
}

/** Runs the policy over the trace on `capacity` accelerators until every job has ended. */
export function replayShared(
  trace: OwnerTrace,
  options: SharedOptions,
  policy: OwnersPolicy,
): SharedReplay {
  return new SharedRun(trace, options, policy).toTheEnd();
}

class SharedRun {
  readonly #trace: OwnerTrace;
  readonly #options: SharedOptions;
  readonly #lossS: number;
  /** When a running job started last. */
  readonly #beganS: Float64Array;
  readonly #policy: OwnersPolicy;
  readonly #savedS: Float64Array;
  /** Start less the run time that the job had then; NaN while it does not run. */
  readonly #zeroS: Float64Array;
  readonly #firstStartS: Float64Array;
  readonly #endS: Float64Array;
  /** Running jobs by end time. */
  readonly #ends = new Times();
  /** Jobs that wait, by width: the narrowest tells whether anything idle was held back. */
  readonly #waitingByGpus: number[] = [];
  #waiting = 0;
  #free: number;
  #arrived = 0;
  #left: number;
  #preemptions = 0;
  #lostGpuS = 0;
  #idleHeldGpuS = 0;
  #plans = 0;

  constructor(trace: OwnerTrace, options: SharedOptions, policy: OwnersPolicy) {
    const count = trace.gpus.length;
    this.#trace = trace;
    this.#options = options;
    this.#lossS = options.lossS;
    this.#beganS = new Float64Array(count);
    this.#policy = policy;
    this.#free = options.capacity;
    this.#left = count;
    this.#savedS = new Float64Array(count);
    this.#zeroS = new Float64Array(count).fill(Number.NaN);
    this.#firstStartS = new Float64Array(count).fill(Number.NaN);
    this.#endS = new Float64Array(count);
  }

  toTheEnd(): SharedReplay {
    let nowS = 0;
    while (this.#left > 0) {
      const nextS = Math.min(this.#nextArrivalS(), this.#ends.nextS, this.#policy.nextEventS);
      assert(nextS < Infinity && nextS >= nowS, "a replay goes on until every job has ended");
      this.#idleHeldGpuS += (nextS - nowS) * this.#idleHeld();
      nowS = nextS;
      this.#endUpTo(nowS);
      this.#arriveUpTo(nowS);
      const { stops, starts } = this.#policy.plan(nowS);
      for (const job of stops) this.#stop(job, nowS);
      for (const job of starts) this.#start(job, nowS);
      this.#plans += 1;
      this.#options.onProgress?.(this.#arrived);
    }
    return this.#report();
  }

  #nextArrivalS(): number {
    return this.#arrived < this.#trace.gpus.length ? this.#trace.submitS[this.#arrived]! : Infinity;
  }

  #idleHeld(): number {
    if (this.#free === 0 || this.#waiting === 0) return 0;
    for (let gpus = 1; gpus <= this.#free; gpus += 1) {
      if ((this.#waitingByGpus[gpus] ?? 0) > 0) return this.#free;
    }
    return 0;
  }

  #endUpTo(nowS: number): void {
    while (this.#ends.nextS <= nowS) {
      const job = this.#ends.pop();
      this.#free += this.#trace.gpus[job]!;
      this.#endS[job] = nowS;
      this.#options.onRan?.(job, this.#beganS[job]!, nowS);
      this.#zeroS[job] = Number.NaN;
      this.#left -= 1;
      this.#policy.ended(job, nowS);
    }
  }

  #arriveUpTo(nowS: number): void {
    while (this.#nextArrivalS() <= nowS) {
      const job = this.#arrived;
      this.#arrived += 1;
      this.#waits(job, 1);
      this.#policy.submit(job, this.#trace.owner[job]!, this.#trace.gpus[job]!);
    }
  }

  #stop(job: number, nowS: number): void {
    assert(!Number.isNaN(this.#zeroS[job]!), "only a running job is stopped");
    this.#savedS[job] = Math.max(this.#savedS[job]!, nowS - this.#zeroS[job]!);
    this.#zeroS[job] = Number.NaN;
    this.#options.onRan?.(job, this.#beganS[job]!, nowS);
    this.#free += this.#trace.gpus[job]!;
    this.#ends.drop(job);
    this.#waits(job, 1);
    this.#preemptions += 1;
  }

  #start(job: number, nowS: number): void {
    const gpus = this.#trace.gpus[job]!;
    this.#free -= gpus;
    assert(this.#free >= 0, "no accelerator has two jobs");
    const saved = this.#savedS[job]!;
    const kept = Math.max(0, saved - this.#lossS);
    this.#lostGpuS += (saved - kept) * gpus;
    this.#zeroS[job] = nowS - kept;
    this.#beganS[job] = nowS;
    if (Number.isNaN(this.#firstStartS[job]!)) this.#firstStartS[job] = nowS;
    this.#waits(job, -1);
    this.#ends.push(job, nowS - kept + this.#trace.durationS[job]!);
  }

  #waits(job: number, change: 1 | -1): void {
    const gpus = this.#trace.gpus[job]!;
    this.#waitingByGpus[gpus] = (this.#waitingByGpus[gpus] ?? 0) + change;
    this.#waiting += change;
  }

  #report(): SharedReplay {
    const { submitS, durationS } = this.#trace;
    return {
      firstStartS: this.#firstStartS,
      endS: this.#endS,
      waitS: this.#endS.map((endS, job) => endS - submitS[job]! - durationS[job]!),
      preemptions: this.#preemptions,
      lostGpuH: this.#lostGpuS / 3_600,
      idleHeldGpuH: this.#idleHeldGpuS / 3_600,
      plans: this.#plans,
    };
  }
}

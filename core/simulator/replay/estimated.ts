// First come first served with EASY backfill on one number of devices, where the backfill knows
// time limits and what it has learned so far, and no true duration. Some jobs are told a start
// interval when they begin to wait: how often it comes true is what this replay is for.
import {
  type CountedRun,
  learnRun,
  type RunHistory,
  RunTimes,
  type StartInterval,
  startInterval,
} from "../../scheduler/index.ts";

/** A job of a trace, by the time of its submission. Whole milliseconds. */
export interface TimedJob {
  readonly submitMs: number;
  readonly runMs: number;
  readonly walltimeMs: number;
  readonly devices: number;
  readonly project: string;
  readonly user: string;
  readonly name: string;
}

/** What a job was told when it began to wait, and what came true. */
export interface ToldStart {
  readonly submitMs: number;
  readonly startMs: number;
  readonly interval: StartInterval;
}

/** Positions of the queue that backfilling looks at. */
const BACKFILL_POSITIONS = 400;

interface Held {
  readonly job: TimedJob;
  readonly startMs: number;
  readonly endMs: number;
  readonly expectedMs: number;
}

/**
 * Replays the jobs, which must be sorted by submission and fit the capacity each. Of those that
 * must wait every `tellEvery`-th is told an interval.
 */
export function replayEstimated(
  jobs: readonly TimedJob[],
  capacity: number,
  tellEvery: number,
): readonly ToldStart[] {
  const replay = new EstimatedReplay(capacity, tellEvery);
  let next = 0;
  while (next < jobs.length || replay.busy) {
    const nowMs = Math.min(jobs[next]?.submitMs ?? Infinity, replay.nextEndMs);
    replay.endUpTo(nowMs);
    const before = next;
    while (jobs[next] !== undefined && jobs[next]!.submitMs <= nowMs) {
      replay.join(jobs[next]!);
      next += 1;
    }
    replay.start(nowMs);
    replay.tell(nowMs, jobs.slice(before, next));
  }
  return replay.told;
}

class EstimatedReplay {
  readonly told: ToldStart[] = [];
  readonly #capacity: number;
  readonly #tellEvery: number;
  readonly #history: RunHistory = new Map();
  readonly #times = new RunTimes(this.#history);
  #free: number;
  #queue: TimedJob[] = [];
  /** By their true end, the last end first. */
  readonly #running: Held[] = [];
  readonly #intervals = new Map<TimedJob, StartInterval>();
  #waited = 0;

  constructor(capacity: number, tellEvery: number) {
    this.#capacity = capacity;
    this.#free = capacity;
    this.#tellEvery = tellEvery;
  }

  get busy(): boolean {
    return this.#running.length > 0;
  }

  get nextEndMs(): number {
    return this.#running.at(-1)?.endMs ?? Infinity;
  }

  endUpTo(nowMs: number): void {
    while (this.nextEndMs <= nowMs) {
      const { job, startMs, endMs } = this.#running.pop()!;
      this.#free += job.devices;
      const { walltimeMs } = job;
      const outcome = endMs - startMs < walltimeMs ? "completed" : "timeout";
      learnRun(this.#history, { job, ranMs: endMs - startMs, walltimeMs, outcome });
    }
  }

  join(job: TimedJob): void {
    this.#queue.push(job);
  }

  start(nowMs: number): void {
    let heads = 0;
    while (this.#queue[heads] !== undefined && this.#queue[heads]!.devices <= this.#free) {
      this.#begin(this.#queue[heads]!, nowMs);
      heads += 1;
    }
    this.#queue.splice(0, heads);
    const [head] = this.#queue;
    if (head === undefined || this.#queue.length === 1 || this.#free === 0) return;
    const { shadowMs, extra } = this.#promise(head, nowMs);
    let left = extra;
    const started = new Set<TimedJob>();
    const most = Math.min(this.#queue.length, BACKFILL_POSITIONS);
    for (let at = 1; at < most && this.#free > 0; at += 1) {
      const job = this.#queue[at]!;
      if (job.devices > this.#free) continue;
      const late = nowMs + this.#times.lateMs(job) > shadowMs;
      if (late && job.devices > left) continue;
      if (late) left -= job.devices;
      this.#begin(job, nowMs);
      started.add(job);
    }
    if (started.size > 0) this.#queue = this.#queue.filter((job) => !started.has(job));
  }

  /** Tells some of the jobs that have just come, if they wait. */
  tell(nowMs: number, came: readonly TimedJob[]): void {
    for (const job of came) {
      const place = this.#queue.lastIndexOf(job);
      if (place === -1) continue;
      this.#waited += 1;
      if (this.#waited % this.#tellEvery !== 0) continue;
      const counted = (run: TimedJob, startedAtMs: number): CountedRun => ({
        ...{ devices: run.devices, run, startedAtMs, endsAtMs: startedAtMs + run.walltimeMs },
      });
      const waits = (run: TimedJob) => ({ ...counted(run, nowMs), sites: [0] });
      const ahead = this.#queue.slice(0, Math.min(place, AHEAD_MAX));
      const beyond = place - ahead.length;
      const each = Math.max(1, beyond / FURTHER_MAX);
      const kinds = Array.from({ length: Math.ceil(beyond / each) }, (_, i) => ({
        job: waits(this.#queue[ahead.length + Math.min(beyond - 1, Math.floor(i * each))]!),
        count: each,
      }));
      const steps = startInterval(
        {
          nowMs,
          sites: [
            {
              capacity: this.#capacity,
              running: this.#running.map((held) => counted(held.job, held.startMs)),
            },
          ],
          ahead: ahead.map(waits),
          further: kinds,
          job: waits(job),
        },
        this.#times,
      );
      let step = steps.next();
      while (step.done !== true) step = steps.next();
      if (step.value !== undefined) this.#intervals.set(job, step.value);
    }
  }

  /** When the head should start, and what it then leaves free. */
  #promise(head: TimedJob, nowMs: number): { readonly shadowMs: number; readonly extra: number } {
    const ends = this.#running.map((held) => ({
      devices: held.job.devices,
      endMs: held.expectedMs >= nowMs ? held.expectedMs : this.#later(held, nowMs),
    }));
    ends.sort((a, b) => a.endMs - b.endMs);
    let free = this.#free;
    for (const { devices, endMs } of ends) {
      free += devices;
      if (free >= head.devices) return { shadowMs: endMs, extra: free - head.devices };
    }
    throw new Error("Invariant broken: every job fits into the empty machine");
  }

  /** The expected end of one that has outlived what was expected of it. */
  #later({ job, startMs }: Held, nowMs: number): number {
    return startMs + this.#times.lateMs(job, nowMs - startMs);
  }

  #begin(job: TimedJob, nowMs: number): void {
    this.#free -= job.devices;
    const interval = this.#intervals.get(job);
    if (interval !== undefined) {
      this.told.push({ submitMs: job.submitMs, startMs: nowMs, interval });
      this.#intervals.delete(job);
    }
    const endMs = nowMs + Math.min(job.runMs, job.walltimeMs);
    const expectedMs = nowMs + this.#times.lateMs(job);
    let [low, high] = [0, this.#running.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#running[middle]!.endMs > endMs) low = middle + 1;
      else high = middle;
    }
    this.#running.splice(low, 0, { job, startMs: nowMs, endMs, expectedMs });
  }
}

/** As many as production plays one by one. */
const AHEAD_MAX = 256;
/** Of those beyond as many, evenly taken. */
const FURTHER_MAX = 256;

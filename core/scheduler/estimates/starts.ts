// When a waiting job starts, as an interval: the queue is played through many times on counted
// devices, with run times drawn from what is known of each job. What is not known beforehand, jobs
// that arrive later and where exactly a gang fits, is left out here.
import { type Chance, chanceOf } from "../../pool/index.ts";
import { ESTIMATES } from "./bounds.ts";
import { EARLY, LATE, LIKELY, type RunTimes, type TimedRun } from "./run-times.ts";

/** Something that holds devices, or will. */
export interface CountedRun {
  readonly devices: number;
  /** Absent: nothing is known but its end. */
  readonly run?: TimedRun;
  /** Of one that waits, like the next, it does not matter. */
  readonly startedAtMs: number;
  /** When it is over at the latest. */
  readonly endsAtMs: number;
}

/** A site by its number of devices that the job in question could use. */
export interface CountedSite {
  readonly capacity: number;
  readonly running: readonly CountedRun[];
}

/** A job that waits, with the indexes of the sites where it may go. */
export interface CountedJob extends CountedRun {
  readonly sites: readonly number[];
}

export interface CountedQueue {
  readonly nowMs: number;
  readonly sites: readonly CountedSite[];
  /** In the order of their turns. */
  readonly ahead: readonly CountedJob[];
  /** Jobs behind those and before the job in question: only the sum of their work counts. */
  readonly further: readonly CountedMany[];
  readonly job: CountedJob;
}

/** Jobs that are alike. */
export interface CountedMany {
  readonly job: CountedJob;
  readonly count: number;
}

/** Early, likely and late: one start in ten is before the first, one in ten after the last. */
export type StartInterval = readonly [earlyMs: number, likelyMs: number, lateMs: number];

/**
 * Undefined if no site could ever hold the job. In steps, one for each time that the queue is
 * played through.
 */
export function* startInterval(
  queue: CountedQueue,
  times: RunTimes,
): Generator<undefined, StartInterval | undefined, undefined> {
  const { job, sites, nowMs } = queue;
  if (!job.sites.some((site) => sites[site]!.capacity >= job.devices)) return undefined;
  const chance = chanceOf(ESTIMATES.DRAWS_SEED);
  const starts: number[] = [];
  for (let draw = 0; draw < ESTIMATES.DRAWS; draw += 1) {
    yield;
    const shared = new Map<string, number>();
    const swell = swellOf(chance);
    const drawn = ({ run, startedAtMs, endsAtMs }: CountedRun, waits: boolean): number => {
      if (run === undefined) return Math.max(1, endsAtMs - nowMs);
      const own = chance.next();
      const likeOthers = chance.next() < ESTIMATES.DRAWS_SHARED;
      const key = `${run.project}\n${run.user}`;
      const common = shared.get(key) ?? chance.next();
      shared.set(key, common);
      const ranMs = waits ? 0 : Math.max(0, nowMs - startedAtMs);
      const leftMs = times.quantile(run, likeOthers ? common : own, ranMs) - ranMs;
      return Math.max(1, waits ? Math.min(leftMs * swell, run.walltimeMs) : leftMs);
    };
    starts.push(playOnce(queue, drawn));
  }
  starts.sort((a, b) => a - b);
  const at = (p: number): number => starts[Math.floor(p * starts.length)]!;
  return [at(EARLY), at(LIKELY), at(LATE)];
}

/** A factor that is 1 on the average, and differs from play to play (log-normal, Box-Muller). */
function swellOf(chance: Chance): number {
  const normal =
    Math.sqrt(-2 * Math.log(1 - chance.next())) * Math.cos(2 * Math.PI * chance.next());
  const spread = ESTIMATES.QUEUE_SPREAD;
  return Math.exp(spread * normal - (spread * spread) / 2);
}

function playOnce(
  { nowMs, sites, ahead, further, job }: CountedQueue,
  drawn: (run: CountedRun, waits: boolean) => number,
): number {
  const profiles = sites.map(({ capacity, running }) => {
    const ends = running.map((run) => ({ atMs: nowMs + drawn(run, false), devices: run.devices }));
    return new Profile(nowMs, capacity, ends);
  });
  for (const other of ahead) {
    const forMs = drawn(other, true);
    const place = earliest(profiles, other, forMs);
    profiles[place?.site ?? -1]?.take(place!.startMs, place!.startMs + forMs, other.devices);
  }
  let furtherMs = 0;
  for (const { job: one, count } of further) {
    const draws = Math.min(Math.ceil(count), ESTIMATES.DRAWS_OF_MANY);
    let workMs = 0;
    for (let draw = 0; draw < draws; draw += 1) workMs += drawn(one, true) * one.devices;
    const capacity = one.sites.reduce((sum, site) => sum + sites[site]!.capacity, 0);
    furtherMs += (workMs / draws) * (count / Math.max(1, capacity));
  }
  const mine = earliest(profiles, job, drawn(job, true));
  return (mine?.startMs ?? Infinity) + furtherMs;
}

function earliest(
  profiles: readonly Profile[],
  job: CountedJob,
  forMs: number,
): { readonly site: number; readonly startMs: number } | undefined {
  let best: { site: number; startMs: number } | undefined;
  for (const site of job.sites) {
    const startMs = profiles[site]!.earliest(job.devices, forMs);
    if (startMs !== undefined && (best === undefined || startMs < best.startMs)) {
      best = { site, startMs };
    }
  }
  return best;
}

/** Free devices over time: `free[i]` from `fromMs[i]` until the next one, the last for ever. */
class Profile {
  readonly #fromMs: number[];
  readonly #free: number[];

  constructor(
    nowMs: number,
    capacity: number,
    ends: { readonly atMs: number; readonly devices: number }[],
  ) {
    this.#fromMs = [nowMs];
    this.#free = [ends.reduce((free, { devices }) => free - devices, capacity)];
    for (const { atMs, devices } of ends.sort((a, b) => a.atMs - b.atMs)) {
      const last = this.#free.length - 1;
      if (this.#fromMs[last] === atMs) this.#free[last]! += devices;
      else {
        this.#fromMs.push(atMs);
        this.#free.push(this.#free[last]! + devices);
      }
    }
  }

  /** The first moment from which so many devices are free for so long. */
  earliest(devices: number, forMs: number): number | undefined {
    let start = 0;
    for (let at = 0; at < this.#free.length; at += 1) {
      if (this.#free[at]! < devices) start = at + 1;
      else if ((this.#fromMs[at + 1] ?? Infinity) >= this.#fromMs[start]! + forMs) {
        return this.#fromMs[start];
      }
    }
    return undefined;
  }

  take(startMs: number, endMs: number, devices: number): void {
    const from = this.#cut(startMs);
    const to = this.#cut(endMs);
    for (let at = from; at < to; at += 1) this.#free[at]! -= devices;
  }

  /** Index of the step that begins at this moment; makes it if there is none. */
  #cut(atMs: number): number {
    let [low, high] = [0, this.#fromMs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#fromMs[middle]! < atMs) low = middle + 1;
      else high = middle;
    }
    if (this.#fromMs[low] === atMs) return low;
    this.#fromMs.splice(low, 0, atMs);
    this.#free.splice(low, 0, this.#free[low - 1]!);
    return low;
  }
}

// What every job would have had by now if the pool were shared equally: each of n active jobs has
// an n-th of every kind. A job that has had less is behind, and a policy can put it first. Jobs end
// here when their length has become known and their equal share would have made them end; until
// then they count. Nothing here knows lengths beforehand.
import { Times } from "../shares/index.ts";
import type { Kinds, RoundJobs } from "./types.ts";

/** All jobs of one width advance alike, so they share one clock. */
interface Clock {
  readonly gpus: number;
  /** The integral over time of min(1 / all accelerators, 1 / (active jobs x width)). */
  reading: number;
  /** Ended jobs by the reading at which their equal share ends. */
  readonly ends: Times;
}

export class EqualClock {
  readonly #kinds: Kinds;
  readonly #capacity: number;
  readonly #clocks: Clock[] = [];
  /** By job: the reading of its clock at its arrival, and accelerators x speed over all kinds. */
  readonly #sinceReading: number[] = [];
  readonly #weightedSpeed: number[] = [];
  #nowS = 0;
  #active = 0;

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
    this.#capacity = kinds.count.reduce((sum, count) => sum + count, 0);
  }

  /** Steps that a job would have made with an equal share. */
  stepsOf(job: number, jobs: RoundJobs): number {
    const reading = this.#clockOf(jobs.gpus[job]!).reading;
    return (reading - this.#sinceReading[job]!) * this.#weightedSpeed[job]!;
  }

  /** A job arrives at its arrival time, or at the time reached if that is later. */
  arrived(job: number, jobs: RoundJobs): void {
    this.advance(Math.max(this.#nowS, jobs.arrivalS[job]!));
    const kinds = this.#kinds.count;
    this.#sinceReading[job] = this.#clockOf(jobs.gpus[job]!).reading;
    this.#weightedSpeed[job] = kinds.reduce(
      (sum, count, kind) => sum + count * jobs.speed[job * kinds.length + kind]!,
      0,
    );
    this.#active += 1;
  }

  /** A job has ended, so that its length is known. */
  ended(job: number, jobs: RoundJobs): void {
    const length = jobs.doneSteps[job]! / this.#weightedSpeed[job]!;
    const clock = this.#clockOf(jobs.gpus[job]!);
    clock.ends.push(job, Math.max(clock.reading, this.#sinceReading[job]! + length));
  }

  /** Brings all clocks to `nowS`. */
  advance(nowS: number): void {
    while (this.#nowS < nowS) {
      let [nextS, ending]: [number, Clock | undefined] = [nowS, undefined];
      for (const clock of this.#clocks) {
        const atS = this.#nowS + (clock.ends.nextS - clock.reading) / this.#factor(clock);
        if (atS <= nextS) [nextS, ending] = [atS, clock];
      }
      for (const clock of this.#clocks) {
        if (this.#active > 0) clock.reading += (nextS - this.#nowS) * this.#factor(clock);
      }
      this.#nowS = nextS;
      if (ending === undefined) continue;
      ending.ends.pop();
      this.#active -= 1;
    }
  }

  #factor({ gpus }: Clock): number {
    return Math.min(1 / this.#capacity, 1 / (this.#active * gpus));
  }

  #clockOf(gpus: number): Clock {
    const known = this.#clocks.find((clock) => clock.gpus === gpus);
    if (known !== undefined) return known;
    const clock: Clock = { gpus, reading: 0, ends: new Times() };
    this.#clocks.push(clock);
    return clock;
  }
}

// Who runs in a pool of owners: first everyone who would run alone, then borrowers, least service
// first. The first half is the promise that makes owners join: a job that its owner's own machine
// would run now (own-share.ts) runs now, whoever has to make way. The second half makes the pool
// fast: whatever the promise leaves free goes to the jobs that have received least so far.
// Nothing here knows how long a job will run. Acting on the plan is left to the caller.
import { assert } from "../../pool/index.ts";
import { ENTITLED, Levels, levelEnd, levelOf, NONE } from "./levels.ts";
import { OwnShare, resumedAt } from "./own-share.ts";
import { Times } from "./times.ts";

/** Waiting jobs that are passed over for lack of room before the search for borrowers ends. */
const SKIPPED_MAX = 400;

export interface SharesOptions {
  /** Accelerators of the pool. */
  readonly capacity: number;
  /** Accelerators that each owner would have alone. If they fit the pool, the promise is exact. */
  readonly ownCapacity: readonly number[];
  /** Run time that a restart loses, in seconds. */
  readonly lossS: number;
}

/** What changes now. Stops come first: they make the room that the starts need. */
export interface Changes {
  readonly stops: readonly number[];
  readonly starts: readonly number[];
}

const NOTHING: Changes = { stops: [], starts: [] };

export class SharesPlan {
  readonly #options: SharesOptions;
  readonly #shares: readonly OwnShare[];
  /** By job: its owner, its width, and the run time in seconds that a stop does not lose. */
  readonly #owner: number[] = [];
  readonly #gpus: number[] = [];
  readonly #savedS: number[] = [];
  /** By job: when it started last, less the run time that it had then. */
  readonly #zeroS: number[] = [];
  /** By job: the plan that chose it last. */
  readonly #chosen: number[] = [];
  /** By job: its place in `#running`, or NONE. */
  readonly #place: number[] = [];
  readonly #running: number[] = [];
  readonly #order = new Levels();
  /** When running borrowers leave their levels. */
  readonly #crossings = new Times();
  #plans = 0;
  #changed = false;

  constructor(options: SharesOptions) {
    this.#options = options;
    this.#shares = options.ownCapacity.map(
      (capacity) =>
        new OwnShare(capacity, options.lossS, {
          grant: (job) => this.#move(job, ENTITLED),
          withdraw: (job) => this.#move(job, levelOf(this.#savedS[job]! * this.#gpus[job]!)),
        }),
    );
  }

  /** When the plan changes next if nothing arrives and nothing ends, in seconds. */
  get nextEventS(): number {
    let nextS = this.#crossings.nextS;
    for (const share of this.#shares) {
      if (share.nextEventS < nextS) nextS = share.nextEventS;
    }
    return nextS;
  }

  /** A job arrives. Jobs are numbered from 0 in the order of their arrival. */
  submit(job: number, owner: number, gpus: number): void {
    assert(job === this.#owner.length, "jobs are numbered in the order of their arrival");
    assert(gpus <= this.#options.capacity, "a job fits into the empty pool");
    this.#owner.push(owner);
    this.#gpus.push(gpus);
    this.#savedS.push(0);
    this.#zeroS.push(0);
    this.#chosen.push(0);
    this.#place.push(NONE);
    this.#order.add(job, levelOf(0));
    this.#shares[owner]!.submit(job, gpus);
    this.#changed = true;
  }

  /** A running job has ended. */
  ended(job: number, nowS: number): void {
    this.#leave(job);
    this.#order.remove(job);
    this.#crossings.drop(job);
    this.#shares[this.#owner[job]!]!.learn(job, nowS - this.#zeroS[job]!, nowS);
    this.#changed = true;
  }

  /** Decides who runs from `nowS` on. */
  plan(nowS: number): Changes {
    for (const share of this.#shares) share.advance(nowS);
    while (this.#crossings.nextS <= nowS) this.#cross(this.#crossings.pop());
    if (!this.#changed) return NOTHING;
    this.#changed = false;
    this.#plans += 1;
    const { starts, kept } = this.#choose();
    // Most plans stop nobody; only when a running job was not chosen is the list gone through.
    const stops =
      kept === this.#running.length
        ? []
        : this.#running.filter((job) => this.#chosen[job] !== this.#plans);
    for (const job of stops) this.#stop(job, nowS);
    for (const job of starts) this.#start(job, nowS);
    return { stops, starts };
  }

  #choose(): { readonly starts: readonly number[]; readonly kept: number } {
    const starts: number[] = [];
    let [free, skipped, kept] = [this.#options.capacity, 0, 0];
    for (let job = this.#order.first(); job !== NONE; job = this.#order.after(job)) {
      if (free === 0 || skipped === SKIPPED_MAX) break;
      const gpus = this.#gpus[job]!;
      if (gpus > free) {
        skipped += 1;
        continue;
      }
      free -= gpus;
      this.#chosen[job] = this.#plans;
      if (this.#place[job] === NONE) starts.push(job);
      else kept += 1;
    }
    return { starts, kept };
  }

  #start(job: number, nowS: number): void {
    this.#zeroS[job] = nowS - resumedAt(this.#savedS[job]!, this.#options.lossS);
    this.#place[job] = this.#running.length;
    this.#running.push(job);
    this.#watch(job);
  }

  #stop(job: number, nowS: number): void {
    this.#savedS[job] = Math.max(this.#savedS[job]!, nowS - this.#zeroS[job]!);
    this.#leave(job);
    this.#crossings.drop(job);
  }

  #leave(job: number): void {
    const place = this.#place[job]!;
    assert(place !== NONE, "only a running job ends or is stopped");
    const last = this.#running.pop()!;
    if (last !== job) {
      this.#running[place] = last;
      this.#place[last] = place;
    }
    this.#place[job] = NONE;
  }

  /** Moves a job that has not ended to another level. */
  #move(job: number, level: number): void {
    if (this.#order.at(job) === NONE) return;
    this.#order.remove(job);
    this.#order.add(job, level);
    this.#crossings.drop(job);
    this.#changed = true;
    if (this.#place[job] !== NONE) this.#watch(job);
  }

  /** A running borrower has had all the service of its level. */
  #cross(job: number): void {
    this.#move(job, this.#order.at(job) + 1);
  }

  /** Notes when a running borrower leaves its level. */
  #watch(job: number): void {
    const level = this.#order.at(job);
    if (level === ENTITLED) return;
    this.#crossings.push(job, this.#zeroS[job]! + levelEnd(level) / this.#gpus[job]!);
  }
}

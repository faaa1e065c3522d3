// LAS-Gavel (OSDI'20), ported for comparison: shares of time from the max-min program, and rounds
// that follow them. As on the benchmark's page (B.3): shares are computed again when jobs have
// arrived or ended, at most every 1,920 s; in a round the pairs of job and kind that are furthest
// behind their shares go first. The program has many best answers; the authors' solver picks one
// from their middle, ours the cheapest, which leaves more for the rounds to give away. So this port
// finishes jobs sooner than the authors' simulator does, and is the harder one to beat.
import { maxMinShares } from "./max-min.ts";
import { type Kinds, NO_KIND, type Round, type RoundJobs, type RoundPolicy } from "./types.ts";

/** Seconds between two computations of the shares, at least. */
const RECOMPUTE_S = 1_920;
/** At each computation every job is credited half a round of 360 s on each kind. */
const CREDIT_S = 180;
/** What has run least of all goes before everything else. */
const NEVER_RAN_FACTOR = 1e9;

interface Job {
  share: number[];
  /** Time received on each kind since the shares were computed, in seconds. */
  ranS: number[];
  /** Time that the shares promised, less the time received, over all computations. */
  shortS: number[];
}

interface Pair {
  readonly job: number;
  readonly share: number;
  readonly priority: number;
  readonly shortS: number;
}

export class LasGavel implements RoundPolicy {
  readonly #kinds: Kinds;
  readonly #jobs = new Map<number, Job>();
  #changed = false;
  #computedS = -Infinity;
  /** Time that all jobs together received on each kind since the shares were computed. */
  #kindRanS: number[];
  #lastRoundS = 0;
  /** The kind on which each chosen job runs in the current round. */
  readonly #ranOn = new Map<number, number>();

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
    this.#kindRanS = kinds.count.map(() => 0);
  }

  arrived(job: number): void {
    const zeros = () => this.#kinds.count.map(() => 0);
    const ranS = this.#kinds.count.map(() => CREDIT_S);
    this.#jobs.set(job, { share: zeros(), ranS, shortS: zeros() });
    this.#changed = true;
  }

  ended(job: number): void {
    this.#jobs.delete(job);
    this.#changed = true;
  }

  /** Writes the kinds of the next round. */
  choose(round: Round): void {
    this.#account(round);
    const due = round.nowS - this.#computedS >= RECOMPUTE_S || this.#computedS === -Infinity;
    if (this.#changed && due) this.#compute(round);
    this.#kinds.count.forEach((count, kind) => {
      this.#serve(round, kind, count);
    });
    this.#lastRoundS = round.nowS;
  }

  /** Adds the last round to what jobs have received. */
  #account({ nowS }: Round): void {
    const lengthS = nowS - this.#lastRoundS;
    for (const [job, entry] of this.#jobs) {
      const kind = this.#ranOn.get(job);
      for (let at = 0; at < entry.share.length; at += 1) {
        const gotS = at === kind ? lengthS : 0;
        entry.ranS[at]! += gotS;
        entry.shortS[at]! += entry.share[at]! * lengthS - gotS;
        this.#kindRanS[at]! += gotS;
      }
    }
    this.#ranOn.clear();
  }

  #compute({ active, jobs, nowS }: Round): void {
    const { count } = this.#kinds;
    const rate = new Float64Array(active.length * count.length);
    active.forEach((job, at) => {
      const mean = meanSpeed(job, jobs, count);
      count.forEach((_, kind) => {
        const speed = jobs.speed[job * count.length + kind]!;
        rate[at * count.length + kind] = speed / mean;
      });
    });
    const gpus = active.map((job) => jobs.gpus[job]!);
    const { share } = maxMinShares({ count, gpus, rate });
    active.forEach((job, at) => {
      const entry = this.#jobs.get(job)!;
      entry.share = [...share.subarray(at * count.length, (at + 1) * count.length)];
      entry.ranS = count.map(() => CREDIT_S);
    });
    this.#kindRanS = count.map(() => CREDIT_S * active.length);
    this.#computedS = nowS;
    this.#changed = false;
  }

  #serve({ active, jobs }: Round, kind: number, count: number): void {
    const pairs: Pair[] = [];
    for (const job of active) {
      if (jobs.kind[job] !== NO_KIND) continue;
      if (jobs.speed[job * this.#kinds.count.length + kind] === 0) continue;
      const { share, ranS, shortS } = this.#jobs.get(job)!;
      const part = ranS[kind]! / Math.max(this.#kindRanS[kind]!, CREDIT_S);
      const priority = part === 0 ? share[kind]! * NEVER_RAN_FACTOR : share[kind]! / part;
      pairs.push({ job, share: share[kind]!, priority, shortS: shortS[kind]! });
    }
    pairs.sort(
      (a, b) =>
        b.priority - a.priority || b.shortS - a.shortS || b.share - a.share || a.job - b.job,
    );
    let left = count;
    for (const { job } of pairs) {
      if (left === 0) return;
      if (jobs.gpus[job]! > left) continue;
      left -= jobs.gpus[job]!;
      jobs.kind[job] = kind;
      this.#ranOn.set(job, kind);
    }
  }
}

/** A job's speed averaged over the kinds, weighted by how many accelerators there are of each. */
function meanSpeed(job: number, { speed }: RoundJobs, count: readonly number[]): number {
  const all = count.reduce((sum, each) => sum + each, 0);
  const sum = count.reduce(
    (part, each, kind) => part + each * speed[job * count.length + kind]!,
    0,
  );
  return sum / all;
}

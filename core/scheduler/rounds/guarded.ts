// The default policy of rounds: least attained service on the kinds that suit the chosen jobs best
// together, with two promises. Nobody falls far behind an equal share of the pool: whoever has made
// less than two thirds of it goes first, and whoever nears that gets the better kinds. And nobody
// waits for ever: a part of the pool goes to the oldest jobs that have waited much longer than jobs
// usually take here. Nothing here knows how long a job is; speeds by kind are known.
import { EqualClock } from "./equal-clock.ts";
import { exchangeKinds } from "./exchange.ts";
import { takeFastest } from "./greedy.ts";
import { sorted } from "./orders.ts";
import { type Kinds, NO_KIND, type Round, type RoundJobs, type RoundPolicy } from "./types.ts";

/** Service is compared in steps of this factor: within one, the older job comes first. */
const LEVEL_FACTOR = 1.5;
/** The lowest level ends here: a minute on one accelerator. */
const FIRST_LEVEL_GPU_S = 60;
/** Below this part of its equal share a job goes first: so rho stays near 1.5 at worst. */
const BEHIND_PART = 2 / 3;
/** The same for a job that has waited long: what moves cost it, it can hardly make up any more. */
const BEHIND_LONG_PART = 0.72;
/** Below this part of its equal share a job's speed counts more when kinds are exchanged. */
const AT_RISK_PART = 0.8;
const AT_RISK_WEIGHT = 3;
/** A move must make a job faster by more than this: moving is not free in real pools. */
const STAY_GAIN = 0.02;
/** The part of the pool that is kept for the oldest jobs while there are some that waited long. */
const OLDEST_PART = 2 / 9;
/** Waited long: so many times the mean time from arrival to end of the jobs that have ended. */
const LONG_FACTOR = 5;
/** Ends to learn from before anybody counts as having waited long. */
const ENDS_MIN = 10;

/** One at a time per pool: it remembers ends and equal shares. */
export class GuardedRounds implements RoundPolicy {
  readonly #clock: EqualClock;
  readonly #capacity: number;
  #ends = 0;
  #endedS = 0;

  constructor(kinds: Kinds) {
    this.#clock = new EqualClock(kinds);
    this.#capacity = kinds.count.reduce((sum, count) => sum + count, 0);
  }

  arrived(job: number, _nowS: number, jobs: RoundJobs): void {
    this.#clock.arrived(job, jobs);
  }

  ended(job: number, nowS: number, jobs: RoundJobs): void {
    this.#clock.ended(job, jobs);
    this.#ends += 1;
    this.#endedS += nowS - jobs.arrivalS[job]!;
  }

  /** Writes the kinds of the next round. */
  choose(round: Round): void {
    this.#clock.advance(round.nowS);
    const free = [...round.kinds.count];
    const chosen: number[] = [];
    const atRisk = new Set<number>();
    const take = (job: number): boolean => {
      if (round.jobs.kind[job] !== NO_KIND || !takeFastest(round, job, free)) return false;
      chosen.push(job);
      return true;
    };
    this.#takeBehind(round, atRisk, take);
    this.#takeOldest(round, take);
    const order = sorted(round, levelOfService);
    takeInOrder(order, free, take);
    const value = values(round, chosen, atRisk);
    exchangeKinds({ jobs: round.jobs, chosen, free, value });
    // Exchanges can leave room on a kind on which somebody waits to run.
    takeInOrder(order, free, take);
  }

  #takeBehind(
    { active, jobs, nowS }: Round,
    atRisk: Set<number>,
    take: (job: number) => boolean,
  ): void {
    const longS = this.#longS();
    for (const job of active) {
      const waitedLong = nowS - jobs.arrivalS[job]! >= longS;
      const equal = this.#clock.stepsOf(job, jobs);
      const done = jobs.doneSteps[job]!;
      if (done < equal * AT_RISK_PART) atRisk.add(job);
      if (done < equal * (waitedLong ? BEHIND_LONG_PART : BEHIND_PART)) take(job);
    }
  }

  /** From this age on a job has waited long; Infinity before enough is known. */
  #longS(): number {
    return this.#ends < ENDS_MIN ? Infinity : (LONG_FACTOR * this.#endedS) / this.#ends;
  }

  /** The oldest job whatever its width, then others while the kept part lasts. */
  #takeOldest({ active, jobs, nowS }: Round, take: (job: number) => boolean): void {
    const longS = this.#longS();
    const part = Math.floor(this.#capacity * OLDEST_PART);
    let left = part;
    for (const job of active) {
      if (left <= 0 || nowS - jobs.arrivalS[job]! < longS) return;
      const gpus = jobs.gpus[job]!;
      if (gpus > left && left < part) continue;
      if (jobs.kind[job] !== NO_KIND || take(job)) left -= gpus;
    }
  }
}

function takeInOrder(
  order: readonly number[],
  free: readonly number[],
  take: (job: number) => boolean,
): void {
  for (const job of order) {
    if (free.every((left) => left === 0)) return;
    take(job);
  }
}

function levelOfService(job: number, jobs: RoundJobs): number {
  const service = jobs.serviceGpuS[job]! / FIRST_LEVEL_GPU_S;
  return service < 1 ? 0 : 1 + Math.floor(Math.log(service) / Math.log(LEVEL_FACTOR));
}

/** Speed as a part of a job's best; a little more where it is now, three times if it is at risk. */
function values({ jobs, kinds }: Round, chosen: readonly number[], atRisk: Set<number>) {
  const count = kinds.count.length;
  const value = new Float64Array(chosen.length * count);
  chosen.forEach((job, at) => {
    const weight = (atRisk.has(job) ? AT_RISK_WEIGHT : 1) / jobs.bestSpeed[job]!;
    for (let kind = 0; kind < count; kind += 1) {
      const stay = kind === jobs.lastKind[job] ? 1 + STAY_GAIN : 1;
      value[at * count + kind] = jobs.speed[job * count + kind]! * weight * stay;
    }
  });
  return value;
}

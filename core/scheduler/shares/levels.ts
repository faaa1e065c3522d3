// The order of all jobs of a pool, as lists by level that are linked through arrays, so that a move
// costs nothing. Level 0 is for jobs that their owners are entitled to run. From level 1 on stand
// borrowers, least service first: service is counted in levels that double, so that two jobs of
// about equal service do not take turns all the time, and within a level whoever entered it first
// comes first. Who may run is left to shares/plan.ts.

/** The level of entitled jobs. */
export const ENTITLED = 0;
/** Level 1 ends at one minute on one accelerator, in accelerator-seconds. */
const FIRST_LEVEL_GPU_S = 60;
/** Level n ends at 60 x 2^(n-1) accelerator-seconds; 2^50 of them are more than all that exists. */
const LEVELS = 52;
/** No job. */
export const NONE = -1;

/** The level of a borrower that has received so much service, in accelerator-seconds. */
export function levelOf(gpuSeconds: number): number {
  let level = 1;
  while (level < LEVELS - 1 && gpuSeconds >= levelEnd(level)) level += 1;
  return level;
}

/** Service at which a borrower leaves a level, in accelerator-seconds. */
export const levelEnd = (level: number): number => FIRST_LEVEL_GPU_S * 2 ** (level - 1);

export class Levels {
  readonly #next: number[] = [];
  readonly #previous: number[] = [];
  readonly #level: number[] = [];
  readonly #first: number[] = new Array<number>(LEVELS).fill(NONE);
  readonly #last: number[] = new Array<number>(LEVELS).fill(NONE);

  /** Puts a job, a small whole number, at the end of a level. */
  add(job: number, level: number): void {
    while (this.#next.length <= job) {
      this.#next.push(NONE);
      this.#previous.push(NONE);
      this.#level.push(NONE);
    }
    const last = this.#last[level]!;
    this.#previous[job] = last;
    this.#next[job] = NONE;
    this.#level[job] = level;
    if (last === NONE) this.#first[level] = job;
    else this.#next[last] = job;
    this.#last[level] = job;
  }

  /** Takes a job out. It must be in. */
  remove(job: number): void {
    const [next, previous, level] = [this.#next[job]!, this.#previous[job]!, this.#level[job]!];
    if (previous === NONE) this.#first[level] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last[level] = previous;
    else this.#previous[next] = previous;
    this.#level[job] = NONE;
  }

  /** The first job of the order, or NONE. */
  first(): number {
    return this.#firstFrom(0);
  }

  /** The job after this one, or NONE. */
  after(job: number): number {
    const next = this.#next[job]!;
    return next === NONE ? this.#firstFrom(this.#level[job]! + 1) : next;
  }

  /** The level that a job stands in, or NONE. */
  at(job: number): number {
    return this.#level[job] ?? NONE;
  }

  #firstFrom(level: number): number {
    for (let at = level; at < LEVELS; at += 1) {
      if (this.#first[at] !== NONE) return this.#first[at]!;
    }
    return NONE;
  }
}

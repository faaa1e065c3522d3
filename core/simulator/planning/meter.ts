// Something measured over virtual time, in buckets of equal length: accelerators that were busy,
// idle ones that stood scattered. What lies after the last bucket is added to the total only.

/** Points of a line that a reader can tell apart on a page. */
const BUCKETS = 200;

export class Meter {
  readonly bucketS: number;
  readonly #sums: Float64Array;

  /** Buckets from 0 to `spanS`. */
  constructor(spanS: number) {
    this.bucketS = Math.max(spanS, 1) / BUCKETS;
    this.#sums = new Float64Array(BUCKETS);
  }

  /** Adds `value` for the time from `fromS` to `toS`. */
  add(fromS: number, toS: number, value: number): void {
    const last = Math.min(Math.ceil(toS / this.bucketS), BUCKETS);
    for (let at = Math.floor(fromS / this.bucketS); at < last; at += 1) {
      const from = Math.max(fromS, at * this.bucketS);
      const to = Math.min(toS, (at + 1) * this.bucketS);
      if (to > from) this.#sums[at]! += (to - from) * value;
    }
  }

  /** Adds up what another meter of the same span has. */
  addMeter(other: Meter): void {
    other.#sums.forEach((sum, at) => {
      this.#sums[at]! += sum;
    });
  }

  /** The mean of each bucket, at its middle: `[seconds, value]`. */
  points(): readonly (readonly [number, number])[] {
    return Array.from(this.#sums, (sum, at) => [(at + 0.5) * this.bucketS, sum / this.bucketS]);
  }

  /** The mean over the whole span. */
  mean(): number {
    return this.#sums.reduce((all, sum) => all + sum, 0) / (BUCKETS * this.bucketS);
  }
}

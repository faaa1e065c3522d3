// Token buckets, one for each key: a key may do so much at once, and so much each second after
// that. Time comes in as an argument. Who is a key and what costs how much is rate-limit.ts.

export interface Rate {
  /** What a second gives back. */
  readonly perS: number;
  /** What may be spent at once. */
  readonly burst: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

const MS_PER_S = 1_000;

export class TokenBuckets {
  readonly #keysMax: number;
  readonly #buckets = new Map<string, Bucket>();

  /** Remembers at most `keysMax` keys; the one that was not used for longest is forgotten. */
  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  /** Spends `cost`; 0, or the milliseconds after which it could be paid, and then nothing is. */
  spend(key: string, rate: Rate, cost: number, nowMs: number): number {
    const known = this.#buckets.get(key);
    const bucket = known ?? { left: rate.burst, atMs: nowMs };
    // Back to the end: the map is in the order of last use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (known === undefined) this.#forget();
    const gained = (Math.max(0, nowMs - bucket.atMs) * rate.perS) / MS_PER_S;
    bucket.left = Math.min(rate.burst, bucket.left + gained);
    bucket.atMs = nowMs;
    if (bucket.left < cost) return ((cost - bucket.left) * MS_PER_S) / rate.perS;
    bucket.left -= cost;
    return 0;
  }

  /** Gives back what was spent on something that cost nothing in the end. */
  giveBack(key: string, cost: number, burst: number): void {
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) bucket.left = Math.min(burst, bucket.left + cost);
  }

  get size(): number {
    return this.#buckets.size;
  }

  #forget(): void {
    if (this.#buckets.size <= this.#keysMax) return;
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}

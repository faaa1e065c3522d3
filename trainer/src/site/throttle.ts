// Keeps a site's transfers within what its owner allows: a bucket of bytes for each direction,
// which fills at the rate of the hour. Who sends and fetches is blob-client.ts; what the rules
// mean is core/pool/bandwidth.ts.
import { type BandwidthRule, bandwidthAt } from "@tequio/core/pool";

/** What may go at once, in seconds of the rate: less makes many small writes, more makes bursts. */
const BURST_S = 0.1;

/** Bytes that are asked for at once at most; small enough that a slow rate flows evenly. */
const PIECE_BYTES_MAX = 65_536;
const PIECE_BYTES_MIN = 1_024;

/** A rate is looked up again after so long: hours change to the minute. */
const LOOK_AGAIN_MS = 1_000;

export interface ThrottleClock {
  /** The time of day, by which hours go. */
  readonly wallMs: () => number;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const CLOCK: ThrottleClock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  wait: (ms) => new Promise((done) => setTimeout(done, ms)),
};

export class Throttle {
  readonly #rules: readonly BandwidthRule[];
  readonly #direction: "upMbitPerS" | "downMbitPerS";
  readonly #clock: ThrottleClock;
  /** When all that was taken is through at the rate. */
  #freeMs = 0;
  #rate = Infinity;
  #lookedMs = -Infinity;

  constructor(
    rules: readonly BandwidthRule[],
    direction: "upMbitPerS" | "downMbitPerS",
    clock: ThrottleClock = CLOCK,
  ) {
    this.#rules = rules;
    this.#direction = direction;
    this.#clock = clock;
  }

  /** Bytes in a millisecond now; Infinity when nothing bounds them. */
  get bytesPerMs(): number {
    if (this.#rules.length === 0) return Infinity;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lookedMs >= LOOK_AGAIN_MS) {
      this.#lookedMs = nowMs;
      this.#rate = bandwidthAt(this.#rules, this.#clock.wallMs())[this.#direction] * 125;
    }
    return this.#rate;
  }

  /** Waits until so many bytes may go. */
  async take(bytes: number): Promise<void> {
    const rate = this.bytesPerMs;
    if (rate === Infinity) return;
    const nowMs = this.#clock.nowMs();
    this.#freeMs = Math.max(this.#freeMs, nowMs) + bytes / rate;
    const waitMs = this.#freeMs - nowMs - 1_000 * BURST_S;
    if (waitMs > 0) await this.#clock.wait(waitMs);
  }

  /** The bytes, piece by piece as they may go. */
  async *paced(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < bytes.length; ) {
      const fitting = Math.floor(this.bytesPerMs * 1_000 * BURST_S);
      const size = Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, fitting));
      const piece = bytes.subarray(at, at + size);
      await this.take(piece.length);
      yield piece;
      at += piece.length;
    }
  }
}

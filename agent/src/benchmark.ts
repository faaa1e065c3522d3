// Two short measurements of a machine: a matrix product and a memory copy. Plain JavaScript on
// one thread reaches only a part of what a processor can do, so the product is a lower bound; the
// true speed of a training is measured while it trains.

/** What this process reached. Units as in the pool's `Calibration`. */
export interface MachineFigures {
  readonly gemmGflops: number;
  readonly memoryGBPerS: number;
}

/** Three matrices of this side take 432 KiB: they stay in the cache of any core we know. */
const SIDE = 192;
/** Far above the last cache, so that the copy goes through memory. */
const COPY_BYTES = 67_108_864;

/** Measures for about `gemmMs` and `memoryMs` milliseconds. */
export function benchmarkMachine(gemmMs: number, memoryMs: number): MachineFigures {
  return { gemmGflops: gemmGflops(gemmMs), memoryGBPerS: memoryGBPerS(memoryMs) };
}

function gemmGflops(forMs: number): number {
  const a = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 7) - 3);
  const b = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 5) - 2);
  const c = new Float32Array(SIDE * SIDE);
  return meanPerMs(forMs, 2 * SIDE ** 3, () => multiply(a, b, c)) / 1e6;
}

/** c += a b, four columns of a at a time so that c is read and written a quarter as often. */
export function multiply(a: Float32Array, b: Float32Array, c: Float32Array): void {
  for (let row = 0; row < SIDE; row += 1) {
    const out = row * SIDE;
    for (let k = 0; k < SIDE; k += 4) {
      const a0 = a[out + k]!;
      const a1 = a[out + k + 1]!;
      const a2 = a[out + k + 2]!;
      const a3 = a[out + k + 3]!;
      const b0 = k * SIDE;
      const b1 = b0 + SIDE;
      const b2 = b1 + SIDE;
      const b3 = b2 + SIDE;
      for (let j = 0; j < SIDE; j += 1) {
        c[out + j]! += a0 * b[b0 + j]! + a1 * b[b1 + j]! + a2 * b[b2 + j]! + a3 * b[b3 + j]!;
      }
    }
  }
}

function memoryGBPerS(forMs: number): number {
  const from = new Uint8Array(COPY_BYTES).fill(1);
  const to = new Uint8Array(COPY_BYTES).fill(2); // touched, so that no page is made while timed
  return meanPerMs(forMs, COPY_BYTES, () => to.set(from)) / 1e6;
}

/**
 * Work a millisecond, over the whole time after a first, untimed turn. The mean and not the best
 * turn counts: under a processor share the site's jobs are stopped in turns too.
 */
function meanPerMs(forMs: number, work: number, turn: () => void): number {
  turn();
  const startedAt = performance.now();
  let turns = 0;
  let tookMs = 0;
  do {
    turn();
    turns += 1;
    tookMs = performance.now() - startedAt;
  } while (tookMs < forMs);
  return (turns * work) / Math.max(tookMs, 0.001);
}

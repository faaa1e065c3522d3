// Seeded chance: the same seed gives the same numbers, on every machine. For the simulator, and for
// what the core samples: the seed stands in the code or in an event, never in a clock.

export interface Chance {
  /** A number in [0, 1). */
  readonly next: () => number;
  /** A whole number in [from, to]. */
  readonly whole: (from: number, to: number) => number;
  /** True with the given probability. */
  readonly hits: (probability: number) => boolean;
  readonly pick: <T>(items: readonly T[]) => T;
}

/** The 32-bit generator mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    whole,
    hits: (probability) => next() < probability,
    pick: (items) => items[whole(0, items.length - 1)]!,
  };
}

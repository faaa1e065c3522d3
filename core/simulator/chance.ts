// Seeded chance for the simulator: the same seed gives the same world, on every machine.

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

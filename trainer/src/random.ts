/**
 * The one generator of chance in training: seeded, 32 bits, the same on every machine.
 * It serves starts, batches, held-out choices and sampling. It is not for keys or ids.
 */

/** Gives the next number in [0, 1). */
export type Random = () => number;

/**
 * The public-domain generator mulberry32.
 * @param seed any integer; only its low 32 bits count
 */
export function mulberry32(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One standard normal number by Box-Muller (cosine branch only): two draws for each. */
export function normal(random: Random): number {
  const u1 = random();
  const u2 = random();
  return Math.sqrt(-2 * Math.log(1 - u1)) * Math.cos(2 * Math.PI * u2);
}

/**
 * The numbers 0..count-1 in an order that depends on the seed alone (Fisher-Yates). Two sites
 * that know run seed and pass compute the same order, so a range of it names exact windows.
 */
export function shuffled(count: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  const random = mulberry32(seed);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last]!;
    order[last] = order[other]!;
    order[other] = kept;
  }
  return order;
}

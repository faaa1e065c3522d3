/**
 * Halves with a common power of two: the exponent E that all scales, levels or halves of one
 * message share, and the value of one of them. Halves themselves are in `half.ts`.
 */
import { floatFromHalf, halfFromFloat } from "./half.ts";

/** Exponents outside would make 2^E a subnormal or infinite fp32 number. */
export const EXPONENT_MIN = -126;
const EXPONENT_MAX = 127;

/** The largest half lies at 2^14: one power below the end, so that rounding up stays finite. */
const HALF_EXPONENT = 14;

const cell = new Uint32Array(1);
const cellFloat = new Float32Array(cell.buffer);

/** The fp32 number of 32 bits. */
export function floatOfBits(bits: number): number {
  cell[0] = bits;
  return cellFloat[0]!;
}

/** floor(log2(value)) - 14 for a positive fp32 value, within -126..127; 0 for 0. */
export function exponentFor(value: number): number {
  if (value === 0) return 0;
  let exponent = Math.floor(Math.log2(value));
  // log2 is not exact by any standard; the powers themselves are.
  if (2 ** exponent > value) exponent -= 1;
  else if (2 ** (exponent + 1) <= value) exponent += 1;
  return Math.min(EXPONENT_MAX, Math.max(EXPONENT_MIN, exponent - HALF_EXPONENT));
}

/** fp32(half * 2^E). */
export const scaleOf = (half: number, exponent: number): number =>
  Math.fround(floatFromHalf(half) * 2 ** exponent);

/**
 * Writes scales from byte `at` on as halves under their common exponent, which it gives, and puts
 * what a decoder will read in their place: coder and decoder use the same numbers.
 */
export function writeScales(view: DataView, at: number, scales: Float32Array): number {
  const exponent = exponentFor(scales.reduce((most, scale) => Math.max(most, scale), 0));
  for (let i = 0; i < scales.length; i += 1) {
    const half = halfFromFloat(scales[i]! * 2 ** -exponent);
    view.setUint16(at + 2 * i, half, true);
    scales[i] = scaleOf(half, exponent);
  }
  return exponent;
}

/**
 * IEEE 754 half precision by integer arithmetic, rounding to the nearest, ties to even. Written by
 * hand since older browsers lack Float16Array, and every site must produce the same bits.
 */

const floatCell = new Float32Array(1);
const bitsCell = new Uint32Array(floatCell.buffer);

/** Largest finite half; what lies above it becomes infinity. */
export const HALF_MAX = 65_504;

/** The 16 bits of the half nearest to an fp32 value. */
export function halfFromFloat(value: number): number {
  floatCell[0] = value;
  const bits = bitsCell[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112; // Bias 127 of fp32, bias 15 of the half.
  const fraction = bits & 0x7fffff;
  if (exponent >= 31) {
    const isNan = (bits & 0x7fffffff) > 0x7f800000;
    return sign | 0x7c00 | (isNan ? 0x200 : 0);
  }
  if (exponent > 0) {
    const half = (exponent << 10) | (fraction >>> 13);
    return sign | roundedUp(half, fraction & 0x1fff, 0x1000);
  }
  if (exponent < -10) return sign; // Below half of the smallest subnormal.
  const shift = 14 - exponent;
  const whole = fraction | 0x800000;
  return sign | roundedUp(whole >>> shift, whole & ((1 << shift) - 1), 1 << (shift - 1));
}

/** A carry out of the fraction moves into the exponent, which is just the next half. */
function roundedUp(half: number, rest: number, middle: number): number {
  return rest > middle || (rest === middle && (half & 1) === 1) ? half + 1 : half;
}

/** The value of a half given by its 16 bits; exact in fp32. */
export function floatFromHalf(half: number): number {
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  const sign = half & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * POWERS[exponent]!;
}

/** 2^(exponent - 25): the weight of the last fraction bit at each exponent of a normal half. */
const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

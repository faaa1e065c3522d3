/**
 * The inner loops of the codecs, over typed arrays and without allocation. What the bytes mean
 * stands in `format.ts`; headers, lengths and refusals are dealt with there too.
 *
 * Every operation is an fp32 operation: a product or quotient of two fp32 numbers computed in
 * fp64 and rounded once by Math.fround equals the fp32 result (53 >= 2 * 24 + 2 bits).
 */

/** Values that share one scale. Two bytes of scale for 256 values cost 0.8 % of an int8 code. */
export const BLOCK = 256;

/** Number of scales for so many values. */
export const blocksOf = (count: number): number => Math.ceil(count / BLOCK);

/**
 * Bits of the largest magnitude in values[from, to). Without the sign bit the bits of floats
 * order like integers, and NaN and infinity come out above every finite value.
 */
export function largestBits(bits: Uint32Array, from: number, to: number): number {
  let largest = 0;
  for (let i = from; i < to; i += 1) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/**
 * Math.round of an fp32 quotient, so ties go towards plus infinity. Adding 128.5 makes it
 * positive, and truncation then is the floor; exact, as a tie needs no bit below 2^-25.
 */
const roundQuotient = (value: number, scale: number): number =>
  ((Math.fround(value / scale) + 128.5) | 0) - 128;

/** Codes values as whole multiples of their block's scale, 8 bits each, two's complement. */
export function codeInt8(values: Float32Array, scales: Float32Array, codes: Uint8Array): void {
  for (let block = 0, from = 0; from < values.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    const to = Math.min(from + BLOCK, values.length);
    if (scale === 0) codes.fill(0, from, to);
    else for (let i = from; i < to; i += 1) codes[i] = clamp127(roundQuotient(values[i]!, scale));
  }
}

/** A scale that its fp16 form rounded down can push a quotient past the last level. */
const clamp127 = (q: number): number => Math.min(127, Math.max(-127, q));
const clamp7 = (q: number): number => Math.min(7, Math.max(-7, q));

/** Codes values in 4 bits each, low nibble first. */
export function codeInt4(values: Float32Array, scales: Float32Array, codes: Uint8Array): void {
  codes.fill(0);
  for (let block = 0, from = 0; from < values.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    if (scale === 0) continue;
    const to = Math.min(from + BLOCK, values.length);
    const pairsTo = to - ((to - from) & 1);
    for (let i = from; i < pairsTo; i += 2) {
      const low = clamp7(roundQuotient(values[i]!, scale));
      const high = clamp7(roundQuotient(values[i + 1]!, scale));
      codes[i >>> 1] = (low & 15) | ((high & 15) << 4);
    }
    if (pairsTo < to) codes[pairsTo >>> 1] = clamp7(roundQuotient(values[pairsTo]!, scale)) & 15;
  }
}

/** Codes values in 2 bits each, lowest bits first. The quotient cannot round beyond one. */
export function codeTernary(values: Float32Array, scales: Float32Array, codes: Uint8Array): void {
  codes.fill(0);
  for (let block = 0, from = 0; from < values.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    if (scale === 0) continue;
    const to = Math.min(from + BLOCK, values.length);
    const foursTo = to - ((to - from) & 3);
    for (let i = from; i < foursTo; i += 4) {
      codes[i >>> 2] =
        (roundQuotient(values[i]!, scale) & 3) |
        ((roundQuotient(values[i + 1]!, scale) & 3) << 2) |
        ((roundQuotient(values[i + 2]!, scale) & 3) << 4) |
        ((roundQuotient(values[i + 3]!, scale) & 3) << 6);
    }
    for (let i = foursTo; i < to; i += 1) {
      codes[i >>> 2]! |= (roundQuotient(values[i]!, scale) & 3) << (2 * (i & 3));
    }
  }
}

/** Decodes 8-bit codes; false when a code is -128, which no coder writes. */
export function decodeInt8(codes: Uint8Array, scales: Float32Array, out: Float32Array): boolean {
  for (let block = 0, from = 0; from < out.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    const to = Math.min(from + BLOCK, out.length);
    for (let i = from; i < to; i += 1) {
      const q = (codes[i]! << 24) >> 24;
      if (q === -128) return false;
      out[i] = q * scale;
    }
  }
  return true;
}

/** Decodes 4-bit codes; false when a code is -8, which no coder writes. */
export function decodeInt4(codes: Uint8Array, scales: Float32Array, out: Float32Array): boolean {
  for (let block = 0, from = 0; from < out.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    const to = Math.min(from + BLOCK, out.length);
    for (let i = from; i < to; i += 1) {
      const q = (codes[i >>> 1]! << (i & 1 ? 24 : 28)) >> 28;
      if (q === -8) return false;
      out[i] = q * scale;
    }
  }
  return true;
}

/** Decodes 2-bit codes; false when a code is -2, which no coder writes. */
export function decodeTernary(codes: Uint8Array, scales: Float32Array, out: Float32Array): boolean {
  for (const byte of codes) if (byte & 0xaa & ~(byte << 1)) return false;
  for (let block = 0, from = 0; from < out.length; block += 1, from += BLOCK) {
    const scale = scales[block]!;
    const to = Math.min(from + BLOCK, out.length);
    for (let i = from; i < to; i += 1) {
      out[i] = ((codes[i >>> 2]! << (30 - 2 * (i & 3))) >> 30) * scale;
    }
  }
  return true;
}

/**
 * The codec `ternary1`: ternary values of which only those that are not 0 are written, each as the
 * zeros before it (a Rice code) and a sign. A chunk of 4,096 values has a fixed room, and those
 * that do not fit stay back for the next round, so the length of a message follows from its count.
 * What the bytes mean stands in `format.ts`, which also reads header and scales.
 */
import { BLOCK } from "./kernels.ts";
import { CHUNK } from "./top-k.ts";

/** A codec of this kind. */
export type Sparse = "ternary1";

/** Whether a codec is of this kind. */
export const isSparse = (codec: string): codec is Sparse => codec === "ternary1";

/** Bytes of the count of written values at the start of a chunk. */
const COUNT_BYTES = 2;

/** Bytes of codes for 4,096 values. With the scales a value takes 1.09 bits: with eight inner
 * steps that is 233 times less than fp32 gradients at every step. A fifth of the values is not 0
 * in the runs measured (decision 0024), for which 0.94 bits are needed. */
const CODE_BYTES = 526;

/** Bits of a gap that are written as they are: best where a fifth of the values is not 0. */
const RICE_BITS = 2;
const RICE_MASK = (1 << RICE_BITS) - 1;

/** Bits of a value besides one for each whole 4 of its gap: end of those, rest of gap, sign. */
const LEAST_BITS = 1 + RICE_BITS + 1;

/** Bytes of codes for a chunk of so many values. */
const roomOf = (size: number): number => Math.ceil((CODE_BYTES * size) / CHUNK);

/** Bytes of all chunks of so many values. */
export function sparseBytes(count: number): number {
  const rest = count % CHUNK;
  const whole = ((count - rest) / CHUNK) * (COUNT_BYTES + CODE_BYTES);
  return whole + (rest === 0 ? 0 : COUNT_BYTES + roomOf(rest));
}

/** Puts each value over its scale, in fp32, and gives the places whose ternary code is not 0. */
function candidates(values: Float32Array, scales: Float32Array, ratios: Float32Array): number[] {
  const places: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    const scale = scales[Math.floor(i / BLOCK)]!;
    const ratio = scale === 0 ? 0 : values[i]! / scale;
    ratios[i] = ratio;
    // The ties of `codeTernary`: the one of a positive value counts, that of a negative does not.
    if (ratios[i]! >= 0.5 || ratios[i]! < -0.5) places.push(i);
  }
  return places;
}

/** Bits that those of the places take whose rank is below `kept`; places ascend. */
function bitsOf(places: readonly number[], ranks: Uint16Array, kept: number): number {
  let bits = 0;
  let next = 0;
  for (const place of places) {
    if (ranks[place]! >= kept) continue;
    bits += LEAST_BITS + ((place - next) >>> RICE_BITS);
    next = place + 1;
  }
  return bits;
}

/** As many of the places as fit: those of the largest ratios, of equal ones the lower places. */
function fitting(places: number[], ratios: Float32Array, room: number): readonly number[] {
  const ranks = new Uint16Array(CHUNK);
  if (bitsOf(places, ranks, 1) <= room) return places;
  const ranked = places.toSorted((a, b) => Math.abs(ratios[b]!) - Math.abs(ratios[a]!) || a - b);
  for (const [rank, place] of ranked.entries()) ranks[place] = rank;
  // One value more never takes fewer bits, so the largest number that fits can be searched for.
  let fits = 0;
  let tooMany = places.length;
  while (tooMany - fits > 1) {
    const kept = (fits + tooMany) >>> 1;
    if (bitsOf(places, ranks, kept) <= room) fits = kept;
    else tooMany = kept;
  }
  return places.filter((place) => ranks[place]! < fits);
}

/** Writes the chunks of finite values, `scales` being those of the blocks, into zeroed bytes. */
export function writeSparse(values: Float32Array, scales: Float32Array, bytes: Uint8Array): void {
  const ratios = new Float32Array(CHUNK);
  for (let from = 0, start = 0; from < values.length; from += CHUNK) {
    const chunk = values.subarray(from, from + CHUNK);
    const room = roomOf(chunk.length);
    const own = candidates(chunk, scales.subarray(from / BLOCK), ratios);
    const places = fitting(own, ratios, 8 * room);
    bytes[start] = places.length & 255;
    bytes[start + 1] = places.length >>> 8;
    writePlaces(places, ratios, bytes.subarray(start + COUNT_BYTES, start + COUNT_BYTES + room));
    start += COUNT_BYTES + room;
  }
}

function writePlaces(places: readonly number[], ratios: Float32Array, codes: Uint8Array): void {
  let at = 0;
  let next = 0;
  for (const place of places) {
    const gap = place - next;
    for (let ones = gap >>> RICE_BITS; ones > 0; ones -= 1, at += 1) {
      codes[at >>> 3]! |= 1 << (at & 7);
    }
    at += 1;
    const rest = ((gap & RICE_MASK) | (ratios[place]! < 0 ? 1 << RICE_BITS : 0)) << (at & 7);
    codes[at >>> 3]! |= rest & 255;
    if (rest > 255) codes[(at >>> 3) + 1]! |= rest >>> 8;
    at += RICE_BITS + 1;
    next = place + 1;
  }
}

/**
 * Decodes the chunks into zeroed values. Gives what no coder writes in words, or undefined; then
 * every value is right.
 */
export function readSparse(
  bytes: Uint8Array,
  scales: Float32Array,
  out: Float32Array,
): string | undefined {
  for (let from = 0, start = 0; from < out.length; from += CHUNK) {
    const values = out.subarray(from, from + CHUNK);
    const end = start + COUNT_BYTES + roomOf(values.length);
    const written = bytes[start]! | (bytes[start + 1]! << 8);
    const codes = bytes.subarray(start + COUNT_BYTES, end);
    const flaw = readPlaces(written, codes, scales.subarray(from / BLOCK), values);
    if (flaw !== undefined) return flaw;
    start = end;
  }
  return undefined;
}

function readPlaces(
  written: number,
  codes: Uint8Array,
  scales: Float32Array,
  values: Float32Array,
): string | undefined {
  let at = 0;
  let place = -1;
  for (let i = 0; i < written; i += 1) {
    const start = at;
    // Bytes behind the end read as 0, which ends the ones; the length is looked at below.
    while ((codes[at >>> 3]! >>> (at & 7)) & 1) at += 1;
    const ones = at - start;
    at += 1;
    const rest = (codes[at >>> 3]! | (codes[(at >>> 3) + 1]! << 8)) >>> (at & 7);
    at += RICE_BITS + 1;
    place += 1 + (ones << RICE_BITS) + (rest & RICE_MASK);
    if (place >= values.length || at > 8 * codes.length) return ABSENT;
    const scale = scales[Math.floor(place / BLOCK)]!;
    if (scale === 0) return ABSENT;
    values[place] = rest & (1 << RICE_BITS) ? -scale : scale;
  }
  const clear = at % 8 === 0 || codes[at >>> 3]! >>> (at & 7) === 0;
  return clear && codes.subarray(Math.ceil(at / 8)).every((byte) => byte === 0)
    ? undefined
    : "Unused bits of a chunk are set.";
}

const ABSENT = "A code does not occur.";

/**
 * The top-k codecs: of every chunk of 4,096 values the k largest, each as its place and one of two
 * levels with a sign. What the bytes mean stands in `format.ts`, which also reads the header.
 */
import { floatOfBits, scaleOf, writeScales } from "./scale.ts";

/** Values of a chunk: a place in it takes 12 bits. */
export const CHUNK = 4_096;

/** Values kept of a whole chunk. 64 is the published setting (training reference, 2.1 and 3.5). */
export const KEPT = { topk64: 64, topk256: 256, topk512: 512 } as const;

/** A codec that keeps the largest values only. */
export type TopK = keyof typeof KEPT;

/** Bytes of one chunk's two levels. */
const LEVEL_BYTES = 4;

/** Whether a codec is one of the top-k codecs. */
export const isTopK = (codec: string): codec is TopK => codec in KEPT;

/** Values kept of so many: k of each whole chunk, and of the last one at most its length. */
const keptOf = (count: number, k: number): number =>
  Math.floor(count / CHUNK) * k + Math.min(k, count % CHUNK);

/** Where the parts of a payload begin, in bytes from its start, and its length. */
function layout(count: number, k: number) {
  const kept = keptOf(count, k);
  const places = LEVEL_BYTES * Math.ceil(count / CHUNK);
  const codes = places + Math.ceil((12 * kept) / 8);
  return { kept, places, codes, bytes: codes + Math.ceil((2 * kept) / 8) };
}

/** Exact length in bytes of a payload. */
export const topKBytes = (codec: TopK, count: number): number => layout(count, KEPT[codec]).bytes;

/** Where levels, places and codes of the values [from, to) lie; `from` is a multiple of CHUNK. */
export function topKRanges(codec: TopK, count: number, from: number, to: number, start: number) {
  const whole = layout(count, KEPT[codec]);
  const before = layout(from, KEPT[codec]);
  const upTo = layout(to, KEPT[codec]);
  return [
    { start: start + before.places, end: start + upTo.places },
    {
      start: start + whole.places + (before.codes - before.places),
      end: start + whole.places + (upTo.codes - upTo.places),
    },
    {
      start: start + whole.codes + (before.bytes - before.codes),
      end: start + whole.codes + (upTo.bytes - upTo.codes),
    },
  ];
}

/** Bits of a magnitude below those that choose a bucket: 2,048 buckets of an eighth of a power. */
const BUCKET_SHIFT = 20;

/** Finds the k-th largest magnitude of a chunk by counting, without sorting all of it. */
class Selector {
  readonly #counts = new Uint16Array(1 << (31 - BUCKET_SHIFT));
  readonly #near = new Uint32Array(CHUNK);

  /** Bits of the k-th largest magnitude of bits[from, to), and how many are larger. */
  threshold(bits: Uint32Array, from: number, to: number, k: number) {
    const counts = this.#counts.fill(0);
    for (let i = from; i < to; i += 1) counts[(bits[i]! & 0x7fffffff) >>> BUCKET_SHIFT]! += 1;
    let bucket = counts.length - 1;
    let above = 0;
    while (above + counts[bucket]! < k) {
      above += counts[bucket]!;
      bucket -= 1;
    }
    let size = 0;
    for (let i = from; i < to; i += 1) {
      const magnitude = bits[i]! & 0x7fffffff;
      if (magnitude >>> BUCKET_SHIFT === bucket) {
        this.#near[size] = magnitude;
        size += 1;
      }
    }
    const near = this.#near.subarray(0, size).sort();
    const least = near[size - (k - above)]!;
    let larger = above;
    for (let i = size - 1; near[i]! > least; i -= 1) larger += 1;
    return { least, larger };
  }
}

/** The places of the k largest of bits[from, to), ascending; of equals the first ones. */
function choose(
  selector: Selector,
  bits: Uint32Array,
  from: number,
  to: number,
  into: Uint16Array,
): void {
  const { least, larger } = selector.threshold(bits, from, to, into.length);
  let equals = into.length - larger;
  let at = 0;
  for (let i = from; at < into.length; i += 1) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude < least) continue;
    if (magnitude === least) {
      if (equals === 0) continue;
      equals -= 1;
    }
    into[at] = i - from;
    at += 1;
  }
}

/** Threshold and the two levels of a chunk, from the bits of its values at the places. */
function levelsOf(bits: Uint32Array, from: number, places: Uint16Array) {
  const magnitudeOf = (place: number) => floatOfBits(bits[from + place]! & 0x7fffffff);
  let sum = 0;
  for (const place of places) sum += magnitudeOf(place);
  const threshold = Math.fround(sum / places.length);
  let low = 0;
  let lows = 0;
  let high = 0;
  for (const place of places) {
    const magnitude = magnitudeOf(place);
    if (magnitude < threshold) {
      low += magnitude;
      lows += 1;
    } else high += magnitude;
  }
  return { threshold, low: lows === 0 ? 0 : low / lows, high: high / (places.length - lows) };
}

/** Writes the payload of finite values from byte `start` on; gives the exponent E. */
export function writeTopK(
  codec: TopK,
  bytes: Uint8Array,
  start: number,
  bits: Uint32Array,
): number {
  const k = KEPT[codec];
  const at = layout(bits.length, k);
  const places = new Uint16Array(at.kept);
  const levels = new Float32Array(at.places / 2);
  const thresholds = new Float32Array(levels.length / 2);
  const selector = new Selector();
  for (let chunk = 0, from = 0; from < bits.length; chunk += 1, from += CHUNK) {
    const to = Math.min(from + CHUNK, bits.length);
    const own = places.subarray(chunk * k, chunk * k + Math.min(k, to - from));
    choose(selector, bits, from, to, own);
    const { threshold, low, high } = levelsOf(bits, from, own);
    thresholds[chunk] = threshold;
    levels[2 * chunk] = low;
    levels[2 * chunk + 1] = high;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const exponent = writeScales(view, 0, levels);
  for (let i = 0; i < places.length; i += 1) {
    const chunk = Math.floor(i / k);
    const place = places[i]!;
    const own = bits[chunk * CHUNK + place]!;
    const isHigh = floatOfBits(own & 0x7fffffff) >= thresholds[chunk]! ? 1 : 0;
    const isNegative = own > 0x80000000 && levels[2 * chunk + isHigh]! > 0 ? 1 : 0;
    const code = isHigh | (isNegative << 1);
    bytes[start + at.codes + (i >>> 2)]! |= code << (2 * (i & 3));
    const byte = start + at.places + ((3 * i) >>> 1);
    bytes[byte]! |= i & 1 ? (place & 15) << 4 : place & 255;
    bytes[byte + 1]! |= i & 1 ? place >>> 4 : place >>> 8;
  }
  return exponent;
}

/**
 * Calls back with each kept value in order. Gives what no coder writes in words, or undefined;
 * then everything that was called back is right.
 */
export function readTopK(
  codec: TopK,
  payload: Uint8Array,
  exponent: number,
  count: number,
  value: (index: number, value: number) => void,
): string | undefined {
  const k = KEPT[codec];
  const at = layout(count, k);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  if ((at.kept & 1) === 1 && payload[at.codes - 1]! >>> 4 !== 0) return SPARE;
  if ((at.kept & 3) !== 0 && payload[at.bytes - 1]! >>> (2 * (at.kept & 3)) !== 0) return SPARE;
  for (let chunk = 0, first = 0; first < at.kept; chunk += 1, first += k) {
    const lowHalf = view.getUint16(LEVEL_BYTES * chunk, true);
    const highHalf = view.getUint16(LEVEL_BYTES * chunk + 2, true);
    const high = scaleOf(highHalf, exponent);
    if (highHalf > 0x7fff || !Number.isFinite(high) || lowHalf > highHalf) {
      return `The levels of chunk ${chunk} are negative, not finite or out of order.`;
    }
    const low = scaleOf(lowHalf, exponent);
    const from = chunk * CHUNK;
    const end = Math.min(CHUNK, count - from);
    let before = -1;
    for (let i = first; i < Math.min(first + k, at.kept); i += 1) {
      const byte = at.places + ((3 * i) >>> 1);
      const two = payload[byte]! | (payload[byte + 1]! << 8);
      const place = i & 1 ? two >>> 4 : two & 0xfff;
      if (place <= before || place >= end) return `Place ${i} does not occur.`;
      before = place;
      const code = (payload[at.codes + (i >>> 2)]! >>> (2 * (i & 3))) & 3;
      const level = code & 1 ? high : low;
      if (code & 2 && level === 0) return "A code does not occur.";
      value(from + place, code & 2 ? -level : level);
    }
  }
  return undefined;
}

const SPARE = "Unused bits of the last byte are set.";

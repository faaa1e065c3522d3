/**
 * Wire format of a coded vector, version 1 ("TQC1"): how a flat fp32 vector (a delta, a step of
 * the downlink, a whole model) becomes bytes and back. Two programs that follow this comment
 * produce the same bytes; `vectors.json` beside it holds examples to check against. Error
 * feedback is in `feedback.ts`; digests, files and the network are the shell's business.
 *
 * All numbers are little-endian.
 *
 *     offset  size  field
 *          0     4  magic, the ASCII letters TQC1
 *          4     1  version, 1
 *          5     1  codec: 0 fp32, 1 fp16, 2 int8, 3 int4, 4 ternary, 5 topk64, 6 topk256,
 *                   7 topk512, 8 ternary1
 *          6     1  log2 of the block length: 8 (256 values share a scale), for topk 12
 *          7     1  exponent E, signed; 0 for fp32
 *          8     4  count of values n, unsigned
 *         12        payload
 *
 * Payload, with k = ceil(n / 256) blocks:
 * - fp32: n values of 4 bytes.
 * - fp16: n halves; value = half * 2^E.
 * - int8, int4, ternary: k scales as non-negative halves, then the codes; the scale of a block is
 *   s = fp32(half * 2^E), the value is fp32(q * s). Codes q are two's complement of 8, 4 or 2
 *   bits, filled into bytes from the lowest bits up; unused bits of the last byte are 0. The most
 *   negative code (-128, -8, -2) does not occur.
 *
 * Coding. L = 127, 7 or 1 levels. Every step is one fp32 operation rounded to nearest even.
 * 1. For each block a = max |x| and u = fp32(a / L). For fp16, u is max |x| of the whole vector.
 * 2. E = floor(log2(max u)) - 14, limited to -126..127, and 0 when all values are 0. So the
 *    largest half lies in 2^14..2^15: no scale overflows, and blocks up to 2^28 times smaller
 *    than the largest keep one. (Deltas late in a run are so small that plain halves vanish.)
 * 3. half = fp16(u * 2^-E), ties to even; s = fp32(half * 2^E). The rounded s codes the values,
 *    thus coder and decoder use the same number.
 * 4. q = floor(fp32(x / s) + 1/2), that is: ties go towards plus infinity, as Math.round does;
 *    then limited to -L..L. If s is 0, q is 0.
 * Ternary therefore has its thresholds at +s/2 (included) and -s/2 (not included).
 *
 * Top-k. The vector is cut into chunks of 4,096 values, the last one of m <= 4,096. K = 64, 256 or
 * 512 values are kept of each chunk, of the last one min(K, m); all others are 0. The payload is,
 * for all chunks one after another:
 * - two levels each, as non-negative halves: first the low one, then the high one, low <= high;
 *   the value of a level is s = fp32(half * 2^E);
 * - the places of the kept values in their chunk, 0 to 4,095, ascending, 12 bits each;
 * - a code of 2 bits for each kept value: bit 0 is 1 for the high level, bit 1 is 1 for -s. A value
 *   of -0 does not occur: when s is 0, bit 1 is 0.
 * Places and codes are filled into bytes from the lowest bits up, without a gap between chunks;
 * unused bits of the last byte of each of the two are 0.
 * 1. Kept are the values of the largest |x|; of equal ones those of the lower places.
 * 2. t = fp32(mean of |x| of the kept). The low level is fp32(mean of those |x| below t), 0 if
 *    there are none; the high level is fp32(mean of those not below t). Sums are fp64, from 0, in
 *    the order of the places; the quotient is fp64 and rounded to fp32 once.
 * 3. E and the halves as in steps 2 and 3 above, with u the largest level of the message.
 * 4. Bit 0 is |x| >= t, bit 1 is x < 0 and s > 0.
 * Ternary1. Scales as in ternary, then for each chunk of 4,096 values, the last one of m <= 4,096,
 * 2 + ceil(526 m / 4,096) bytes: how many values of it are not 0, as 16 bits, and for each of them,
 * by place, with g the values between it and the one before it (or the start of the chunk):
 * floor(g / 4) bits of 1 and one of 0, g mod 4 in 2 bits, and a bit that is 1 for -s. Bits are
 * filled into bytes from the lowest up; all that is left of a chunk is 0.
 * 1. E, the halves, s and q as in steps 1 to 4 of ternary.
 * 2. If the values whose q is not 0 do not fit in the bytes of their chunk, as many of them as fit
 *    are written, the largest |fp32(x / s)| first, of equal ones the lower places; others are 0.
 *
 * Sites keep back what coding left out (error feedback): e = beta e + d, c = Q(e), e = e - c, every
 * product, sum and difference an fp32 operation; beta is 0.95 for topk and 1 for all others.
 *
 * A reader refuses, each under its own code: a version that is not 1 (CODEC_VERSION); a codec id
 * or block length that is not in the table (CODEC_UNKNOWN); fewer bytes than the header says
 * (CODEC_TRUNCATED) or more (CODEC_TOO_LONG), which is what a message that was doubled looks like;
 * and whatever else no coder writes (CODEC_INVALID).
 */
import { assert, type Outcome, ok, refuse } from "../../pool/index.ts";
import { floatFromHalf, halfFromFloat } from "./half.ts";
import {
  BLOCK,
  blocksOf,
  codeInt4,
  codeInt8,
  codeTernary,
  decodeInt4,
  decodeInt8,
  decodeTernary,
  largestBits,
} from "./kernels.ts";
import { EXPONENT_MIN, exponentFor, floatOfBits, scaleOf, writeScales } from "./scale.ts";
import { isSparse, readSparse, type Sparse, sparseBytes, writeSparse } from "./sparse.ts";
import { CHUNK, isTopK, readTopK, type TopK, topKBytes, writeTopK } from "./top-k.ts";

/** The codecs by name; the place in the list is the id on the wire. */
export const CODECS = [
  ...(["fp32", "fp16", "int8", "int4", "ternary"] as const),
  ...(["topk64", "topk256", "topk512", "ternary1"] as const),
] as const;

/** Name of a codec. */
export type Codec = (typeof CODECS)[number];

/** Whether a text names a codec. */
export const isCodec = (text: string): text is Codec => CODECS.some((codec) => codec === text);

/** What a header says. */
export interface CodedHeader {
  readonly codec: Codec;
  readonly count: number;
  /** E, the power of two that all scales or halves share. */
  readonly exponent: number;
}

const MAGIC = [0x54, 0x51, 0x43, 0x31] as const;
const VERSION = 1;

/** log2 of the values that share a scale or two levels. */
const blockLog2 = (codec: Codec): number => Math.log2(isTopK(codec) ? CHUNK : BLOCK);

/** Bytes before the payload. */
export const HEADER_BYTES = 12;

/** Most values in one message: the count is 32 bits, and a typed array of 4 GiB is the end. */
export const CODED_COUNT_MAX = 2 ** 30;

/** Magnitudes from here on are refused by the coder, so that no product of it overflows. */
const MAGNITUDE_LIMIT = 2 ** 120;

type Scaled = "int8" | "int4" | "ternary";

const LEVELS = { int8: 127, int4: 7, ternary: 1, ternary1: 1 } as const;
const BITS = { int8: 8, int4: 4, ternary: 2 } as const;
const CODERS = { int8: codeInt8, int4: codeInt4, ternary: codeTernary } as const;
const DECODERS = { int8: decodeInt8, int4: decodeInt4, ternary: decodeTernary } as const;

/** Exact length in bytes of a message with so many values. */
export function codedBytes(codec: Codec, count: number): number {
  if (codec === "fp32") return HEADER_BYTES + 4 * count;
  if (codec === "fp16") return HEADER_BYTES + 2 * count;
  if (isTopK(codec)) return HEADER_BYTES + topKBytes(codec, count);
  const codes = isSparse(codec) ? sparseBytes(count) : Math.ceil((count * BITS[codec]) / 8);
  return HEADER_BYTES + 2 * blocksOf(count) + codes;
}

/** Where the first value that cannot be coded (NaN, infinite, above 2^120) stands, or -1. */
export function firstUncodable(vector: Float32Array): number {
  return vector.findIndex((value) => !(Math.abs(value) < MAGNITUDE_LIMIT));
}

/** A codec that has a code for every value. */
export type Dense = Exclude<Codec, TopK | Sparse>;

/** A message that is being written, window by window. */
export interface Message {
  readonly header: CodedHeader & { readonly codec: Dense | Sparse };
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Scales of the blocks as they decode; none for fp32 and fp16. */
  readonly scales: Float32Array;
}

/** Puts the largest magnitude of each block of the values from `block` on. */
export function largestOfBlocks(vector: Float32Array, into: Float32Array, block = 0): void {
  const bits = bitsOf(vector);
  for (let from = 0; from < bits.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, bits.length);
    into[block + from / BLOCK] = floatOfBits(largestBits(bits, from, to));
  }
}

const bitsOf = (vector: Float32Array): Uint32Array =>
  new Uint32Array(vector.buffer, vector.byteOffset, vector.length);

/** Begins a message of which the largest magnitude of each block is known; keeps that array. */
export function beginMessage(codec: Dense | Sparse, count: number, largest: Float32Array): Message {
  assert(count <= CODED_COUNT_MAX, "a coded vector has at most 2^30 values");
  const most = largest.reduce((so, one) => (one > so || Number.isNaN(one) ? one : so), 0);
  assert(most < MAGNITUDE_LIMIT, "a coded vector holds finite values below 2^120");
  const bytes = new Uint8Array(codedBytes(codec, count));
  let exponent = 0;
  if (codec === "fp16") exponent = exponentFor(most);
  else if (codec !== "fp32") {
    for (let block = 0; block < largest.length; block += 1) largest[block]! /= LEVELS[codec];
    exponent = writeScales(viewOf(bytes), HEADER_BYTES, largest);
  }
  const header = { codec, count, exponent };
  writeHeader(bytes, header);
  return { header, bytes, scales: largest };
}

/** Writes the codes of values that begin at a multiple of 256; ternary1 wants all at once. */
export function writeValues(message: Message, from: number, values: Float32Array): void {
  const { header, bytes, scales } = message;
  const { codec, count, exponent } = header;
  if (codec === "fp32" || codec === "fp16") {
    if (codec === "fp32") writeFloats(viewOf(bytes), from, values);
    else writeHalves(viewOf(bytes), from, values, exponent);
    return;
  }
  const first = HEADER_BYTES + 2 * blocksOf(count);
  if (isSparse(codec)) {
    assert(values.length === count, "a message of ternary1 is written at once");
    writeSparse(values, scales, bytes.subarray(first));
    return;
  }
  const start = first + (from * BITS[codec]) / 8;
  const codes = bytes.subarray(start, start + Math.ceil((values.length * BITS[codec]) / 8));
  CODERS[codec](values, scales.subarray(from / BLOCK), codes);
}

/**
 * Codes a vector. Throws when a value is NaN, infinite or above 2^120 in size: who computed the
 * vector must have looked (`firstUncodable`) and given up the stretch with a reason.
 */
export function encode(codec: Codec, vector: Float32Array): Uint8Array {
  const largest = new Float32Array(blocksOf(vector.length));
  largestOfBlocks(vector, largest);
  if (isTopK(codec)) return encodeTopK(codec, vector, largest);
  const message = beginMessage(codec, vector.length, largest);
  writeValues(message, 0, vector);
  return message.bytes;
}

function encodeTopK(codec: TopK, vector: Float32Array, largest: Float32Array): Uint8Array {
  assert(vector.length <= CODED_COUNT_MAX, "a coded vector has at most 2^30 values");
  assert(
    largest.every((one) => one < MAGNITUDE_LIMIT),
    "a coded vector holds finite values below 2^120",
  );
  const bytes = new Uint8Array(codedBytes(codec, vector.length));
  const exponent = writeTopK(codec, bytes, HEADER_BYTES, bitsOf(vector));
  writeHeader(bytes, { codec, count: vector.length, exponent });
  return bytes;
}

/** Writes the first bytes of a message. */
export function writeHeader(bytes: Uint8Array, { codec, count, exponent }: CodedHeader): void {
  bytes.set(MAGIC, 0);
  bytes[4] = VERSION;
  bytes[5] = CODECS.indexOf(codec);
  bytes[6] = blockLog2(codec);
  viewOf(bytes).setInt8(7, exponent);
  viewOf(bytes).setUint32(8, count, true);
}

function writeFloats(view: DataView, from: number, values: Float32Array): void {
  for (let i = 0, at = HEADER_BYTES + 4 * from; i < values.length; i += 1, at += 4) {
    view.setFloat32(at, values[i]!, true);
  }
}

function writeHalves(view: DataView, from: number, values: Float32Array, exponent: number): void {
  const factor = 2 ** -exponent;
  for (let i = 0, at = HEADER_BYTES + 2 * from; i < values.length; i += 1, at += 2) {
    view.setUint16(at, halfFromFloat(values[i]! * factor), true);
  }
}

type CodecFault =
  | "CODEC_INVALID"
  | "CODEC_VERSION"
  | "CODEC_UNKNOWN"
  | "CODEC_TRUNCATED"
  | "CODEC_TOO_LONG";

const damaged = (message: string, code: CodecFault = "CODEC_INVALID") =>
  refuse(code, message, "Code the vector again with codec version 1 and resend it.");

/** Reads the header and checks that the length of the message fits it. */
export function readHeader(bytes: Uint8Array): Outcome<CodedHeader> {
  const header = readFields(bytes);
  return header.ok ? checkLength(header.value, bytes.length) : header;
}

/** Refuses a message whose length is not the one that its header says. */
export function checkLength(header: CodedHeader, length: number): Outcome<CodedHeader> {
  const { codec, count } = header;
  const expected = codedBytes(codec, count);
  if (length === expected) return ok(header);
  const message = `${count} values of ${codec} take ${expected} bytes, not ${length}.`;
  return damaged(message, length < expected ? "CODEC_TRUNCATED" : "CODEC_TOO_LONG");
}

/** Reads the header of a message of which not all is at hand. */
export function readFields(bytes: Uint8Array): Outcome<CodedHeader> {
  if (bytes.length < HEADER_BYTES) {
    return damaged(`The header is cut at ${bytes.length} bytes.`, "CODEC_TRUNCATED");
  }
  if (MAGIC.some((letter, i) => bytes[i] !== letter)) {
    return damaged("The bytes do not start with TQC1.");
  }
  if (bytes[4] !== VERSION) return damaged(`Codec version ${bytes[4]} is not 1.`, "CODEC_VERSION");
  const codec = CODECS[bytes[5]!];
  if (codec === undefined) return damaged(`Codec ${bytes[5]} is not known.`, "CODEC_UNKNOWN");
  if (bytes[6] !== blockLog2(codec)) {
    return damaged(`Blocks of 2^${bytes[6]} values are not known in ${codec}.`, "CODEC_UNKNOWN");
  }
  const view = viewOf(bytes);
  const exponent = view.getInt8(7);
  if (codec === "fp32" ? exponent !== 0 : exponent < EXPONENT_MIN) {
    return damaged(`The exponent ${exponent} does not occur in ${codec}.`);
  }
  const count = view.getUint32(8, true);
  if (count > CODED_COUNT_MAX) return damaged(`${count} values are over the limit of 2^30.`);
  return ok({ codec, count, exponent });
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Decodes a message. Refuses what no coder of version 1 can have written: a wrong header or
 * length, scales or values that are not finite, codes that do not occur, unused bits that are
 * set. The codes of the refusals stand at the end of the format above.
 */
export function decode(bytes: Uint8Array): Outcome<Float32Array> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const { codec, count, exponent } = header.value;
  const out = new Float32Array(count);
  const view = viewOf(bytes);
  if (codec === "fp32" || codec === "fp16") {
    readPlain(codec, view, exponent, out);
    const bad = out.findIndex((value) => !Number.isFinite(value));
    return bad < 0 ? ok(out) : damaged(`Value ${bad} is not finite.`);
  }
  if (isTopK(codec)) return readKept(codec, bytes, exponent, out);
  return readScaled(codec, bytes, view, exponent, out);
}

function readKept(
  codec: TopK,
  bytes: Uint8Array,
  exponent: number,
  out: Float32Array,
): Outcome<Float32Array> {
  const payload = bytes.subarray(HEADER_BYTES);
  const flaw = readTopK(codec, payload, exponent, out.length, (index, value) => {
    out[index] = value;
  });
  return flaw === undefined ? ok(out) : damaged(flaw);
}

function readPlain(
  codec: "fp32" | "fp16",
  view: DataView,
  exponent: number,
  out: Float32Array,
): void {
  const factor = 2 ** exponent;
  for (let i = 0; i < out.length; i += 1) {
    out[i] =
      codec === "fp32"
        ? view.getFloat32(HEADER_BYTES + 4 * i, true)
        : floatFromHalf(view.getUint16(HEADER_BYTES + 2 * i, true)) * factor;
  }
}

function readScaled(
  codec: Scaled | Sparse,
  bytes: Uint8Array,
  view: DataView,
  exponent: number,
  out: Float32Array,
): Outcome<Float32Array> {
  const scales = new Float32Array(blocksOf(out.length));
  for (let block = 0, at = HEADER_BYTES; block < scales.length; block += 1, at += 2) {
    const half = view.getUint16(at, true);
    const scale = scaleOf(half, exponent);
    if (half > 0x7fff || !Number.isFinite(Math.fround(scale * LEVELS[codec]))) {
      return damaged(`Scale ${block} is negative or not finite.`);
    }
    scales[block] = scale;
  }
  const codes = bytes.subarray(HEADER_BYTES + 2 * scales.length);
  if (isSparse(codec)) {
    const flaw = readSparse(codes, scales, out);
    return flaw === undefined ? ok(out) : damaged(flaw);
  }
  const spare = 8 * codes.length - out.length * BITS[codec];
  if (spare > 0 && codes[codes.length - 1]! >>> (8 - spare) !== 0) {
    return damaged("Unused bits of the last byte are set.");
  }
  return DECODERS[codec](codes, scales, out) ? ok(out) : damaged(`A code does not occur.`);
}

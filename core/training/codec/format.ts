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
 *          5     1  codec: 0 fp32, 1 fp16, 2 int8, 3 int4, 4 ternary
 *          6     1  log2 of the block length, 8 (256 values share a scale)
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

/** The codecs by name; the place in the list is the id on the wire. */
export const CODECS = ["fp32", "fp16", "int8", "int4", "ternary"] as const;

/** Name of a codec. */
export type Codec = (typeof CODECS)[number];

/** Whether a text names a codec. */
export const isCodec = (text: string): text is Codec => CODECS.some((codec) => codec === text);

/** What a header says. */
export interface CodedHeader {
  readonly codec: Codec;
  readonly count: number;
}

const MAGIC = [0x54, 0x51, 0x43, 0x31] as const;
const VERSION = 1;
const BLOCK_LOG2 = 8;

/** Bytes before the payload. */
export const HEADER_BYTES = 12;

/** Most values in one message: the count is 32 bits, and a typed array of 4 GiB is the end. */
export const CODED_COUNT_MAX = 2 ** 30;

/** Magnitudes from here on are refused by the coder, so that no product of it overflows. */
const MAGNITUDE_LIMIT = 2 ** 120;

/** Exponents outside would make 2^E a subnormal or infinite fp32 number. */
const EXPONENT_MIN = -126;
const EXPONENT_MAX = 127;

/** The largest half lies at 2^14: one power below the end, so that rounding up stays finite. */
const HALF_EXPONENT = 14;

type Scaled = "int8" | "int4" | "ternary";

const LEVELS = { int8: 127, int4: 7, ternary: 1 } as const;
const BITS = { int8: 8, int4: 4, ternary: 2 } as const;
const CODERS = { int8: codeInt8, int4: codeInt4, ternary: codeTernary } as const;
const DECODERS = { int8: decodeInt8, int4: decodeInt4, ternary: decodeTernary } as const;

/** Exact length in bytes of a message with so many values. */
export function codedBytes(codec: Codec, count: number): number {
  if (codec === "fp32") return HEADER_BYTES + 4 * count;
  if (codec === "fp16") return HEADER_BYTES + 2 * count;
  return HEADER_BYTES + 2 * blocksOf(count) + Math.ceil((count * BITS[codec]) / 8);
}

/** Where the first value that cannot be coded (NaN, infinite, above 2^120) stands, or -1. */
export function firstUncodable(vector: Float32Array): number {
  return vector.findIndex((value) => !(Math.abs(value) < MAGNITUDE_LIMIT));
}

/**
 * Codes a vector. Throws when a value is NaN, infinite or above 2^120 in size: who computed the
 * vector must have looked (`firstUncodable`) and given up the stretch with a reason.
 */
export function encode(codec: Codec, vector: Float32Array): Uint8Array {
  assert(vector.length <= CODED_COUNT_MAX, "a coded vector has at most 2^30 values");
  const bits = new Uint32Array(vector.buffer, vector.byteOffset, vector.length);
  const largest = floatOfBits(largestBits(bits, 0, bits.length));
  assert(largest < MAGNITUDE_LIMIT, "a coded vector holds finite values below 2^120");
  const bytes = new Uint8Array(codedBytes(codec, vector.length));
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  bytes[4] = VERSION;
  bytes[5] = CODECS.indexOf(codec);
  bytes[6] = BLOCK_LOG2;
  view.setUint32(8, vector.length, true);
  if (codec === "fp32") writeFloats(view, vector);
  else if (codec === "fp16") writeHalves(view, vector, largest);
  else writeScaled(codec, bytes, view, vector, bits);
  return bytes;
}

const cell = new Uint32Array(1);
const cellFloat = new Float32Array(cell.buffer);
function floatOfBits(bits: number): number {
  cell[0] = bits;
  return cellFloat[0]!;
}

/** floor(log2(value)) - 14 for a positive fp32 value, within the limits of step 2 above. */
function exponentFor(value: number): number {
  if (value === 0) return 0;
  let exponent = Math.floor(Math.log2(value));
  // log2 is not exact by any standard; the powers themselves are.
  if (2 ** exponent > value) exponent -= 1;
  else if (2 ** (exponent + 1) <= value) exponent += 1;
  return Math.min(EXPONENT_MAX, Math.max(EXPONENT_MIN, exponent - HALF_EXPONENT));
}

function writeFloats(view: DataView, vector: Float32Array): void {
  for (let i = 0, at = HEADER_BYTES; i < vector.length; i += 1, at += 4) {
    view.setFloat32(at, vector[i]!, true);
  }
}

function writeHalves(view: DataView, vector: Float32Array, largest: number): void {
  const exponent = exponentFor(largest);
  view.setInt8(7, exponent);
  const factor = 2 ** -exponent;
  for (let i = 0, at = HEADER_BYTES; i < vector.length; i += 1, at += 2) {
    view.setUint16(at, halfFromFloat(vector[i]! * factor), true);
  }
}

function writeScaled(
  codec: Scaled,
  bytes: Uint8Array,
  view: DataView,
  vector: Float32Array,
  bits: Uint32Array,
): void {
  const scales = new Float32Array(blocksOf(vector.length));
  for (let block = 0, from = 0; block < scales.length; block += 1, from += BLOCK) {
    const largest = largestBits(bits, from, Math.min(from + BLOCK, bits.length));
    scales[block] = floatOfBits(largest) / LEVELS[codec];
  }
  const exponent = exponentFor(scales.reduce((most, scale) => Math.max(most, scale), 0));
  view.setInt8(7, exponent);
  for (let block = 0, at = HEADER_BYTES; block < scales.length; block += 1, at += 2) {
    const half = halfFromFloat(scales[block]! * 2 ** -exponent);
    view.setUint16(at, half, true);
    scales[block] = floatFromHalf(half) * 2 ** exponent;
  }
  CODERS[codec](vector, scales, bytes.subarray(HEADER_BYTES + 2 * scales.length));
}

const damaged = (message: string) =>
  refuse("CODEC_INVALID", message, "Code the vector again with codec version 1 and resend it.");

/** Reads the header and checks that the length of the message fits it. */
export function readHeader(bytes: Uint8Array): Outcome<CodedHeader> {
  if (bytes.length < HEADER_BYTES) return damaged(`The header is cut at ${bytes.length} bytes.`);
  if (MAGIC.some((letter, i) => bytes[i] !== letter)) {
    return damaged("The bytes do not start with TQC1.");
  }
  if (bytes[4] !== VERSION) return damaged(`Codec version ${bytes[4]} is not 1.`);
  const codec = CODECS[bytes[5]!];
  if (codec === undefined) return damaged(`Codec ${bytes[5]} is not known.`);
  if (bytes[6] !== BLOCK_LOG2) return damaged(`Blocks of 2^${bytes[6]} values are not known.`);
  const count = viewOf(bytes).getUint32(8, true);
  if (count > CODED_COUNT_MAX) return damaged(`${count} values are over the limit of 2^30.`);
  const expected = codedBytes(codec, count);
  if (bytes.length !== expected) {
    return damaged(`${count} values of ${codec} take ${expected} bytes, not ${bytes.length}.`);
  }
  return ok({ codec, count });
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Decodes a message. Refuses with CODEC_INVALID what no coder of version 1 can have written:
 * a wrong header or length, scales or values that are not finite, codes that do not occur,
 * unused bits that are set.
 */
export function decode(bytes: Uint8Array): Outcome<Float32Array> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const { codec, count } = header.value;
  const out = new Float32Array(count);
  const view = viewOf(bytes);
  const exponent = view.getInt8(7);
  if (codec === "fp32" ? exponent !== 0 : exponent < EXPONENT_MIN) {
    return damaged(`The exponent ${exponent} does not occur in ${codec}.`);
  }
  if (codec === "fp32" || codec === "fp16") {
    readPlain(codec, view, exponent, out);
    const bad = out.findIndex((value) => !Number.isFinite(value));
    return bad < 0 ? ok(out) : damaged(`Value ${bad} is not finite.`);
  }
  return readScaled(codec, bytes, view, exponent, out);
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
  codec: Scaled,
  bytes: Uint8Array,
  view: DataView,
  exponent: number,
  out: Float32Array,
): Outcome<Float32Array> {
  const scales = new Float32Array(blocksOf(out.length));
  for (let block = 0, at = HEADER_BYTES; block < scales.length; block += 1, at += 2) {
    const half = view.getUint16(at, true);
    const scale = Math.fround(floatFromHalf(half) * 2 ** exponent);
    if (half > 0x7fff || !Number.isFinite(Math.fround(scale * LEVELS[codec]))) {
      return damaged(`Scale ${block} is negative or not finite.`);
    }
    scales[block] = scale;
  }
  const codes = bytes.subarray(HEADER_BYTES + 2 * scales.length);
  const spare = 8 * codes.length - out.length * BITS[codec];
  if (spare > 0 && codes[codes.length - 1]! >>> (8 - spare) !== 0) {
    return damaged("Unused bits of the last byte are set.");
  }
  return DECODERS[codec](codes, scales, out) ? ok(out) : damaged(`A code does not occur.`);
}

/**
 * Windows of a coded vector: the bytes of some of its values make a message of their own, so one
 * that is too large for memory is read part by part. What the bytes mean stands in `format.ts`.
 */
import { assert, type Outcome } from "../../pool/index.ts";
import { type CodedHeader, codedBytes, decode, HEADER_BYTES, writeHeader } from "./format.ts";
import { BLOCK } from "./kernels.ts";
import { isSparse, sparseBytes } from "./sparse.ts";
import { isTopK, topKRanges } from "./top-k.ts";

/** A window begins at a multiple of so many values: there every codec has whole bytes. */
export const WINDOW_STEP = 4_096;

/** Bytes of a message, `end` not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bits of a code, or of a value that has no scale. */
const BITS = { fp32: 32, fp16: 16, int8: 8, int4: 4, ternary: 2 } as const;

/**
 * Where the values [from, to) of a message lie: behind a header of their own (`windowHeader`)
 * these bytes are a message that decodes to them. `from` is a multiple of WINDOW_STEP, `to` too or
 * the count of all.
 */
export function windowRanges(header: CodedHeader, from: number, to: number): readonly ByteRange[] {
  const { codec, count } = header;
  assert(from % WINDOW_STEP === 0 && from < to && to <= count, "a window begins at a step");
  assert(to % WINDOW_STEP === 0 || to === count, "a window ends at a step or at the end");
  if (isTopK(codec)) return topKRanges(codec, count, from, to, HEADER_BYTES);
  const scales = {
    start: HEADER_BYTES + (2 * from) / BLOCK,
    end: HEADER_BYTES + 2 * Math.ceil(to / BLOCK),
  };
  const first = HEADER_BYTES + 2 * Math.ceil(count / BLOCK);
  if (isSparse(codec)) {
    return [scales, { start: first + sparseBytes(from), end: first + sparseBytes(to) }];
  }
  const codes = (at: number): ByteRange => ({
    start: at + (from * BITS[codec]) / 8,
    end: at + Math.ceil((to * BITS[codec]) / 8),
  });
  if (codec === "fp32" || codec === "fp16") return [codes(HEADER_BYTES)];
  return [scales, codes(first)];
}

/** A message of `count` values with everything but the payload, which the caller fills in. */
export function windowMessage(
  { codec, exponent }: CodedHeader,
  count: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(codedBytes(codec, count));
  writeHeader(bytes, { codec, count, exponent });
  return bytes;
}

/** Decodes the values [from, to) of a message. Refuses as `decode` does. */
export function decodeWindow(
  message: Uint8Array,
  header: CodedHeader,
  from: number,
  to: number,
): Outcome<Float32Array> {
  const window = windowMessage(header, to - from);
  let at = HEADER_BYTES;
  for (const { start, end } of windowRanges(header, from, to)) {
    window.set(message.subarray(start, end), at);
    at += end - start;
  }
  return decode(window);
}

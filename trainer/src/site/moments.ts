// A site's optimiser as a blob, for a site that starts later: step counter, m, v.
import { type Outcome, ok, refuse } from "../outcome.ts";
import type { OptimiserState } from "../stretch.ts";

/** "TQM1", then t and the count as unsigned 32-bit, then m and v as fp32; all little-endian. */
const MAGIC = 0x314d_5154;
const HEADER_BYTES = 12;

/** Bytes of an optimiser state. */
export function encodeMoments({ m, v, t }: OptimiserState): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + 8 * m.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, t, true);
  view.setUint32(8, m.length, true);
  bytes.set(floatBytes(m), HEADER_BYTES);
  bytes.set(floatBytes(v), HEADER_BYTES + 4 * m.length);
  return bytes;
}

/** Reads it back; refuses CODEC_INVALID. */
export function decodeMoments(bytes: Uint8Array): Outcome<OptimiserState> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length < HEADER_BYTES ? -1 : view.getUint32(8, true);
  if (count < 0 || view.getUint32(0, true) !== MAGIC || bytes.length !== 12 + 8 * count) {
    return refuse("CODEC_INVALID", "The optimiser state is damaged.", "Start with empty moments.");
  }
  const m = floatsOf(bytes.subarray(HEADER_BYTES, HEADER_BYTES + 4 * count));
  const v = floatsOf(bytes.subarray(HEADER_BYTES + 4 * count));
  return ok({ m, v, t: view.getUint32(4, true) });
}

/** The bytes of a vector, little-endian fp32 (every platform that Node runs on is so). */
export const floatBytes = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);

/** The vector of little-endian fp32 bytes; a copy, so that it is aligned. */
export const floatsOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(bytes.slice().buffer, 0, Math.floor(bytes.length / 4));

// Vectors as blobs: little-endian fp32, one after another. Whoever holds the digest of such a blob
// holds the digest of the model. Coding for the wire is core/training's.
import { endianness } from "node:os";
import { assert, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { BlobStore } from "@tequio/stores";

const BYTES_PER_VALUE = 4;

/** The vector's own bytes; they change with it. */
export function bytesOf(vector: Float32Array): Uint8Array {
  assert(endianness() === "LE", "models are kept as the machine's own little-endian floats");
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** Reads bytes of a blob to a place in a buffer. Refuses NOT_FOUND and RANGE_INVALID. */
export async function readInto(
  blobs: BlobStore,
  digest: string,
  range: { readonly start: number; readonly end: number },
  into: Uint8Array,
  at: number,
): Promise<Outcome<undefined>> {
  const content = await blobs.open(digest, range);
  if (!content.ok) return content;
  let next = at;
  for await (const chunk of content.value.chunks) {
    into.set(chunk, next);
    next += chunk.length;
  }
  assert(next - at === range.end - range.start, "a range of a blob comes whole");
  return ok(undefined);
}

/** Values of a blob of fp32, all or a range of them. Refuses NOT_FOUND, RANGE_INVALID and
 * CODEC_INVALID. */
export async function readVector(
  blobs: BlobStore,
  digest: string,
  values?: { readonly from: number; readonly to: number },
): Promise<Outcome<Float32Array>> {
  const stat = await blobs.stat(digest);
  if (!stat.ok) return stat;
  const { size } = stat.value;
  if (size % BYTES_PER_VALUE !== 0) {
    return refuse("CODEC_INVALID", `${digest} holds no fp32 values.`, "Use another blob.");
  }
  const { from, to } = values ?? { from: 0, to: size / BYTES_PER_VALUE };
  const vector = new Float32Array(to - from);
  if (vector.length === 0) return ok(vector);
  const range = { start: BYTES_PER_VALUE * from, end: BYTES_PER_VALUE * to };
  const read = await readInto(blobs, digest, range, bytesOf(vector), 0);
  return read.ok ? ok(vector) : read;
}

/** Keeps vectors one after another as one blob; gives its digest. Refuses STORE_FULL. */
export async function putVectors(
  blobs: BlobStore,
  vectors: readonly Float32Array[],
): Promise<Outcome<string>> {
  const only = vectors.length === 1 ? vectors[0] : undefined;
  const source = only === undefined ? pieces(vectors.map(bytesOf)) : bytesOf(only);
  const put = await blobs.put(source);
  return put.ok ? ok(put.value.digest) : put;
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

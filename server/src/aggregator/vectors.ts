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

/** A blob whole. Refuses NOT_FOUND, and TOO_LARGE when it is over `bytesMax`. */
export async function readBlob(
  blobs: BlobStore,
  digest: string,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<Outcome<Uint8Array<ArrayBuffer>>> {
  const content = await blobs.open(digest);
  if (!content.ok) return content;
  const { size, chunks } = content.value;
  if (size > bytesMax) {
    const hint = "Send what the assignment asked for.";
    return refuse("TOO_LARGE", `The blob has ${size} bytes, not ${bytesMax}.`, hint);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return ok(bytes);
}

/** The values of a blob of fp32. Refuses NOT_FOUND and CODEC_INVALID. */
export async function readVector(blobs: BlobStore, digest: string): Promise<Outcome<Float32Array>> {
  const bytes = await readBlob(blobs, digest);
  if (!bytes.ok) return bytes;
  if (bytes.value.length % BYTES_PER_VALUE !== 0) {
    return refuse("CODEC_INVALID", `${digest} holds no fp32 values.`, "Use another blob.");
  }
  return ok(new Float32Array(bytes.value.buffer));
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

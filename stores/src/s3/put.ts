// Puts a blob as a whole. Small ones go in one request under their name. Large ones go in parts,
// which S3 shows to nobody before they are complete, and that is only asked for when the digest is
// the right one; where it is known at the end only, they are copied to their name on the server.
import { createHash, randomUUID } from "node:crypto";
import { type Outcome, ok } from "@tequio/core/pool";
import { parseDigest } from "../digest.ts";
import type { BlobStat, Digest } from "../port.ts";
import { badDigest, digestMismatch, tooLarge } from "../refusals.ts";
import type { Bucket, Multipart, Part } from "./bucket.ts";
import { type Keys, putKey } from "./keys.ts";
import { PART_BYTES, PARTS_AT_ONCE } from "./limits.ts";
import { bucketTrouble } from "./trouble.ts";

export interface PutPlace {
  readonly bucket: Bucket;
  readonly keys: Keys;
  readonly bytesMax: number;
}

/** Thrown through the source's loop to tell its failure from the server's. */
class SourceFailed {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Keeps the bytes of a source under their digest; see BlobStore.put. */
export async function putBlob(
  place: PutPlace,
  source: Uint8Array | AsyncIterable<Uint8Array>,
  expected: string | undefined,
): Promise<Outcome<BlobStat>> {
  const known = expected === undefined ? undefined : parseDigest(expected);
  if (expected !== undefined && known === undefined) return badDigest(expected);
  const key = known === undefined ? putKey(place.keys, randomUUID()) : place.keys.blob(known);
  const parts = new PartWriter(place.bucket, key);
  try {
    return await writeAndName(place, parts, guarded(source), known);
  } catch (error) {
    if (error instanceof SourceFailed) throw error.cause;
    return bucketTrouble(error, "a blob");
  } finally {
    // What is left over here goes at a later open at the latest.
    await parts.abandon().catch(() => undefined);
  }
}

async function* guarded(
  source: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source instanceof Uint8Array ? [source] : source;
  } catch (error) {
    throw new SourceFailed(error);
  }
}

async function writeAndName(
  place: PutPlace,
  parts: PartWriter,
  source: AsyncIterable<Uint8Array>,
  expected: Digest | undefined,
): Promise<Outcome<BlobStat>> {
  const { bucket, keys, bytesMax } = place;
  const hasher = createHash("sha256");
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > bytesMax) return tooLarge("A blob", size, bytesMax);
    hasher.update(chunk);
    await parts.write(chunk);
  }
  const digest: Digest = `sha256:${hasher.digest("hex")}`;
  if (expected !== undefined && digest !== expected) return digestMismatch(expected, digest);
  const target = keys.blob(digest);
  if (!parts.begun) {
    await bucket.put(target, parts.rest());
  } else {
    await parts.complete();
    if (parts.key !== target) {
      await bucket.copy(parts.key, target, size);
      await bucket.remove(parts.key);
    }
  }
  return ok({ digest, size });
}

/** Cuts a stream into parts of one size and sends several at a time. Begins nothing on the server
 * for a stream that is shorter than one part. */
class PartWriter {
  readonly key: string;
  readonly #bucket: Bucket;
  readonly #sent: Promise<Part>[] = [];
  #upload: Multipart | undefined;
  #pieces: Uint8Array[] = [];
  #waiting = 0;

  constructor(bucket: Bucket, key: string) {
    this.#bucket = bucket;
    this.key = key;
  }

  /** True when parts lie on the server. */
  get begun(): boolean {
    return this.#upload !== undefined;
  }

  /** Takes bytes; the caller may change them after this has resolved. */
  async write(chunk: Uint8Array): Promise<void> {
    let rest = chunk;
    while (this.#waiting + rest.length >= PART_BYTES) {
      const now = rest.subarray(0, PART_BYTES - this.#waiting);
      this.#pieces.push(now);
      await this.#send(this.rest());
      this.#pieces = [];
      this.#waiting = 0;
      rest = rest.subarray(now.length);
    }
    if (rest.length === 0) return;
    this.#pieces.push(Uint8Array.from(rest));
    this.#waiting += rest.length;
  }

  /** A copy of the bytes that are in no part yet. */
  rest(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#upload ??= await this.#bucket.begin(this.key);
    await this.#sent.at(-PARTS_AT_ONCE);
    const part = this.#bucket.part(this.#upload, this.#sent.length + 1, bytes);
    part.catch(() => undefined); // Its failure is met when it is waited for.
    this.#sent.push(part);
  }

  /** Sends the rest and makes the object visible. */
  async complete(): Promise<void> {
    if (this.#waiting > 0) await this.#send(this.rest());
    const parts = await Promise.all(this.#sent);
    if (this.#upload !== undefined) await this.#bucket.complete(this.#upload, parts);
    this.#upload = undefined;
  }

  /** Takes back what was begun and not completed. */
  async abandon(): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined) return;
    this.#upload = undefined;
    await Promise.allSettled(this.#sent); // A part that arrives later would stay for ever.
    await this.#bucket.abort(upload);
  }
}

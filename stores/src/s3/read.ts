// Reads objects piece by piece. A link that breaks in the middle is taken up where it broke.
import { createHash } from "node:crypto";
import type { Digest } from "../port.ts";
import type { Bucket } from "./bucket.ts";
import { READ_BREAKS_MAX } from "./limits.ts";

/** Bytes `start` to `end` (excluded) of an object. Nothing is asked of the server before the first
 * chunk is. Rejects after READ_BREAKS_MAX breaks without a byte between them. */
export async function* readObject(
  bucket: Bucket,
  key: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = start;
  let breaks = 0;
  while (at < end) {
    let failure: unknown = endedEarly(key);
    const chunks = bucket.get(key, at, end)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => {
          failure = error;
          return undefined;
        });
        if (next === undefined || next.done === true) break;
        breaks = 0;
        at += next.value.length;
        yield next.value;
      }
    } finally {
      // Whoever stops early must not leave a connection open; a broken one cannot be closed.
      await chunks.return?.().catch(() => undefined);
    }
    breaks += 1;
    if (at < end && breaks > READ_BREAKS_MAX) throw failure;
  }
}

/** For a body that ended before its length: the link broke, whatever it looked like. */
function endedEarly(key: string): Error {
  const error = new Error(`${key} ended too early`);
  error.name = "NetworkingError";
  return error;
}

/** All bytes of a small object. */
export async function readWhole(bucket: Bucket, key: string, size: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readObject(bucket, key, 0, size)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Reads an object from beginning to end and gives the digest of what is really there. */
export async function hashObject(bucket: Bucket, key: string, size: number): Promise<Digest> {
  const hasher = createHash("sha256");
  for await (const piece of readObject(bucket, key, 0, size)) hasher.update(piece);
  return `sha256:${hasher.digest("hex")}`;
}

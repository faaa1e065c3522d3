// Reads files in pieces of one size, so that a large blob never lies in memory as a whole.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { BLOB_READ_CHUNK_BYTES } from "../limits.ts";
import type { Digest } from "../port.ts";

/** Bytes `start` to `end` (excluded) of a file, or to its end when that comes first. The file is
 * opened when the first chunk is asked for: a range that nobody reads costs nothing. */
export async function* readRange(
  path: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const handle = await open(path, "r");
  try {
    let at = start;
    while (at < end) {
      const buffer = Buffer.allocUnsafe(Math.min(BLOB_READ_CHUNK_BYTES, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** Reads a file from beginning to end and gives the digest of what is really there. */
export async function hashFile(path: string): Promise<Digest> {
  const hasher = createHash("sha256");
  for await (const chunk of readRange(path, 0, Number.POSITIVE_INFINITY)) hasher.update(chunk);
  return `sha256:${hasher.digest("hex")}`;
}

// Copies blobs from one place to another: each under its digest, which the target checks, and
// none that is there already, so that a copy that was cut off goes on where it was. A large blob
// goes as an upload in pieces, which goes on in its middle. Nothing is held in memory whole.
import { assert, type Outcome, ok } from "@tequio/core/pool";
import { BLOB_LIST_ROWS_MAX, UPLOAD_CHUNK_BYTES_MAX } from "./limits.ts";
import type { BlobStat, BlobStore, Digest } from "./port.ts";

/** From so many bytes on a blob is worth an upload that can be continued: 6 s at 100 Mbit/s. */
const IN_PIECES_FROM_BYTES = 4 * UPLOAD_CHUNK_BYTES_MAX;

export type BlobSource = Pick<BlobStore, "list" | "open">;
export type BlobTarget = Pick<
  BlobStore,
  "has" | "put" | "beginUpload" | "appendUpload" | "finishUpload"
>;

/** What the target has of the source's blobs now. */
export interface BlobsCopied {
  readonly blobs: number;
  readonly blobBytes: number;
  /** Blobs that were there before and were not sent. */
  readonly blobsThere: number;
}

export interface BlobCopyOptions {
  /** Told after each blob and each piece of a large one. */
  readonly onProgress?: (done: BlobsCopied) => void;
  /** Bytes from which a blob goes in pieces, for tests; IN_PIECES_FROM_BYTES if absent. */
  readonly inPiecesFromBytes?: number;
}

/**
 * Copies every blob that the target does not have. Refuses DIGEST_MISMATCH for a blob that is not
 * what its name says, and what source and target refuse; what was copied until then stays.
 */
export async function copyBlobs(
  source: BlobSource,
  target: BlobTarget,
  { onProgress, inPiecesFromBytes = IN_PIECES_FROM_BYTES }: BlobCopyOptions = {},
): Promise<Outcome<BlobsCopied>> {
  let done: BlobsCopied = { blobs: 0, blobBytes: 0, blobsThere: 0 };
  let after: Digest | undefined;
  for (;;) {
    const page = await source.list({
      limit: BLOB_LIST_ROWS_MAX,
      ...(after === undefined ? {} : { after }),
    });
    if (page.length === 0) return ok(done);
    for (const stat of page) {
      after = stat.digest;
      const there = await target.has(stat.digest);
      if (!there) {
        const before = done;
        const onBytes = (bytes: number): void =>
          onProgress?.({ ...before, blobBytes: before.blobBytes + bytes });
        const copy = stat.size < inPiecesFromBytes ? copyWhole : copyInPieces;
        const copied = await copy(source, target, stat, onBytes);
        // A pool that runs may have deleted it since: then its journal needs it no more.
        if (!copied.ok && copied.code === "NOT_FOUND") continue;
        if (!copied.ok) return copied;
      }
      done = {
        blobs: done.blobs + 1,
        blobBytes: done.blobBytes + stat.size,
        blobsThere: done.blobsThere + (there ? 1 : 0),
      };
      onProgress?.(done);
    }
  }
}

async function copyWhole(
  source: BlobSource,
  target: BlobTarget,
  { digest }: BlobStat,
): Promise<Outcome<BlobStat>> {
  const content = await source.open(digest);
  return content.ok ? target.put(content.value.chunks, digest) : content;
}

async function copyInPieces(
  source: BlobSource,
  target: BlobTarget,
  { digest, size }: BlobStat,
  onBytes: (bytes: number) => void,
): Promise<Outcome<BlobStat>> {
  const begun = await target.beginUpload(digest, size);
  if (!begun.ok) return begun;
  let { offset } = begun.value;
  while (offset < size) {
    const end = Math.min(size, offset + UPLOAD_CHUNK_BYTES_MAX);
    const content = await source.open(digest, { start: offset, end });
    if (!content.ok) return content;
    const piece = await gather(content.value.chunks, end - offset);
    const added = await target.appendUpload(digest, offset, piece);
    if (!added.ok) return added;
    assert(added.value.offset > offset, "an upload that took a piece has grown");
    offset = added.value.offset;
    onBytes(offset);
  }
  return target.finishUpload(digest);
}

async function gather(chunks: AsyncIterable<Uint8Array>, bytes: number): Promise<Uint8Array> {
  const piece = new Uint8Array(bytes);
  let at = 0;
  for await (const chunk of chunks) {
    piece.set(chunk, at);
    at += chunk.length;
  }
  assert(at === bytes, "a range of a blob has as many bytes as were asked for");
  return piece;
}

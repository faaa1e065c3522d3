// The blobs of the memory store: whole byte arrays by digest, uploads as growing lists of chunks.
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { digestOf, parseDigest } from "../digest.ts";
import {
  BLOB_LIST_ROWS_MAX,
  BLOB_READ_CHUNK_BYTES,
  UPLOAD_CHUNK_BYTES_MAX,
  UPLOADS_MAX,
} from "../limits.ts";
import type { BlobStat, BlobStore, Digest, UploadState } from "../port.ts";
import {
  badDigest,
  blobUnknown,
  digestMismatch,
  refuseRange,
  tooLarge,
  uploadsTooMany,
  uploadUnknown,
  wrongOffset,
} from "../refusals.ts";
import type { MemoryDisk } from "./index.ts";

/** An upload under way: what was promised and what has arrived. */
export interface MemoryUpload {
  readonly size: number;
  readonly chunks: readonly Uint8Array[];
  readonly offset: number;
}

type RefuseWrite = (what: string) => Refusal | undefined;

/** The blobs that lie on `disk`; `refuseWrite` is asked before every write. */
export function createMemoryBlobs(
  disk: MemoryDisk,
  bytesMax: number,
  refuseWrite: RefuseWrite,
): BlobStore {
  const find = (text: string): Outcome<{ digest: Digest; bytes: Uint8Array }> => {
    const digest = parseDigest(text);
    if (digest === undefined) return badDigest(text);
    const bytes = disk.blobs.get(digest);
    return bytes === undefined ? blobUnknown(text) : ok({ digest, bytes });
  };
  const statOf = (text: string): Outcome<BlobStat> => {
    const found = find(text);
    return found.ok ? ok({ digest: found.value.digest, size: found.value.bytes.length }) : found;
  };
  return {
    async put(source, expected) {
      if (expected !== undefined && !parseDigest(expected)) return badDigest(expected);
      const bytes = await collect(source, bytesMax);
      if (!bytes.ok) return bytes;
      const digest = digestOf(bytes.value);
      if (expected !== undefined && digest !== expected) return digestMismatch(expected, digest);
      const refusal = refuseWrite("a blob");
      if (refusal !== undefined) return refusal;
      disk.blobs.set(digest, bytes.value);
      return ok({ digest, size: bytes.value.length });
    },
    has: async (digest) => find(digest).ok,
    stat: async (digest) => statOf(digest),
    async open(text, range) {
      const found = find(text);
      if (!found.ok) return found;
      const { bytes } = found.value;
      const { start, end } = range ?? { start: 0, end: bytes.length };
      const refusal = refuseRange(start, end, bytes.length);
      if (refusal !== undefined) return refusal;
      return ok({ size: bytes.length, start, end, chunks: inPieces(bytes.subarray(start, end)) });
    },
    async verify(text) {
      const found = find(text);
      if (!found.ok) return found;
      const real = digestOf(found.value.bytes);
      return real === found.value.digest ? statOf(text) : digestMismatch(text, real);
    },
    async delete(text) {
      const digest = parseDigest(text);
      return digest === undefined ? badDigest(text) : ok(disk.blobs.delete(digest));
    },
    async list({ after = "", limit }) {
      const rows = [...disk.blobs].map(([digest, bytes]) => ({ digest, size: bytes.length }));
      return rows
        .filter(({ digest }) => digest > after)
        .sort((a, b) => (a.digest < b.digest ? -1 : 1))
        .slice(0, Math.min(limit, BLOB_LIST_ROWS_MAX));
    },
    ...uploadVerbs(disk, bytesMax, refuseWrite),
  };
}

type UploadVerbs = Pick<
  BlobStore,
  "beginUpload" | "appendUpload" | "finishUpload" | "abortUpload" | "uploads"
>;

function uploadVerbs(disk: MemoryDisk, bytesMax: number, refuseWrite: RefuseWrite): UploadVerbs {
  const stateOf = (digest: Digest, { size, offset }: MemoryUpload): UploadState => ({
    digest,
    size,
    offset,
    complete: false,
  });
  const find = (text: string): Outcome<{ digest: Digest; upload: MemoryUpload }> => {
    const digest = parseDigest(text);
    if (digest === undefined) return badDigest(text);
    const upload = disk.uploads.get(digest);
    return upload === undefined ? uploadUnknown(text) : ok({ digest, upload });
  };
  return {
    async beginUpload(text, size) {
      const digest = parseDigest(text);
      if (digest === undefined) return badDigest(text);
      if (!Number.isSafeInteger(size) || size < 0) {
        return refuse("INVALID_REQUEST", `${size} is no size.`, "Give the number of bytes.");
      }
      if (size > bytesMax) return tooLarge("A blob", size, bytesMax);
      const there = disk.blobs.get(digest)?.length;
      if (there !== undefined) return ok({ digest, size: there, offset: there, complete: true });
      const old = disk.uploads.get(digest);
      if (old?.size === size) return ok(stateOf(digest, old));
      if (old === undefined && disk.uploads.size >= UPLOADS_MAX) return uploadsTooMany(UPLOADS_MAX);
      const upload = { size, chunks: [], offset: 0 };
      disk.uploads.set(digest, upload);
      return ok(stateOf(digest, upload));
    },
    async appendUpload(text, offset, chunk) {
      const found = find(text);
      if (!found.ok) return found;
      const { digest, upload } = found.value;
      if (chunk.length > UPLOAD_CHUNK_BYTES_MAX) {
        return tooLarge("A chunk", chunk.length, UPLOAD_CHUNK_BYTES_MAX);
      }
      if (offset !== upload.offset) return wrongOffset(offset, upload.offset);
      const end = offset + chunk.length;
      if (end > upload.size) return tooLarge("The upload", end, upload.size);
      const refusal = refuseWrite("an upload");
      if (refusal !== undefined) return refusal;
      const grown = { ...upload, chunks: [...upload.chunks, new Uint8Array(chunk)], offset: end };
      disk.uploads.set(digest, grown);
      return ok(stateOf(digest, grown));
    },
    async finishUpload(text) {
      const found = find(text);
      if (!found.ok) return found;
      const { digest, upload } = found.value;
      if (upload.offset !== upload.size) return wrongOffset(upload.size, upload.offset);
      disk.uploads.delete(digest);
      const bytes = Buffer.concat(upload.chunks);
      const real = digestOf(bytes);
      if (real !== digest) return digestMismatch(digest, real);
      disk.blobs.set(digest, bytes);
      return ok({ digest, size: bytes.length });
    },
    async abortUpload(text) {
      const digest = parseDigest(text);
      return digest !== undefined && disk.uploads.delete(digest);
    },
    async uploads() {
      return [...disk.uploads].map(([digest, upload]) => stateOf(digest, upload));
    },
  };
}

async function collect(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Outcome<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source instanceof Uint8Array ? [source] : source) {
    size += chunk.length;
    if (size > bytesMax) return tooLarge("A blob", size, bytesMax);
    chunks.push(new Uint8Array(chunk));
  }
  return ok(Buffer.concat(chunks));
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += BLOB_READ_CHUNK_BYTES) {
    yield bytes.subarray(at, at + BLOB_READ_CHUNK_BYTES);
  }
}

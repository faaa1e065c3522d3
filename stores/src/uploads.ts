// Uploads in pieces, as every store that keeps them durably takes them: what concerns one digest
// comes one after another, and the same things are refused everywhere. Where the bytes lie, and how
// they become a blob, is left to each store; how long an unfinished one may stay, to the server.
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { parseDigest } from "./digest.ts";
import { UPLOAD_CHUNK_BYTES_MAX, UPLOADS_MAX } from "./limits.ts";
import type { BlobStat, Digest, UploadState } from "./port.ts";
import { badDigest, tooLarge, uploadsTooMany, uploadUnknown, wrongOffset } from "./refusals.ts";

export interface Uploads {
  begin(digest: string, size: number): Promise<Outcome<UploadState>>;
  append(digest: string, offset: number, chunk: Uint8Array): Promise<Outcome<UploadState>>;
  finish(digest: string): Promise<Outcome<BlobStat>>;
  abort(digest: string): Promise<boolean>;
  all(): Promise<readonly UploadState[]>;
}

/** One unfinished upload, as a store remembers it. */
export interface Unfinished {
  readonly digest: Digest;
  /** Bytes that were promised. */
  readonly size: number;
}

/** What a store does with an upload; it may throw what `troubleOf` understands. */
export interface UploadKind<U extends Unfinished> {
  readonly bytesMax: number;
  find(digest: Digest): Promise<BlobStat | undefined>;
  /** Bytes that were acknowledged. */
  offsetOf(upload: U): number | Promise<number>;
  create(digest: Digest, size: number): Promise<U>;
  /** Adds a chunk that fits at the upload's end, whole or not at all. */
  append(upload: U, offset: number, chunk: Uint8Array): Promise<void>;
  /** Makes the blob of an upload whose bytes are all there. DIGEST_MISMATCH leaves nothing. */
  finish(upload: U): Promise<Outcome<BlobStat>>;
  discard(upload: U): Promise<void>;
  troubleOf(error: unknown): Refusal;
  /** True for an error that means that the store itself has forgotten the upload. */
  isForgotten(error: unknown): boolean;
}

/** The uploads of one store; `found` are those of an earlier process. */
export function createUploads<U extends Unfinished>(
  kind: UploadKind<U>,
  found: readonly U[],
): Uploads {
  const uploads = new Map<Digest, U>(found.map((upload) => [upload.digest, upload]));
  const inTurn = createTurns();

  /** Looks the upload up when its turn has come: an earlier turn may have finished it. */
  const withUpload = <T>(
    text: string,
    act: (upload: U) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> =>
    inTurn(text, async () => {
      const digest = parseDigest(text);
      const upload = digest && uploads.get(digest);
      if (upload === undefined) return digest ? uploadUnknown(text) : badDigest(text);
      try {
        return await act(upload);
      } catch (error) {
        if (!kind.isForgotten(error)) return kind.troubleOf(error);
        // By a rule of the bucket for instance: it starts anew.
        uploads.delete(upload.digest);
        await kind.discard(upload).catch(() => undefined);
        return uploadUnknown(text);
      }
    });

  return {
    begin: (text, size) => inTurn(text, () => begin(kind, uploads, text, size)),
    append: (text, offset, chunk) =>
      withUpload(text, (upload) => append(kind, upload, offset, chunk)),
    finish: (text) =>
      withUpload(text, async (upload) => {
        const offset = await kind.offsetOf(upload);
        if (offset !== upload.size) return wrongOffset(upload.size, offset);
        const done = await kind.finish(upload);
        if (done.ok || done.code === "DIGEST_MISMATCH") uploads.delete(upload.digest);
        return done;
      }),
    abort: (text) =>
      inTurn(text, async () => {
        const digest = parseDigest(text);
        const upload = digest && uploads.get(digest);
        if (upload === undefined) return false;
        await kind.discard(upload);
        uploads.delete(upload.digest);
        return true;
      }),
    all: () => Promise.all([...uploads.values()].map((upload) => stateOf(kind, upload))),
  };
}

/** Runs what concerns one digest one after another: two chunks must not share an offset. */
function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(key: string, act: () => Promise<T>): Promise<T> => {
    const before = last.get(key) ?? Promise.resolve();
    const turn = before.then(act, act);
    last.set(key, turn);
    const forget = () => {
      if (last.get(key) === turn) last.delete(key);
    };
    turn.then(forget, forget);
    return turn;
  };
}

async function stateOf<U extends Unfinished>(kind: UploadKind<U>, upload: U): Promise<UploadState> {
  const { digest, size } = upload;
  return { digest, size, offset: await kind.offsetOf(upload), complete: false };
}

async function begin<U extends Unfinished>(
  kind: UploadKind<U>,
  uploads: Map<Digest, U>,
  text: string,
  size: number,
): Promise<Outcome<UploadState>> {
  const digest = parseDigest(text);
  if (digest === undefined) return badDigest(text);
  if (!Number.isSafeInteger(size) || size < 0) {
    return refuse("INVALID_REQUEST", `${size} is no size.`, "Give the number of bytes.");
  }
  if (size > kind.bytesMax) return tooLarge("A blob", size, kind.bytesMax);
  try {
    const there = await kind.find(digest);
    if (there !== undefined) return ok({ ...there, offset: there.size, complete: true });
    const old = uploads.get(digest);
    if (old?.size === size) return ok(await stateOf(kind, old));
    if (old === undefined && uploads.size >= UPLOADS_MAX) return uploadsTooMany(UPLOADS_MAX);
    // A digest has one true size: whoever names another one has to send everything again.
    if (old !== undefined) await kind.discard(old);
    uploads.delete(digest);
    const upload = await kind.create(digest, size);
    uploads.set(digest, upload);
    return ok(await stateOf(kind, upload));
  } catch (error) {
    return kind.troubleOf(error);
  }
}

async function append<U extends Unfinished>(
  kind: UploadKind<U>,
  upload: U,
  offset: number,
  chunk: Uint8Array,
): Promise<Outcome<UploadState>> {
  if (chunk.length > UPLOAD_CHUNK_BYTES_MAX) {
    return tooLarge("A chunk", chunk.length, UPLOAD_CHUNK_BYTES_MAX);
  }
  const right = await kind.offsetOf(upload);
  if (offset !== right) return wrongOffset(offset, right);
  const end = offset + chunk.length;
  if (end > upload.size) return tooLarge("The upload", end, upload.size);
  await kind.append(upload, offset, chunk);
  const { digest, size } = upload;
  return ok({ digest, size, offset: end, complete: false });
}

// Uploads in pieces that go on after a broken link or a restart. A piece may be lost in a power
// loss without a trace; the digest at the end finds that, and the upload starts anew. How long an
// unfinished upload may stay is left to the server.
import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { hexOf, parseDigest } from "../digest.ts";
import { UPLOAD_CHUNK_BYTES_MAX, UPLOADS_MAX } from "../limits.ts";
import type { BlobStat, Digest, UploadState } from "../port.ts";
import {
  badDigest,
  digestMismatch,
  tooLarge,
  uploadsTooMany,
  uploadUnknown,
  wrongOffset,
} from "../refusals.ts";
import { fileTrouble, publish, writeAll } from "./durable.ts";
import { hashFile } from "./read.ts";

/** `<hex>-<size>.part`: the name alone says what is expected, so a restart needs no index. */
const PART_NAME = /^([0-9a-f]{64})-(\d{1,15})\.part$/;

export interface UploadPlace {
  readonly folder: string;
  readonly bytesMax: number;
  readonly find: (digest: Digest) => Promise<BlobStat | undefined>;
  readonly pathOf: (digest: Digest) => string;
}

export interface Uploads {
  begin(digest: string, size: number): Promise<Outcome<UploadState>>;
  append(digest: string, offset: number, chunk: Uint8Array): Promise<Outcome<UploadState>>;
  finish(digest: string): Promise<Outcome<BlobStat>>;
  abort(digest: string): Promise<boolean>;
  all(): Promise<readonly UploadState[]>;
}

interface Part {
  readonly digest: Digest;
  readonly size: number;
  readonly path: string;
}

const partOf = (folder: string, digest: Digest, size: number): Part => ({
  digest,
  size,
  path: join(folder, `${hexOf(digest)}-${size}.part`),
});

/** Opens the uploads in a folder; those of an earlier process are there to be continued. */
export async function createUploads(place: UploadPlace): Promise<Uploads> {
  const parts = new Map<Digest, Part>();
  for (const name of await readdir(place.folder)) {
    const [, hex, size] = PART_NAME.exec(name) ?? [];
    const digest = parseDigest(`sha256:${hex}`);
    if (digest !== undefined) parts.set(digest, partOf(place.folder, digest, Number(size)));
  }
  const inTurn = createTurns();
  /** Looks the part up when its turn has come: an earlier turn may have finished it. */
  const withPart = <T>(
    text: string,
    act: (part: Part) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> =>
    inTurn(text, async () => {
      const digest = parseDigest(text);
      const part = digest && parts.get(digest);
      if (part === undefined) return digest ? uploadUnknown(text) : badDigest(text);
      try {
        return await act(part);
      } catch (error) {
        return fileTrouble(error, "an upload");
      }
    });

  return {
    begin: (text, size) => inTurn(text, () => beginPart(place, parts, text, size)),
    append: (text, offset, chunk) => withPart(text, (part) => appendPart(part, offset, chunk)),
    finish: (text) =>
      withPart(text, async (part) => {
        const done = await finishPart(part, place.pathOf(part.digest));
        if (done.ok || done.code === "DIGEST_MISMATCH") parts.delete(part.digest);
        return done;
      }),
    abort: (text) =>
      inTurn(text, async () => {
        const digest = parseDigest(text);
        const part = digest && parts.get(digest);
        if (part === undefined) return false;
        parts.delete(part.digest);
        await rm(part.path, { force: true });
        return true;
      }),
    async all() {
      return Promise.all([...parts.values()].map(stateOf));
    },
  };
}

/** Runs what concerns one digest one after another: two chunks must not share an offset. */
export function createTurns() {
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

async function stateOf(part: Part): Promise<UploadState> {
  const { size: offset } = await stat(part.path);
  return { digest: part.digest, size: part.size, offset, complete: false };
}

async function beginPart(
  place: UploadPlace,
  parts: Map<Digest, Part>,
  text: string,
  size: number,
): Promise<Outcome<UploadState>> {
  const digest = parseDigest(text);
  if (digest === undefined) return badDigest(text);
  if (!Number.isSafeInteger(size) || size < 0) {
    return refuse("INVALID_REQUEST", `${size} is no size.`, "Give the number of bytes.");
  }
  if (size > place.bytesMax) return tooLarge("A blob", size, place.bytesMax);
  const there = await place.find(digest);
  if (there !== undefined) return ok({ ...there, offset: there.size, complete: true });
  const old = parts.get(digest);
  if (old === undefined && parts.size >= UPLOADS_MAX) return uploadsTooMany(UPLOADS_MAX);
  try {
    if (old?.size === size) return ok(await stateOf(old));
    // A digest has one true size: whoever names another one has to send everything again.
    if (old !== undefined) await rm(old.path, { force: true });
    const part = partOf(place.folder, digest, size);
    await (await open(part.path, "w")).close();
    parts.set(digest, part);
    return ok({ digest, size, offset: 0, complete: false });
  } catch (error) {
    return fileTrouble(error, "an upload");
  }
}

async function appendPart(
  part: Part,
  offset: number,
  chunk: Uint8Array,
): Promise<Outcome<UploadState>> {
  if (chunk.length > UPLOAD_CHUNK_BYTES_MAX) {
    return tooLarge("A chunk", chunk.length, UPLOAD_CHUNK_BYTES_MAX);
  }
  const handle = await open(part.path, "r+");
  try {
    const { size: right } = await handle.stat();
    if (offset !== right) return wrongOffset(offset, right);
    const end = offset + chunk.length;
    if (end > part.size) return tooLarge("The upload", end, part.size);
    try {
      await writeAll(handle, chunk, offset);
    } catch (error) {
      await handle.truncate(offset); // Half a chunk would make the offset a lie.
      throw error;
    }
    return ok({ digest: part.digest, size: part.size, offset: end, complete: false });
  } finally {
    await handle.close();
  }
}

async function finishPart(part: Part, path: string): Promise<Outcome<BlobStat>> {
  const handle = await open(part.path, "r+");
  try {
    const { size } = await handle.stat();
    if (size !== part.size) return wrongOffset(part.size, size);
    await handle.sync();
  } finally {
    await handle.close();
  }
  const found = await hashFile(part.path);
  if (found !== part.digest) {
    await rm(part.path, { force: true });
    return digestMismatch(part.digest, found);
  }
  await publish(part.path, path);
  return ok({ digest: part.digest, size: part.size });
}

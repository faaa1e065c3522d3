// Blobs as files: `<folder>/ab/abcdef…` by the digits of their SHA-256. A blob has its name only
// when all its bytes are there, are the right ones and are on the disk. Uploads in pieces are in
// uploads.ts; who may read a blob and when it may go is left to the server.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LIMITS, type Outcome, ok } from "@tequio/core/pool";
import { hexOf, parseDigest } from "../digest.ts";
import { BLOB_LIST_ROWS_MAX } from "../limits.ts";
import type { BlobContent, BlobStat, BlobStore, Digest } from "../port.ts";
import { badDigest, blobUnknown, digestMismatch, refuseRange, tooLarge } from "../refusals.ts";
import type { Uploads } from "../uploads.ts";
import {
  errnoOf,
  fileTrouble,
  makeFolder,
  publish,
  removeBySuffix,
  syncFolder,
  writeAll,
} from "./durable.ts";
import { hashFile, readRange } from "./read.ts";
import { openUploads } from "./uploads.ts";

/** Half-written puts: no one can go on with them after a restart. */
const TEMP_SUFFIX = ".tmp";
const HEX_PAIR = /^[0-9a-f]{2}$/;

export interface BlobFolder {
  readonly blobs: BlobStore;
  readonly tempFilesRemoved: number;
}

/** Opens the blobs under `folder`, which no other process may use. Throws file system errors. */
export async function openBlobFolder(
  folder: string,
  bytesMax: number = LIMITS.BLOB_BYTES_MAX,
): Promise<BlobFolder> {
  const incoming = join(folder, "incoming");
  await makeFolder(incoming);
  const tempFilesRemoved = await removeBySuffix(incoming, TEMP_SUFFIX);
  const pathOf = (digest: Digest): string => join(folder, hexOf(digest).slice(0, 2), hexOf(digest));
  const uploads = await openUploads({
    folder: incoming,
    bytesMax,
    find: (digest) => findBlob(pathOf(digest), digest),
    pathOf,
  });
  let puts = 0;
  const blobs: BlobStore = {
    put(source, expected) {
      puts += 1;
      const temp = join(incoming, `${process.pid}-${puts}${TEMP_SUFFIX}`);
      return putBlob({ temp, pathOf, bytesMax, source, expected });
    },
    async has(digest) {
      const known = parseDigest(digest);
      return known !== undefined && (await findBlob(pathOf(known), known)) !== undefined;
    },
    stat: (digest) => statBlob(pathOf, digest),
    async open(digest, range) {
      const found = await statBlob(pathOf, digest);
      return found.ok ? openBlob(pathOf(found.value.digest), found.value.size, range) : found;
    },
    async verify(digest) {
      const found = await statBlob(pathOf, digest);
      if (!found.ok) return found;
      const real = await hashFile(pathOf(found.value.digest));
      return real === found.value.digest ? found : digestMismatch(digest, real);
    },
    ...uploadVerbs(uploads),
    async delete(digest) {
      const known = parseDigest(digest);
      if (known === undefined) return badDigest(digest);
      try {
        await rm(pathOf(known));
        await syncFolder(dirname(pathOf(known)));
        return ok(true);
      } catch (error) {
        return errnoOf(error) === "ENOENT" ? ok(false) : fileTrouble(error, "the deletion");
      }
    },
    list: (page) => listBlobs(folder, page.after, Math.min(page.limit, BLOB_LIST_ROWS_MAX)),
  };
  return { blobs, tempFilesRemoved };
}

/** The blobs under a folder that another process may be writing to: reads only, changes nothing. */
export function openBlobReader(folder: string): Pick<BlobStore, "list" | "open"> {
  const pathOf = (digest: Digest): string => join(folder, hexOf(digest).slice(0, 2), hexOf(digest));
  return {
    async open(digest, range) {
      const found = await statBlob(pathOf, digest);
      return found.ok ? openBlob(pathOf(found.value.digest), found.value.size, range) : found;
    },
    async list(page) {
      try {
        return await listBlobs(folder, page.after, Math.min(page.limit, BLOB_LIST_ROWS_MAX));
      } catch (error) {
        if (errnoOf(error) === "ENOENT") return [];
        throw error;
      }
    },
  };
}

const uploadVerbs = (uploads: Uploads) => ({
  beginUpload: uploads.begin,
  appendUpload: uploads.append,
  finishUpload: uploads.finish,
  abortUpload: uploads.abort,
  uploads: uploads.all,
});

async function findBlob(path: string, digest: Digest): Promise<BlobStat | undefined> {
  try {
    return { digest, size: (await stat(path)).size };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function statBlob(
  pathOf: (digest: Digest) => string,
  digest: string,
): Promise<Outcome<BlobStat>> {
  const known = parseDigest(digest);
  if (known === undefined) return badDigest(digest);
  const found = await findBlob(pathOf(known), known);
  return found === undefined ? blobUnknown(digest) : ok(found);
}

interface Put {
  readonly temp: string;
  readonly pathOf: (digest: Digest) => string;
  readonly bytesMax: number;
  readonly source: Uint8Array | AsyncIterable<Uint8Array>;
  readonly expected: string | undefined;
}

async function putBlob(put: Put): Promise<Outcome<BlobStat>> {
  const { expected } = put;
  if (expected !== undefined && parseDigest(expected) === undefined) return badDigest(expected);
  let sourceFailed = false;
  const source = noticeFailure(put.source, () => {
    sourceFailed = true;
  });
  try {
    const handle = await open(put.temp, "wx");
    let written: Outcome<BlobStat>;
    try {
      written = await writeSource(handle, source, put.bytesMax);
      if (written.ok) await handle.sync();
    } finally {
      await handle.close();
    }
    if (!written.ok) return written;
    const { digest } = written.value;
    if (expected !== undefined && digest !== expected) return digestMismatch(expected, digest);
    // The same digest may be there already: the rename then replaces equal bytes by equal bytes.
    await publish(put.temp, put.pathOf(digest));
    return written;
  } catch (error) {
    if (sourceFailed) throw error; // A broken socket looks like a file system error, too.
    return fileTrouble(error, "a blob");
  } finally {
    await rm(put.temp, { force: true });
  }
}

async function* noticeFailure(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  onFailure: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source instanceof Uint8Array ? [source] : source;
  } catch (error) {
    onFailure();
    throw error;
  }
}

async function writeSource(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Outcome<BlobStat>> {
  const hasher = createHash("sha256");
  let size = 0;
  for await (const chunk of source) {
    if (size + chunk.length > bytesMax) {
      return tooLarge("A blob", size + chunk.length, bytesMax);
    }
    hasher.update(chunk);
    await writeAll(handle, chunk, size);
    size += chunk.length;
  }
  return ok({ digest: `sha256:${hasher.digest("hex")}`, size });
}

function openBlob(
  path: string,
  size: number,
  range: { readonly start: number; readonly end: number } | undefined,
): Outcome<BlobContent> {
  const { start, end } = range ?? { start: 0, end: size };
  const refusal = refuseRange(start, end, size);
  return refusal ?? ok({ size, start, end, chunks: readRange(path, start, end) });
}

async function listBlobs(
  folder: string,
  after: Digest | undefined,
  limit: number,
): Promise<readonly BlobStat[]> {
  const afterHex = after === undefined ? "" : hexOf(after);
  const rows: BlobStat[] = [];
  const pairs = (await readdir(folder)).filter((name) => HEX_PAIR.test(name)).sort();
  for (const pair of pairs) {
    if (pair < afterHex.slice(0, 2)) continue;
    for (const hex of (await readdir(join(folder, pair))).sort()) {
      const digest = parseDigest(`sha256:${hex}`);
      if (digest === undefined || hex <= afterHex) continue;
      if (rows.length >= limit) return rows;
      const found = await findBlob(join(folder, pair, hex), digest);
      if (found !== undefined) rows.push(found);
    }
  }
  return rows;
}

// Uploads in pieces as files that grow. A piece may be lost in a power loss without a trace; the
// digest at the end finds that, and the upload starts anew. Their turns and what is refused are
// in ../uploads.ts.
import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Outcome, ok } from "@tequio/core/pool";
import { hexOf, parseDigest } from "../digest.ts";
import type { BlobStat, Digest } from "../port.ts";
import { digestMismatch } from "../refusals.ts";
import { createUploads, type UploadKind, type Uploads } from "../uploads.ts";
import { fileTrouble, publish, writeAll } from "./durable.ts";
import { hashFile } from "./read.ts";

/** `<hex>-<size>.part`: the name alone says what is expected, so a restart needs no index. */
const PART_NAME = /^([0-9a-f]{64})-(\d{1,15})\.part$/;

export interface UploadPlace extends Pick<UploadKind<Part>, "bytesMax" | "find"> {
  readonly folder: string;
  readonly pathOf: (digest: Digest) => string;
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
export async function openUploads(place: UploadPlace): Promise<Uploads> {
  const found: Part[] = [];
  for (const name of await readdir(place.folder)) {
    const [, hex, size] = PART_NAME.exec(name) ?? [];
    const digest = parseDigest(`sha256:${hex}`);
    if (digest !== undefined) found.push(partOf(place.folder, digest, Number(size)));
  }
  const kind: UploadKind<Part> = {
    bytesMax: place.bytesMax,
    find: place.find,
    offsetOf: async (part) => (await stat(part.path)).size,
    async create(digest, size) {
      const part = partOf(place.folder, digest, size);
      await (await open(part.path, "w")).close();
      return part;
    },
    append: appendPart,
    finish: (part) => finishPart(part, place.pathOf(part.digest)),
    discard: (part) => rm(part.path, { force: true }),
    troubleOf: (error) => fileTrouble(error, "an upload"),
    isForgotten: () => false,
  };
  return createUploads(kind, found);
}

async function appendPart(part: Part, offset: number, chunk: Uint8Array): Promise<void> {
  const handle = await open(part.path, "r+");
  try {
    await writeAll(handle, chunk, offset);
  } catch (error) {
    await handle.truncate(offset); // Half a chunk would make the offset a lie.
    throw error;
  } finally {
    await handle.close();
  }
}

async function finishPart(part: Part, path: string): Promise<Outcome<BlobStat>> {
  const handle = await open(part.path, "r+");
  try {
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

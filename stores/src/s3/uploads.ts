// Uploads in pieces that also go on after an absence of the server. Whole parts lie in a multipart
// upload and the bytes after them in an object of their own, so that every byte that was
// acknowledged is durable; a small object names the multipart upload. Their turns and what is
// refused are in ../uploads.ts.
import { createHash, type Hash } from "node:crypto";
import { type Outcome, ok } from "@tequio/core/pool";
import { digestOf } from "../digest.ts";
import { UPLOADS_MAX } from "../limits.ts";
import type { BlobStat, Digest } from "../port.ts";
import { digestMismatch } from "../refusals.ts";
import { createUploads, type UploadKind, type Uploads } from "../uploads.ts";
import type { Bucket, Multipart, Part } from "./bucket.ts";
import { type Keys, uploadKeys } from "./keys.ts";
import { PART_BYTES } from "./limits.ts";
import { hashObject, readWhole } from "./read.ts";
import { bucketTrouble, isNoUpload } from "./trouble.ts";

export interface UploadPlace {
  readonly bucket: Bucket;
  readonly keys: Keys;
  readonly bytesMax: number;
  readonly find: (digest: Digest) => Promise<BlobStat | undefined>;
}

/** One upload, as far as it is acknowledged. */
export interface Upload {
  readonly digest: Digest;
  readonly size: number;
  /** Nothing before the first whole part. */
  multipart: Multipart | undefined;
  /** Whole parts of PART_BYTES each, from number 1 on. */
  parts: readonly Part[];
  /** Bytes after the parts; they lie in the tail's object. */
  tailBytes: number;
  /** Over all bytes so far; nothing after a restart: then the object is read at the end. */
  hasher: Hash | undefined;
  /** The parts were put together already, at `incoming`. */
  joined: boolean;
}

const partBytes = (upload: Upload): number => upload.parts.length * PART_BYTES;
const offsetOf = (upload: Upload): number =>
  upload.joined ? upload.size : partBytes(upload) + upload.tailBytes;

/** The uploads of a bucket; `found` are those of an earlier process. */
export function openUploads(place: UploadPlace, found: readonly Upload[]): Uploads {
  const kind: UploadKind<Upload> = {
    bytesMax: place.bytesMax,
    find: place.find,
    offsetOf,
    create: (digest, size) => createUpload(place, digest, size),
    append: (upload, _offset, chunk) => appendChunk(place, upload, chunk),
    async finish(upload) {
      const done = await finishUpload(place, upload);
      if (done.ok || done.code === "DIGEST_MISMATCH") {
        // The blob is there, or will never be; what is left of the way goes at the next open.
        await discard(place, upload).catch(() => undefined);
      }
      return done;
    },
    discard: (upload) => discard(place, upload),
    troubleOf: (error) => bucketTrouble(error, "an upload"),
    isForgotten: isNoUpload,
  };
  return createUploads(kind, found);
}

async function createUpload(place: UploadPlace, digest: Digest, size: number): Promise<Upload> {
  await place.bucket.put(uploadKeys(place.keys, digest, size).state, new Uint8Array());
  return {
    ...{ digest, size, multipart: undefined, parts: [], tailBytes: 0, joined: false },
    hasher: createHash("sha256"),
  };
}

async function appendChunk(place: UploadPlace, upload: Upload, chunk: Uint8Array): Promise<void> {
  if (chunk.length === 0) return;
  const { bucket } = place;
  const keys = uploadKeys(place.keys, upload.digest, upload.size);
  const oldTail = keys.tail(partBytes(upload));
  const before = upload.tailBytes === 0 ? [] : [await readWhole(bucket, oldTail, upload.tailBytes)];
  let rest: Uint8Array = Buffer.concat([...before, chunk]);
  // Until all is on the server nothing of it counts: the same chunk then writes the same parts.
  const parts = [...upload.parts];
  while (rest.length >= PART_BYTES) {
    upload.multipart ??= await beginMultipart(bucket, keys);
    const bytes = rest.subarray(0, PART_BYTES);
    parts.push(await bucket.part(upload.multipart, parts.length + 1, bytes));
    rest = rest.subarray(PART_BYTES);
  }
  if (rest.length > 0) await bucket.put(keys.tail(parts.length * PART_BYTES), rest);
  const stale = upload.tailBytes > 0 && parts.length > upload.parts.length;
  upload.parts = parts;
  upload.tailBytes = rest.length;
  upload.hasher?.update(chunk);
  // An old tail misleads nobody: its name says where it began.
  if (stale) await bucket.remove(oldTail).catch(() => undefined);
}

async function beginMultipart(
  bucket: Bucket,
  keys: { readonly state: string; readonly incoming: string },
): Promise<Multipart> {
  const begun = await bucket.begin(keys.incoming);
  await bucket.put(keys.state, Buffer.from(begun.id));
  return begun;
}

async function finishUpload(place: UploadPlace, upload: Upload): Promise<Outcome<BlobStat>> {
  const { digest, size } = upload;
  // A copy: after an absence of the server this may come again.
  const early = upload.hasher?.copy().digest("hex");
  if (early !== undefined && `sha256:${early}` !== digest) {
    return digestMismatch(digest, `sha256:${early}`);
  }
  const { bucket, keys } = place;
  const own = uploadKeys(keys, digest, size);
  if (upload.multipart === undefined) {
    const bytes = size === 0 ? new Uint8Array() : await readWhole(bucket, own.tail(0), size);
    const found = digestOf(bytes);
    if (found !== digest) return digestMismatch(digest, found);
    await bucket.put(keys.blob(digest), bytes);
    return ok({ digest, size });
  }
  await join(place, upload, upload.multipart);
  if (upload.hasher === undefined) {
    const found = await hashObject(bucket, own.incoming, size);
    if (found !== digest) return digestMismatch(digest, found);
  }
  await bucket.copy(own.incoming, keys.blob(digest), size);
  return ok({ digest, size });
}

/** Makes the parts and the tail one object, which has no blob's name yet. */
async function join(place: UploadPlace, upload: Upload, multipart: Multipart): Promise<void> {
  if (upload.joined) return;
  const { bucket } = place;
  const own = uploadKeys(place.keys, upload.digest, upload.size);
  try {
    const parts = [...upload.parts];
    if (upload.tailBytes > 0) {
      const tail = await readWhole(bucket, own.tail(partBytes(upload)), upload.tailBytes);
      parts.push(await bucket.part(multipart, parts.length + 1, tail));
    }
    await bucket.complete(multipart, parts);
  } catch (error) {
    // The answer to an earlier try may have been lost on its way.
    if (!isNoUpload(error) || (await bucket.head(own.incoming)) !== upload.size) throw error;
  }
  upload.joined = true;
}

/** Removes what there is of an upload, the state last: with it a later process tries again. */
async function discard(place: UploadPlace, upload: Upload): Promise<void> {
  const { bucket, keys } = place;
  const own = uploadKeys(keys, upload.digest, upload.size);
  if (upload.multipart !== undefined) {
    await bucket.abort(upload.multipart);
    await bucket.remove(own.incoming);
  }
  for (const { key } of await bucket.list(own.folder, "", UPLOADS_MAX)) {
    if (key !== own.state) await bucket.remove(key);
  }
  await bucket.remove(own.state);
}

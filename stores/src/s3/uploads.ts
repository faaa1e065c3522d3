// Uploads in pieces that go on after a broken link, a restart of the control plane or an absence
// of the server. Whole parts lie in a multipart upload and the bytes after them in an object of
// their own, so that every byte that was acknowledged is durable; a small object names the
// multipart upload. How long an unfinished upload may stay is left to the server.
import { createHash, type Hash } from "node:crypto";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { digestOf, parseDigest } from "../digest.ts";
import { createTurns } from "../files/uploads.ts";
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

export interface Uploads {
  begin(digest: string, size: number): Promise<Outcome<UploadState>>;
  append(digest: string, offset: number, chunk: Uint8Array): Promise<Outcome<UploadState>>;
  finish(digest: string): Promise<Outcome<BlobStat>>;
  abort(digest: string): Promise<boolean>;
  all(): Promise<readonly UploadState[]>;
}

const partBytes = (upload: Upload): number => upload.parts.length * PART_BYTES;
const offsetOf = (upload: Upload): number =>
  upload.joined ? upload.size : partBytes(upload) + upload.tailBytes;
const stateOf = (upload: Upload): UploadState => ({
  digest: upload.digest,
  size: upload.size,
  offset: offsetOf(upload),
  complete: false,
});

/** The uploads of a bucket; `found` are those of an earlier process. */
export function createUploads(place: UploadPlace, found: readonly Upload[]): Uploads {
  const uploads = new Map(found.map((upload) => [upload.digest, upload]));
  const inTurn = createTurns();
  /** Looks the upload up when its turn has come: an earlier turn may have finished it. */
  const withUpload = <T>(
    text: string,
    act: (upload: Upload) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> =>
    inTurn(text, async () => {
      const digest = parseDigest(text);
      const upload = digest && uploads.get(digest);
      if (upload === undefined) return digest ? uploadUnknown(text) : badDigest(text);
      try {
        return await act(upload);
      } catch (error) {
        if (!isNoUpload(error)) return bucketTrouble(error, "an upload");
        // The server has forgotten it, by a rule of the bucket for instance: it starts anew.
        uploads.delete(upload.digest);
        await discard(place, upload).catch(() => undefined);
        return uploadUnknown(text);
      }
    });

  return {
    begin: (text, size) => inTurn(text, () => beginUpload(place, uploads, text, size)),
    append: (text, offset, chunk) =>
      withUpload(text, (upload) => appendChunk(place, upload, offset, chunk)),
    finish: (text) =>
      withUpload(text, async (upload) => {
        const done = await finishUpload(place, upload);
        if (done.ok || done.code === "DIGEST_MISMATCH") {
          uploads.delete(upload.digest);
          // The blob is there, or will never be; what is left of the way goes at the next open.
          await discard(place, upload).catch(() => undefined);
        }
        return done;
      }),
    abort: (text) =>
      inTurn(text, async () => {
        const digest = parseDigest(text);
        const upload = digest && uploads.get(digest);
        if (upload === undefined) return false;
        await discard(place, upload);
        uploads.delete(upload.digest);
        return true;
      }),
    all: async () => [...uploads.values()].map(stateOf),
  };
}

function refuseBegin(place: UploadPlace, text: string, size: number): Refusal | undefined {
  if (parseDigest(text) === undefined) return badDigest(text);
  if (!Number.isSafeInteger(size) || size < 0) {
    return refuse("INVALID_REQUEST", `${size} is no size.`, "Give the number of bytes.");
  }
  return size > place.bytesMax ? tooLarge("A blob", size, place.bytesMax) : undefined;
}

async function beginUpload(
  place: UploadPlace,
  uploads: Map<Digest, Upload>,
  text: string,
  size: number,
): Promise<Outcome<UploadState>> {
  const refusal = refuseBegin(place, text, size);
  if (refusal !== undefined) return refusal;
  const digest = text as Digest;
  try {
    const there = await place.find(digest);
    if (there !== undefined) return ok({ ...there, offset: there.size, complete: true });
    const old = uploads.get(digest);
    if (old?.size === size) return ok(stateOf(old));
    if (old === undefined && uploads.size >= UPLOADS_MAX) return uploadsTooMany(UPLOADS_MAX);
    // A digest has one true size: whoever names another one has to send everything again.
    if (old !== undefined) await discard(place, old);
    const upload: Upload = {
      ...{ digest, size, multipart: undefined, parts: [], tailBytes: 0, joined: false },
      hasher: createHash("sha256"),
    };
    await place.bucket.put(uploadKeys(place.keys, digest, size).state, new Uint8Array());
    uploads.set(digest, upload);
    return ok(stateOf(upload));
  } catch (error) {
    return bucketTrouble(error, "an upload");
  }
}

async function appendChunk(
  place: UploadPlace,
  upload: Upload,
  offset: number,
  chunk: Uint8Array,
): Promise<Outcome<UploadState>> {
  if (chunk.length > UPLOAD_CHUNK_BYTES_MAX) {
    return tooLarge("A chunk", chunk.length, UPLOAD_CHUNK_BYTES_MAX);
  }
  const right = offsetOf(upload);
  if (offset !== right) return wrongOffset(offset, right);
  const end = offset + chunk.length;
  if (end > upload.size) return tooLarge("The upload", end, upload.size);
  if (chunk.length === 0) return ok(stateOf(upload));
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
  return ok(stateOf(upload));
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
  const offset = offsetOf(upload);
  if (offset !== size) return wrongOffset(size, offset);
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

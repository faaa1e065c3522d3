// Blobs in a bucket, by digest: the BlobStore of the port over objects. Whole puts are in put.ts,
// uploads in pieces in uploads.ts; who may read a blob and when it may go is left to the server.
import { LIMITS, type Outcome, ok } from "@tequio/core/pool";
import { parseDigest } from "../digest.ts";
import { BLOB_LIST_ROWS_MAX } from "../limits.ts";
import type { BlobStat, BlobStore, Digest } from "../port.ts";
import { badDigest, blobUnknown, digestMismatch, refuseRange } from "../refusals.ts";
import type { Bucket } from "./bucket.ts";
import { digestOfKey, type Keys, makeKeys } from "./keys.ts";
import { putBlob } from "./put.ts";
import { hashObject, readObject } from "./read.ts";
import { findUploads, removeLeftovers } from "./resume.ts";
import { bucketTrouble } from "./trouble.ts";
import { openUploads } from "./uploads.ts";

export interface S3Blobs {
  readonly blobs: BlobStore;
  /** Half-done puts of earlier processes, removed at open. */
  readonly tempFilesRemoved: number;
  /** Ends the connections; the blobs stay. */
  close(): void;
}

export interface BucketPlace {
  readonly bucket: Bucket;
  /** Empty, or ends in `/`. Different pools of one bucket need different prefixes. */
  readonly prefix: string;
  readonly bytesMax?: number;
  /** Milliseconds since 1970, to tell old leftovers from puts under way. */
  readonly nowMs: number;
}

/** Opens the blobs under a prefix. Refuses STORE_UNREACHABLE, STORE_UNWRITABLE, STORE_FULL. */
export async function openBucketBlobs(place: BucketPlace): Promise<Outcome<S3Blobs>> {
  const { bucket } = place;
  const keys = makeKeys(place.prefix);
  const bytesMax = place.bytesMax ?? LIMITS.BLOB_BYTES_MAX;
  try {
    const find = (digest: Digest) => findBlob(bucket, keys, digest);
    const found = await findUploads(bucket, keys);
    const tempFilesRemoved = await removeLeftovers(bucket, keys, place.nowMs);
    const uploads = openUploads({ bucket, keys, bytesMax, find }, found);
    const blobs: BlobStore = {
      ...reading(bucket, keys),
      put: (source, expected) => putBlob({ bucket, keys, bytesMax }, source, expected),
      beginUpload: uploads.begin,
      appendUpload: uploads.append,
      finishUpload: uploads.finish,
      abortUpload: uploads.abort,
      uploads: uploads.all,
    };
    return ok({ blobs, tempFilesRemoved, close: () => bucket.close() });
  } catch (error) {
    return bucketTrouble(error, "the bucket");
  }
}

async function findBlob(bucket: Bucket, keys: Keys, digest: Digest): Promise<BlobStat | undefined> {
  const size = await bucket.head(keys.blob(digest));
  return size === undefined ? undefined : { digest, size };
}

type Reading = Pick<BlobStore, "has" | "stat" | "open" | "verify" | "delete" | "list">;

function reading(bucket: Bucket, keys: Keys): Reading {
  const stat = async (text: string): Promise<Outcome<BlobStat>> => {
    const digest = parseDigest(text);
    if (digest === undefined) return badDigest(text);
    try {
      const found = await findBlob(bucket, keys, digest);
      return found === undefined ? blobUnknown(text) : ok(found);
    } catch (error) {
      return bucketTrouble(error, "a blob");
    }
  };
  return {
    stat,
    async has(text) {
      const digest = parseDigest(text);
      return digest !== undefined && (await findBlob(bucket, keys, digest)) !== undefined;
    },
    async open(text, range) {
      const found = await stat(text);
      if (!found.ok) return found;
      const { digest, size } = found.value;
      const { start, end } = range ?? { start: 0, end: size };
      const chunks = readObject(bucket, keys.blob(digest), start, end);
      return refuseRange(start, end, size) ?? ok({ size, start, end, chunks });
    },
    async verify(text) {
      const found = await stat(text);
      if (!found.ok) return found;
      const { digest, size } = found.value;
      try {
        const real = await hashObject(bucket, keys.blob(digest), size);
        return real === digest ? found : digestMismatch(digest, real);
      } catch (error) {
        return bucketTrouble(error, "a blob");
      }
    },
    async delete(text) {
      const found = await stat(text);
      if (!found.ok) return found.code === "NOT_FOUND" ? ok(false) : found;
      try {
        await bucket.remove(keys.blob(found.value.digest));
        return ok(true);
      } catch (error) {
        return bucketTrouble(error, "the deletion");
      }
    },
    async list({ after, limit }) {
      const afterKey = after === undefined ? "" : keys.blob(after);
      const rows = await bucket.list(keys.blobs, afterKey, Math.min(limit, BLOB_LIST_ROWS_MAX));
      return rows.flatMap(({ key, size }) => {
        const digest = digestOfKey(keys, key);
        return digest === undefined ? [] : [{ digest, size }];
      });
    },
  };
}

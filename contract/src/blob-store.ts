// What an operator sees of the blobs as a whole, and the pass that removes the unused ones. Blobs
// themselves are put and fetched in the rows of streams and uploads.
import { z } from "zod";
import { define } from "./endpoint.ts";
import { Count } from "./primitives.ts";

/** What one pass through the blobs found and did; amounts in bytes. */
export const BlobPass = z.strictObject({
  blobs: Count,
  bytes: Count,
  /** Named by the pool's state. */
  referenced: Count,
  referencedBytes: Count,
  /** Unnamed, and within the grace or used during it. */
  waiting: Count,
  waitingBytes: Count,
  /** Removed; of a dry run: what would be removed now. */
  removed: Count,
  removedBytes: Count,
  uploadsAbandoned: Count,
  /** False when the control plane stopped before the end. */
  complete: z.boolean(),
});
export type BlobPass = z.infer<typeof BlobPass>;

export const BlobStoreView = z.strictObject({
  blobs: Count,
  bytes: Count,
  /** Bytes of the uploads under way, as they will be. */
  promisedBytes: Count,
  poolBytesMax: Count,
  projectBytesMax: Count,
  runBytesMax: Count,
  /** Milliseconds that a blob stays which nothing names. */
  graceMs: Count,
  /** The last whole pass; absent before the first. */
  last: BlobPass.optional(),
});
export type BlobStoreView = z.infer<typeof BlobStoreView>;

export const BLOB_ENDPOINTS = define({
  getBlobStore: {
    method: "GET",
    path: "/v1/blob-store",
    summary: "How many blobs there are, the quotas, and what the last pass found",
    callers: ["person"],
    permission: "blobs.manage",
    reply: BlobStoreView,
  },
  collectBlobs: {
    method: "POST",
    path: "/v1/blob-store/collect",
    summary: "Go through the blobs now and remove those unused for the grace, or only say which",
    callers: ["person"],
    permission: "blobs.manage",
    body: z.strictObject({ dryRun: z.boolean().default(false) }),
    reply: BlobPass,
  },
});

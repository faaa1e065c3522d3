// Puts a store together from the journal and snapshots of one and the blobs of another, so that
// a journal in SQLite or PostgreSQL goes with blobs in a bucket.
import type { Store } from "../port.ts";
import type { S3Blobs } from "./blobs.ts";

/** The store with other blobs. Closing it closes both; its own blobs stay where they are. */
export function withBlobs<T extends Store>(store: T, other: S3Blobs): T {
  const tempFilesRemoved = store.info.tempFilesRemoved + other.tempFilesRemoved;
  return {
    ...store,
    info: { ...store.info, kind: `${store.info.kind}+s3`, tempFilesRemoved },
    blobs: other.blobs,
    async close() {
      await store.close();
      other.close();
    },
  };
}

// The behaviour that every store has to show. A store's test file calls `storeConformance` once;
// what only one store can do (files, locks, broken disks) is tested beside that store.
import { describe } from "node:test";
import { archiveConformance } from "./conformance/archive.ts";
import { blobConformance } from "./conformance/blobs.ts";
import { journalConformance } from "./conformance/journal.ts";
import { snapshotConformance } from "./conformance/snapshots.ts";
import type { StoreSubject } from "./conformance/support.ts";
import { uploadConformance } from "./conformance/uploads.ts";

export {
  type PostgresServer,
  startFollower,
  startPostgres,
} from "./conformance/postgres-server.ts";
export { S3_CREDENTIALS, type S3Server, startS3 } from "./conformance/s3-server.ts";
export type { StoreSubject } from "./conformance/support.ts";

/** Registers the whole suite with node:test for one kind of store. */
export function storeConformance(subject: StoreSubject): void {
  describe(`the ${subject.name} store`, { concurrency: false }, () => {
    describe("journal", () => journalConformance(subject));
    describe("snapshots", () => snapshotConformance(subject));
    describe("archive", () => archiveConformance(subject));
    describe("blobs", () => blobConformance(subject));
    describe("uploads", () => uploadConformance(subject));
  });
}

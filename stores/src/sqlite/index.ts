// The store of one machine: SQLite for the journal, files for blobs and snapshots.
export { type BlobFolder, openBlobFolder, openBlobReader } from "../files/blobs.ts";
export { openSnapshotFolder } from "../files/snapshots.ts";
export { type OnlineFolder, openOnlineFolder } from "./online.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./open.ts";
export { inspectWal } from "./wal.ts";

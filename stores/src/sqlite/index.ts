// The store of one machine: SQLite for the journal, files for blobs and snapshots.
export { openSqliteStore, type SqliteStoreOptions } from "./open.ts";

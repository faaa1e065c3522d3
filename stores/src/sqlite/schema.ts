// The database's settings and tables, and the question whether this program may use it.
import type { DatabaseSync } from "node:sqlite";
import { type Outcome, ok } from "@tequio/core/pool";
import { journalCorrupt, storeNewer } from "../refusals.ts";

/** Grows when an older program would misread the tables; the older one then refuses to open. */
export const FORMAT_VERSION = 1;
/** "TQJ1": tells our databases from those of other programs. */
const APPLICATION_ID = 0x54514a31;

const number = (database: DatabaseSync, pragma: string): number =>
  Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0] as number;

/**
 * Sets the database up for one process and full durability, and makes the tables of a new one.
 * `bytesMax` bounds the database file. Refuses STORE_NEWER, and JOURNAL_CORRUPT for a database
 * of another program. Throws SQLite's errors.
 */
export function prepareDatabase(database: DatabaseSync, bytesMax?: number): Outcome<undefined> {
  // Exclusive before the first read: the log's index then lies in memory and no second process
  // can look in.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const id = number(database, "application_id");
  const version = number(database, "user_version");
  const isNew = id === 0 && database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
  if (!isNew && id !== APPLICATION_ID) {
    return journalCorrupt(1, "journal.sqlite was made by another program");
  }
  if (version > FORMAT_VERSION) return storeNewer(version, FORMAT_VERSION);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL"); // A commit is on the disk before it is answered.
  if (bytesMax !== undefined) {
    const pages = Math.floor(bytesMax / number(database, "page_size"));
    database.exec(`PRAGMA max_page_count = ${Math.max(1, pages)}`);
  }
  if (isNew) createTables(database);
  return ok(undefined);
}

function createTables(database: DatabaseSync): void {
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE journal (
      seq INTEGER PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      type TEXT NOT NULL,
      payload TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT_VERSION};
    COMMIT`);
}

// People in a file of their own beside the journal, `people.sqlite`, which only its owner may read.
// A rollback journal instead of a write-ahead log: little is written, and one file stays one file.
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { PeopleStore, Sql, SqlRow } from "./port.ts";
import { openPeople, PeopleStoreError } from "./store.ts";

export const PEOPLE_FILE = "people.sqlite";
/** A backup reads the file while the pool writes: each waits this long for the other. */
const BUSY_MS = 5_000;
/** SQLite's number of "database or disk is full". */
const SQLITE_FULL = 13;

function troubleOf(path: string, error: unknown): Refusal {
  const { errcode, message } = error as { readonly errcode?: number; readonly message: string };
  if (errcode === SQLITE_FULL) {
    return refuse("STORE_FULL", `${path} cannot grow: the disk is full.`, "Make room and go on.");
  }
  const hint = "Check the owner and the free space of the data folder.";
  return refuse("STORE_UNWRITABLE", `${path} cannot be used (${message}).`, hint);
}

function openSql(path: string): Sql {
  // Made by us, so that nobody else can read it even for a moment.
  closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  database.exec(
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
  );
  return sqlOf(database, path);
}

function sqlOf(database: DatabaseSync, path: string): Sql {
  return {
    wholeType: "INTEGER",
    prefix: "",
    async all(text, values) {
      try {
        const statement = database.prepare(text.replaceAll("$", "?"));
        return statement.all(...values) as SqlRow[];
      } catch (error) {
        throw new PeopleStoreError(troubleOf(path, error));
      }
    },
    async close() {
      if (database.isOpen) database.close();
    },
  };
}

/** The people of a folder that is only read; undefined when it has none. */
export async function readSqlitePeople(folder: string): Promise<Outcome<PeopleStore | undefined>> {
  const path = join(folder, PEOPLE_FILE);
  if (!existsSync(path)) return ok(undefined);
  try {
    const database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true });
    return ok(await openPeople(sqlOf(database, path), true));
  } catch (error) {
    return error instanceof PeopleStoreError ? error.refusal : troubleOf(path, error);
  }
}

/** The people of a data folder. Refuses STORE_UNWRITABLE, STORE_FULL. */
export async function openSqlitePeople(folder: string): Promise<Outcome<PeopleStore>> {
  const path = join(folder, PEOPLE_FILE);
  try {
    return ok(await openPeople(openSql(path)));
  } catch (error) {
    return error instanceof PeopleStoreError ? error.refusal : troubleOf(path, error);
  }
}

// The archive of one machine: a SQLite file of its own beside the journal. A damaged one, or one
// of another version, is thrown away: the server makes it anew from the journal.
import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { assert, type Outcome, ok } from "@tequio/core/pool";
import {
  ARCHIVE_ROWS_MAX,
  type ArchiveBatch,
  type ArchiveHead,
  type ArchiveStore,
  type JobBody,
  type LineBody,
} from "../archive.ts";
import {
  digestQuery,
  headQuery,
  jobsQuery,
  linesQuery,
  outcomesQuery,
  type Query,
  rowsOf,
  TABLES,
  tablesOf,
} from "../archive-sql.ts";
import { archiveConflict, storeClosed } from "../refusals.ts";
import { isDamaged, sqliteTrouble } from "./trouble.ts";

/** Grows when the tables change; another version's file is made anew. */
const ARCHIVE_VERSION = 1;
/** Rows written in one turn: about 4 ms. */
const ROWS_PER_TURN = 200;
const DIALECT = { prefix: "", mark: (n: number): string => `?${n}` };

export interface SqliteArchive {
  readonly archive: ArchiveStore;
  close(): void;
}

/** Opens the archive in a file; the caller holds the folder's lock. Throws SQLite's errors. */
export function openSqliteArchive(path: string): SqliteArchive {
  const database = openOrAnew(path);
  let closed = false;
  const guarded = <T>(act: () => Outcome<T>): Outcome<T> => {
    if (closed) return storeClosed();
    try {
      return act();
    } catch (error) {
      return sqliteTrouble(error).refusal;
    }
  };
  const all = <T>({ text, values }: Query): readonly T[] =>
    database.prepare(text).all(...values) as unknown as readonly T[];
  const head = (): ArchiveHead => {
    const row = database.prepare(headQuery("")).get();
    return row === undefined
      ? { batch: 0, digest: "" }
      : { batch: row.batch as number, digest: row.digest as string };
  };
  const archive: ArchiveStore = {
    head: async () => guarded(() => ok(head())),
    digestAt: async (batch) =>
      guarded(() => ok(all<{ readonly digest: string }>(digestQuery(DIALECT, batch))[0]?.digest)),
    async put(batch) {
      if (closed) return storeClosed();
      try {
        const last = head().batch;
        const isNext = batch.batch === last + 1 || (batch.batch === last && last > 0);
        if (!isNext) return archiveConflict(batch.batch, last);
        await write(database, batch);
        return ok(undefined);
      } catch (error) {
        return sqliteTrouble(error).refusal;
      }
    },
    clear: async () =>
      guarded(() => {
        database.exec(`BEGIN; ${TABLES.map((table) => `DELETE FROM ${table};`).join(" ")} COMMIT`);
        return ok(undefined);
      }),
    jobsById: async (jobIds) =>
      guarded(() => {
        assert(jobIds.length <= ARCHIVE_ROWS_MAX, "jobs are asked for within the limit");
        const rows = all<JobBody>({
          text: `SELECT job_id AS jobId, body FROM archive_job
            WHERE job_id IN (SELECT value FROM json_each(?1))`,
          values: [JSON.stringify(jobIds)],
        });
        return ok(new Map(rows.map(({ jobId, body }) => [jobId, body])));
      }),
    jobs: async (wanted) => guarded(() => ok(all<JobBody>(jobsQuery(DIALECT, wanted)))),
    outcomes: async (number) =>
      guarded(() => {
        const rows = all<{ readonly outcome: string }>(outcomesQuery(DIALECT, number));
        return ok(rows.map(({ outcome }) => outcome));
      }),
    lines: async (wanted) => guarded(() => ok(all<LineBody>(linesQuery(DIALECT, wanted)))),
  };
  return {
    archive,
    close() {
      closed = true;
      database.close();
    },
  };
}

/**
 * Others get their turns in between, as an array may have 10,000 tasks. Who reads meanwhile sees a
 * part of the batch, which is in the state as well until the journal says otherwise.
 */
async function write(database: DatabaseSync, batch: ArchiveBatch): Promise<void> {
  const rows = rowsOf(batch);
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const table of TABLES) {
      database.prepare(`DELETE FROM ${table} WHERE batch = ?`).run(batch.batch);
    }
    for (const table of TABLES) {
      const marks = rows[table][0]?.map(() => "?").join(", ");
      if (marks === undefined) continue;
      const insert = database.prepare(`INSERT INTO ${table} VALUES (${marks})`);
      for (const [i, row] of rows[table].entries()) {
        insert.run(...row);
        if ((i + 1) % ROWS_PER_TURN === 0) await new Promise((turn) => setImmediate(turn));
      }
    }
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function openOrAnew(path: string): DatabaseSync {
  try {
    const database = openFile(path);
    if (database !== undefined) return database;
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
  for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
  const database = openFile(path);
  assert(database !== undefined, "a new file has this version");
  return database;
}

/** Undefined for the file of another version. */
function openFile(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    };
    if (version !== 0 && version !== ARCHIVE_VERSION) {
      database.close();
      return undefined;
    }
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL"); // What it holds leaves the state after this.
    database.exec(`${tablesOf("")}; PRAGMA user_version = ${ARCHIVE_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

// The journal as one SQLite table: one row a record, one transaction a batch of appends, on the
// disk before anyone is answered. Locking, recovery and the other parts of the store are in
// open.ts; ordering and group commit are in append-queue.ts.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { createAppendQueue } from "../append-queue.ts";
import { EMPTY_HEAD, whyNotNext } from "../chain.ts";
import { createJournal, type OpenJournal } from "../journal.ts";
import { READ_PAGE_CHARS_MAX } from "../limits.ts";
import type { JournalHead, JournalRecord } from "../port.ts";
import { journalCorrupt } from "../refusals.ts";
import { isDamaged, sqliteTrouble } from "./trouble.ts";

/** Rows fetched at once. Fetching in groups is a third faster than row by row, and so many rows
 * of the largest payload still fit in memory. */
const FETCH_ROWS = 128;

export interface SqliteJournal extends OpenJournal {
  /** The hash of a record, for binding snapshots to the journal. */
  hashAt(seq: number): string | undefined;
}

type Row = readonly [seq: number, atMs: number, type: string, payload: string, hash: string];

/** Opens the journal in a database whose schema is there already. */
export function createSqliteJournal(database: DatabaseSync): SqliteJournal {
  const insert = database.prepare(
    "INSERT INTO journal (seq, at_ms, type, payload, hash) VALUES (?, ?, ?, ?, ?)",
  );
  const { hashAt, readPage } = createReader(database);
  let broken: Refusal | undefined;

  const queue = createAppendQueue(readHead(database), (records) => {
    if (broken !== undefined) return broken;
    const outcome = commit(database, insert, records);
    if (outcome.ok) return outcome;
    if (!outcome.mayGoOn) broken = outcome.refusal;
    return outcome.refusal;
  });

  return { ...createJournal(queue, readPage), hashAt };
}

/** Reads and verifies what lies in the table. */
function createReader(database: DatabaseSync) {
  const select = database.prepare(
    "SELECT seq, at_ms, type, payload, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
  );
  select.setReturnArrays(true); // Twice as fast as objects.
  const selectHash = database.prepare("SELECT hash FROM journal WHERE seq = ?");

  const hashAt = (seq: number): string | undefined =>
    seq === 0 ? EMPTY_HEAD.hash : (selectHash.get(seq)?.hash as string | undefined);

  function readPage(afterSeq: number, limit: number): Outcome<readonly JournalRecord[]> {
    const records: JournalRecord[] = [];
    let chars = 0;
    let last: JournalHead = { seq: afterSeq, hash: "" };
    try {
      last = { seq: afterSeq, hash: hashAt(afterSeq) ?? "" };
      while (records.length < limit && chars <= READ_PAGE_CHARS_MAX) {
        const rows = fetch(select, last.seq, Math.min(FETCH_ROWS, limit - records.length));
        for (const [seq, atMs, type, payload, hash] of rows) {
          const record = { seq, atMs, type, payload, hash };
          const why = whyNotNext(last, record);
          if (why !== undefined) return journalCorrupt(last.seq + 1, why);
          records.push(record);
          chars += payload.length;
          last = record;
          if (chars > READ_PAGE_CHARS_MAX) break;
        }
        if (rows.length === 0) break;
      }
    } catch (error) {
      if (!isDamaged(error)) throw error;
      return journalCorrupt(last.seq + 1, "the database file is damaged there");
    }
    return ok(records);
  }
  return { hashAt, readPage };
}

/** The next rows. Over damage it goes row by row, so that the first damaged one can be named. */
function fetch(select: StatementSync, afterSeq: number, limit: number): readonly Row[] {
  try {
    return select.all(afterSeq, limit) as unknown as readonly Row[];
  } catch (error) {
    if (!isDamaged(error) || limit === 1) throw error;
    return fetch(select, afterSeq, 1);
  }
}

function readHead(database: DatabaseSync): JournalHead {
  const row = database.prepare("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").get();
  return row === undefined ? EMPTY_HEAD : { seq: row.seq as number, hash: row.hash as string };
}

type Committed =
  | { readonly ok: true; readonly value: undefined }
  | { readonly ok: false; readonly refusal: Refusal; readonly mayGoOn: boolean };

function commit(
  database: DatabaseSync,
  insert: StatementSync,
  records: readonly JournalRecord[],
): Committed {
  try {
    database.exec("BEGIN IMMEDIATE");
    for (const { seq, atMs, type, payload, hash } of records) {
      insert.run(seq, atMs, type, payload, hash);
    }
    database.exec("COMMIT");
    return ok(undefined);
  } catch (error) {
    // SQLite may have rolled back by itself when the disk was full.
    if (database.isTransaction) database.exec("ROLLBACK");
    return { ok: false, ...sqliteTrouble(error) };
  }
}

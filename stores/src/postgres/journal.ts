// The journal as one table of a database: read in pages by sessions of their own, written by the
// one session in writer.ts. Ordering and group commit are in append-queue.ts.
import { type Outcome, ok } from "@tequio/core/pool";
import type { Pool } from "pg";
import { createAppendQueue } from "../append-queue.ts";
import { EMPTY_HEAD, whyNotNext } from "../chain.ts";
import { createJournal, type OpenJournal } from "../journal.ts";
import { READ_PAGE_CHARS_MAX } from "../limits.ts";
import type { JournalHead, JournalRecord } from "../port.ts";
import { journalCorrupt } from "../refusals.ts";
import type { Target } from "./connection.ts";
import { postgresTrouble } from "./trouble.ts";
import type { PostgresWriter } from "./writer.ts";

/** Rows fetched first: as many of the largest payload still fit in memory. */
const FETCH_ROWS_MIN = 64;
/** Rows fetched at once when they turn out small: a question costs as much as 50 of them. */
const FETCH_ROWS_MAX = 2_048;

/** Reads what lies in the table, with or without being its leader. */
export interface JournalReader {
  /** The hash of a record, for binding snapshots to the journal. Throws PostgreSQL's errors. */
  hashAt(seq: number): Promise<string | undefined>;
  /** Verified records after `afterSeq`; none when there is none. */
  readPage(afterSeq: number, limit: number): Promise<Outcome<readonly JournalRecord[]>>;
  /** The newest record. Throws PostgreSQL's errors. */
  readHead(): Promise<JournalHead>;
}

type Row = readonly [seq: number, atMs: number, type: string, payload: string, hash: string];

/** A reader of the journal's table. */
export function createReader(readers: Pool, target: Target): JournalReader {
  const table = `${target.schema}.journal`;
  const text = `SELECT seq, at_ms, type, payload, hash FROM ${table} WHERE seq > $1
    ORDER BY seq LIMIT $2`;

  async function hashAt(seq: number): Promise<string | undefined> {
    if (seq === 0) return EMPTY_HEAD.hash;
    const { rows } = await readers.query<{ hash: string }>(
      `SELECT hash FROM ${table} WHERE seq = $1`,
      [seq],
    );
    return rows[0]?.hash;
  }

  async function readPage(
    afterSeq: number,
    limit: number,
  ): Promise<Outcome<readonly JournalRecord[]>> {
    const records: JournalRecord[] = [];
    let chars = 0;
    try {
      let last: JournalHead = { seq: afterSeq, hash: (await hashAt(afterSeq)) ?? "" };
      while (records.length < limit && chars <= READ_PAGE_CHARS_MAX) {
        const count = Math.min(fetchRows(records.length, chars), limit - records.length);
        const values = [last.seq, count];
        const { rows } = await readers.query<Row[]>({ text, values, rowMode: "array" });
        for (const [seq, atMs, type, payload, hash] of rows as unknown as readonly Row[]) {
          const record = { seq, atMs, type, payload, hash };
          const why = whyNotNext(last, record);
          if (why !== undefined) return journalCorrupt(last.seq + 1, why);
          records.push(record);
          chars += payload.length;
          last = record;
          if (chars > READ_PAGE_CHARS_MAX) break;
        }
        if (rows.length < count) break;
      }
    } catch (error) {
      const trouble = postgresTrouble(error, target);
      return trouble.code === "JOURNAL_CORRUPT"
        ? journalCorrupt(afterSeq + records.length + 1, "the database is damaged there")
        : trouble;
    }
    return ok(records);
  }

  return {
    hashAt,
    readPage,
    async readHead() {
      const { rows } = await readers.query<JournalHead>(
        `SELECT seq, hash FROM ${table} ORDER BY seq DESC LIMIT 1`,
      );
      return rows[0] ?? EMPTY_HEAD;
    },
  };
}

/** As many rows as should fill the page, judged by those that came. */
function fetchRows(records: number, chars: number): number {
  if (records === 0) return FETCH_ROWS_MIN;
  const rest = (READ_PAGE_CHARS_MAX - chars) / Math.max(1, chars / records);
  return Math.max(FETCH_ROWS_MIN, Math.min(FETCH_ROWS_MAX, Math.floor(rest)));
}

/** The journal of a leader. */
export const createPostgresJournal = (writer: PostgresWriter, reader: JournalReader): OpenJournal =>
  createJournal(
    createAppendQueue(writer.head, (records) => writer.commit(records)),
    reader.readPage,
  );

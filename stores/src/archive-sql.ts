// The tables of an archive and the questions to them, as SQL that SQLite and PostgreSQL both
// understand; how values are marked in the text differs and is given. Running it is left to each.
import type { ArchiveBatch, JobsWanted, LinesWanted } from "./archive.ts";

export interface Dialect {
  /** Stands before the tables' names: empty, or a schema and a dot. */
  readonly prefix: string;
  /** Mark of the n-th value, from 1. */
  readonly mark: (n: number) => string;
}

export interface Query {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** Statements that make the tables where they are not there. */
export const tablesOf = (prefix: string): string => `
  CREATE TABLE IF NOT EXISTS ${prefix}archive_batch (
    batch bigint PRIMARY KEY, digest text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ${prefix}archive_job (
    number bigint NOT NULL, idx bigint NOT NULL, job_id text NOT NULL, project text NOT NULL,
    outcome text NOT NULL, batch bigint NOT NULL, body text NOT NULL,
    PRIMARY KEY (number, idx)
  );
  CREATE UNIQUE INDEX IF NOT EXISTS archive_job_id ON ${prefix}archive_job (job_id);
  CREATE INDEX IF NOT EXISTS archive_job_project ON ${prefix}archive_job (project, number, idx);
  CREATE INDEX IF NOT EXISTS archive_job_batch ON ${prefix}archive_job (batch);
  CREATE TABLE IF NOT EXISTS ${prefix}archive_ran (
    member text NOT NULL, number bigint NOT NULL, idx bigint NOT NULL, batch bigint NOT NULL,
    PRIMARY KEY (member, number, idx)
  );
  CREATE INDEX IF NOT EXISTS archive_ran_batch ON ${prefix}archive_ran (batch);
  CREATE TABLE IF NOT EXISTS ${prefix}archive_line (
    kind text NOT NULL, number bigint NOT NULL, at_ms bigint NOT NULL, project text NOT NULL,
    member text NOT NULL, batch bigint NOT NULL, body text NOT NULL,
    PRIMARY KEY (kind, number)
  );
  CREATE INDEX IF NOT EXISTS archive_line_time ON ${prefix}archive_line (kind, at_ms, number);
  CREATE INDEX IF NOT EXISTS archive_line_project
    ON ${prefix}archive_line (kind, project, at_ms, number);
  CREATE INDEX IF NOT EXISTS archive_line_member
    ON ${prefix}archive_line (kind, member, at_ms, number);
  CREATE INDEX IF NOT EXISTS archive_line_batch ON ${prefix}archive_line (batch)`;

/** The tables that hold rows of batches. */
export const TABLES = ["archive_batch", "archive_job", "archive_ran", "archive_line"] as const;

type Row = readonly (string | number)[];

/** The rows of a batch by table, in the order of the columns. */
export function rowsOf(batch: ArchiveBatch): Readonly<Record<(typeof TABLES)[number], Row[]>> {
  const of = batch.batch;
  return {
    archive_batch: [[of, batch.digest]],
    archive_job: batch.jobs.map((job) => [
      ...[job.number, job.index, job.jobId, job.project, job.outcome, of, job.body],
    ]),
    archive_ran: batch.jobs.flatMap(({ members, number, index }) =>
      members.map((member) => [member, number, index, of]),
    ),
    archive_line: batch.lines.map((line) => [
      ...[line.kind, line.number, line.atMs, line.project, line.member, of, line.body],
    ]),
  };
}

/** Collects conditions and their values. */
class Where {
  readonly values: (string | number)[] = [];
  readonly #mark: Dialect["mark"];
  #text = "";

  constructor(mark: Dialect["mark"]) {
    this.#mark = mark;
  }

  /** `?` in the condition stands for the next value. */
  and(condition: string, ...values: readonly (string | number)[]): void {
    let next = 0;
    const marked = condition.replaceAll("?", () => this.value(values[next++]!));
    this.#text += `${this.#text === "" ? " WHERE " : " AND "}${marked}`;
  }

  value(value: string | number): string {
    this.values.push(value);
    return this.#mark(this.values.length);
  }

  get text(): string {
    return this.#text;
  }
}

/** Jobs, newest first. */
export function jobsQuery({ prefix, mark }: Dialect, wanted: JobsWanted): Query {
  const { below, number, project, member, limit } = wanted;
  const where = new Where(mark);
  const place = member === undefined ? "j" : "r";
  if (member !== undefined) where.and("r.member = ?", member);
  if (below !== undefined) {
    where.and(`(${place}.number, ${place}.idx) < (?, ?)`, below.number, below.index);
  }
  if (number !== undefined) where.and(`${place}.number = ? AND ${place}.idx >= 0`, number);
  if (project !== undefined) where.and("j.project = ?", project);
  const jobs = `${prefix}archive_job j`;
  const from =
    member === undefined
      ? jobs
      : `${prefix}archive_ran r JOIN ${jobs} ON j.number = r.number AND j.idx = r.idx`;
  const text = `SELECT j.job_id AS "jobId", j.number AS number, j.idx AS "index", j.body AS body
    FROM ${from}${where.text} ORDER BY ${place}.number DESC, ${place}.idx DESC
    LIMIT ${where.value(limit)}`;
  return { text, values: where.values };
}

/** Different outcomes of the tasks of an array. */
export const outcomesQuery = ({ prefix, mark }: Dialect, number: number): Query => ({
  text: `SELECT DISTINCT outcome FROM ${prefix}archive_job
    WHERE number = ${mark(1)} AND idx >= 0 ORDER BY outcome`,
  values: [number],
});

/** Lines, oldest first. */
export function linesQuery({ prefix, mark }: Dialect, wanted: LinesWanted): Query {
  const { kind, project, member, fromMs, toMs, after, limit } = wanted;
  const where = new Where(mark);
  where.and("kind = ? AND at_ms >= ? AND at_ms < ?", kind, fromMs, toMs);
  if (project !== undefined) where.and("project = ?", project);
  if (member !== undefined) where.and("member = ?", member);
  if (after !== undefined) where.and("(at_ms, number) > (?, ?)", after.atMs, after.number);
  const text = `SELECT number, at_ms AS "atMs", body FROM ${prefix}archive_line${where.text}
    ORDER BY at_ms, number LIMIT ${where.value(limit)}`;
  return { text, values: where.values };
}

/** The newest batch. */
export const headQuery = (prefix: string): string =>
  `SELECT batch, digest FROM ${prefix}archive_batch ORDER BY batch DESC LIMIT 1`;

/** Digest of one batch. */
export const digestQuery = ({ prefix, mark }: Dialect, batch: number): Query => ({
  text: `SELECT digest FROM ${prefix}archive_batch WHERE batch = ${mark(1)}`,
  values: [batch],
});

// The archive in the pool's database: tables of their own beside the journal, written under the
// leader's epoch, read by everybody.
import { assert, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { Pool, PoolClient } from "pg";
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
} from "../archive-sql.ts";
import { archiveConflict, storeClosed } from "../refusals.ts";
import type { Target } from "./connection.ts";
import type { Fence } from "./snapshots.ts";
import { postgresTrouble, storeDeposed } from "./trouble.ts";

type Act = (client: PoolClient) => Promise<Refusal | undefined>;

/** The archive; without a fence it is only read, and a write refuses STORE_DEPOSED. */
export function createPostgresArchive(readers: Pool, target: Target, fence?: Fence): ArchiveStore {
  const prefix = `${target.schema}.`;
  const dialect = { prefix, mark: (n: number): string => `$${n}` };

  async function ask<T extends object>(query: Query): Promise<Outcome<readonly T[]>> {
    if (fence?.closed() === true) return storeClosed();
    try {
      const { rows } = await readers.query<T>(query.text, [...query.values]);
      return ok(rows);
    } catch (error) {
      return postgresTrouble(error, target);
    }
  }

  /** One transaction under the leader's epoch: a deposed one writes nothing. */
  async function change(act: Act): Promise<Outcome<undefined>> {
    if (fence === undefined) return storeDeposed(target.place);
    if (fence.closed()) return storeClosed();
    let client: PoolClient | undefined;
    let failed = true;
    try {
      client = await readers.connect();
      // On the disk before it is answered, whatever the server's default is: it leaves the state.
      await client.query("BEGIN; SET LOCAL synchronous_commit = on");
      const { rowCount } = await client.query(
        `SELECT 1 FROM ${prefix}leader WHERE epoch = $1 FOR SHARE`,
        [fence.epoch()],
      );
      const refusal = rowCount === 1 ? await act(client) : storeDeposed(target.place);
      await client.query(refusal === undefined ? "COMMIT" : "ROLLBACK");
      failed = false;
      return refusal ?? ok(undefined);
    } catch (error) {
      return postgresTrouble(error, target);
    } finally {
      client?.release(failed); // A failed session is closed, its transaction undone with it.
    }
  }

  return {
    async head() {
      const found = await ask<ArchiveHead>({ text: headQuery(prefix), values: [] });
      return found.ok ? ok(found.value[0] ?? { batch: 0, digest: "" }) : found;
    },
    async digestAt(batch) {
      const found = await ask<{ readonly digest: string }>(digestQuery(dialect, batch));
      return found.ok ? ok(found.value[0]?.digest) : found;
    },
    put: (batch) => change((client) => write(client, prefix, batch)),
    clear: () =>
      change(async (client) => {
        await client.query(`TRUNCATE ${TABLES.map((table) => prefix + table).join(", ")}`);
        return undefined;
      }),
    async jobsById(jobIds) {
      assert(jobIds.length <= ARCHIVE_ROWS_MAX, "jobs are asked for within the limit");
      const rows = await ask<JobBody>(byIdQuery(prefix, jobIds));
      return rows.ok ? ok(new Map(rows.value.map(({ jobId, body }) => [jobId, body]))) : rows;
    },
    jobs: (wanted) => ask<JobBody>(jobsQuery(dialect, wanted)),
    async outcomes(number) {
      const rows = await ask<{ readonly outcome: string }>(outcomesQuery(dialect, number));
      return rows.ok ? ok(rows.value.map(({ outcome }) => outcome)) : rows;
    },
    lines: (wanted) => ask<LineBody>(linesQuery(dialect, wanted)),
  };
}

const byIdQuery = (prefix: string, jobIds: readonly string[]): Query => ({
  text: `SELECT job_id AS "jobId", body FROM ${prefix}archive_job
    WHERE job_id IN (SELECT json_array_elements_text($1::json))`,
  values: [JSON.stringify(jobIds)],
});

async function write(
  client: PoolClient,
  prefix: string,
  batch: ArchiveBatch,
): Promise<Refusal | undefined> {
  const { rows } = await client.query<ArchiveHead>(headQuery(prefix));
  const last = rows[0]?.batch ?? 0;
  const isNext = batch.batch === last + 1 || (batch.batch === last && last > 0);
  if (!isNext) return archiveConflict(batch.batch, last);
  for (const table of TABLES) {
    await client.query(`DELETE FROM ${prefix}${table} WHERE batch = $1`, [batch.batch]);
  }
  const tables = rowsOf(batch);
  for (const table of TABLES) {
    const found = tables[table];
    const columns = found[0];
    if (columns === undefined) continue;
    const arrays = columns.map((_, column) => found.map((row) => row[column]!));
    const marks = columns.map((value, column) => {
      const type = typeof value === "number" ? "bigint" : "text";
      return `$${column + 1}::${type}[]`;
    });
    const text = `INSERT INTO ${prefix}${table} SELECT * FROM unnest(${marks.join(", ")})`;
    await client.query(text, arrays);
  }
  return undefined;
}

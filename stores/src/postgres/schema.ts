// The tables of a pool in a database, and the question whether this program may use them. One
// schema holds one pool.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Client } from "pg";
import { tablesOf } from "../archive-sql.ts";
import { storeIncomplete, storeNewer, storeNotEmpty } from "../refusals.ts";
import type { Target } from "./connection.ts";
import { readOnly } from "./trouble.ts";

/** Grows when an older program would misread the tables; the older one then refuses to open. */
export const FORMAT_VERSION = 1;
/** Name under which an unfinished copy says so. */
const INCOMPLETE = "incomplete";

/**
 * Makes the tables of a new pool. Only the holder of the lock may call it. `filling`: marks them
 * as the target of a copy. Refuses STORE_NEWER, STORE_INCOMPLETE, STORE_NOT_EMPTY and
 * STORE_UNWRITABLE. Throws PostgreSQL's errors.
 */
export async function prepareSchema(
  client: Client,
  target: Target,
  filling: boolean,
): Promise<Outcome<undefined>> {
  const { rows } = await client.query<{ encoding: string; read_only: string; made: boolean }>(
    `SELECT current_setting('server_encoding') AS encoding,
            current_setting('transaction_read_only') AS read_only,
            to_regclass($1) IS NOT NULL AS made`,
    [`${target.schema}.meta`],
  );
  const found = rows[0];
  if (found?.encoding !== "UTF8") return wrongEncoding(found?.encoding ?? "unknown");
  if (found.read_only === "on") return readOnly(target.place);
  if (!found.made) await createTables(client, target.schema);
  const { rows: meta } = await client.query<{ key: string; value: string }>(
    `SELECT key, value FROM ${target.schema}.meta`,
  );
  const version = Number(meta.find(({ key }) => key === "format")?.value);
  if (version > FORMAT_VERSION) return storeNewer(version, FORMAT_VERSION);
  if (meta.some(({ key }) => key === INCOMPLETE)) return storeIncomplete(target.place);
  // A read model that is made anew when it is missing: an older program may pass it by.
  await client.query(tablesOf(`${target.schema}.`));
  if (!filling) return ok(undefined);
  const { rowCount } = await client.query(`SELECT 1 FROM ${target.schema}.journal LIMIT 1`);
  if (rowCount !== 0) return storeNotEmpty(target.place);
  await client.query(`INSERT INTO ${target.schema}.meta VALUES ('${INCOMPLETE}', 'copy')`);
  return ok(undefined);
}

/** Takes the mark of an unfinished copy away. Throws PostgreSQL's errors. */
export async function unmark(client: Client, { schema }: Target): Promise<void> {
  await client.query(`DELETE FROM ${schema}.meta WHERE key = '${INCOMPLETE}'`);
}

const wrongEncoding = (found: string) =>
  refuse(
    "STORE_UNWRITABLE",
    `The database has the encoding ${found}; the journal needs UTF8.`,
    "Make the database with CREATE DATABASE tequio ENCODING 'UTF8' TEMPLATE template0.",
  );

async function createTables(client: Client, schema: string): Promise<void> {
  // Several statements without parameters are one transaction.
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS ${schema};
    CREATE TABLE ${schema}.journal (
      seq bigint PRIMARY KEY,
      at_ms bigint NOT NULL,
      type text NOT NULL,
      payload text NOT NULL,
      hash text NOT NULL
    );
    CREATE TABLE ${schema}.leader (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      epoch bigint NOT NULL,
      holder text NOT NULL,
      backend integer NOT NULL,
      beat_at timestamptz NOT NULL
    );
    CREATE TABLE ${schema}.snapshot (
      seq bigint PRIMARY KEY,
      format_version integer NOT NULL,
      chain_hash text NOT NULL,
      bytes bigint NOT NULL,
      sha256 text NOT NULL
    );
    CREATE TABLE ${schema}.snapshot_part (
      seq bigint NOT NULL REFERENCES ${schema}.snapshot ON DELETE CASCADE,
      part integer NOT NULL,
      bytes bytea NOT NULL,
      PRIMARY KEY (seq, part)
    );
    CREATE TABLE ${schema}.meta (key text PRIMARY KEY, value text NOT NULL);
    INSERT INTO ${schema}.meta VALUES ('format', '${FORMAT_VERSION}')`);
}

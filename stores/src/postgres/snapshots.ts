// Snapshots in the database, cut into parts, so that a control plane on another machine finds
// them too. Each names the journal's hash at its record; when to take one is left to the server.
import { hash } from "node:crypto";
import { assert, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { Pool, PoolClient } from "pg";
import { SNAPSHOT_BYTES_MAX, SNAPSHOTS_KEPT } from "../limits.ts";
import type { Snapshot, SnapshotInput, SnapshotStore } from "../port.ts";
import { storeClosed, tooLarge } from "../refusals.ts";
import type { Target } from "./connection.ts";
import type { JournalReader } from "./journal.ts";
import { postgresTrouble, storeDeposed } from "./trouble.ts";

/** Bytes of one part: a row of this size is fast to write and small beside a server's memory. */
const PART_BYTES = 4_194_304;

const HEADERS = `SELECT seq, format_version AS "formatVersion", chain_hash AS "chainHash",
  bytes, sha256`;

interface Header {
  readonly seq: number;
  readonly formatVersion: number;
  readonly chainHash: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface SnapshotTables {
  readonly snapshots: SnapshotStore;
  /** `baseSeq`: the newest that belongs to the journal, 0 without one. `aheadSeq`: one of a record
   * that the journal has lost. Throws PostgreSQL's errors. */
  compare(headSeq: number): Promise<{ readonly baseSeq: number; readonly aheadSeq?: number }>;
}

/** What a leader may still write: its epoch, and the refusal once it may not. */
export interface Fence {
  epoch(): number;
  closed(): boolean;
}

/** The snapshots of a pool. */
export function createSnapshotTables(
  readers: Pool,
  target: Target,
  reader: JournalReader,
  fence: Fence,
): SnapshotTables {
  const { schema } = target;
  async function newestFirst(): Promise<readonly Header[]> {
    const { rows } = await readers.query<Header>(
      `${HEADERS} FROM ${schema}.snapshot ORDER BY seq DESC`,
    );
    return rows;
  }

  async function put(snapshot: SnapshotInput): Promise<Outcome<{ seq: number }>> {
    if (fence.closed()) return storeClosed();
    const { seq, bytes } = snapshot;
    if (bytes.length > SNAPSHOT_BYTES_MAX) {
      return tooLarge("A snapshot", bytes.length, SNAPSHOT_BYTES_MAX);
    }
    let client: PoolClient | undefined;
    let failed = true;
    try {
      const chainHash = await reader.hashAt(seq);
      assert(chainHash !== undefined, "a snapshot is not ahead of its journal");
      client = await readers.connect();
      const whole = { ...snapshot, chainHash };
      const refusal = await writeSnapshot(client, target, whole, fence.epoch());
      failed = false;
      return refusal ?? ok({ seq });
    } catch (error) {
      return postgresTrouble(error, target);
    } finally {
      client?.release(failed); // A failed session is closed, its transaction undone with it.
    }
  }

  async function latest(): Promise<Outcome<Snapshot | undefined>> {
    const skipped: number[] = [];
    try {
      for (const header of await newestFirst()) {
        const bytes = await readParts(readers, target, header);
        const ours = header.chainHash === (await reader.hashAt(header.seq));
        if (bytes !== undefined && ours) {
          const { seq, formatVersion } = header;
          return ok({ seq, formatVersion, bytes, skipped });
        }
        skipped.push(header.seq);
      }
      return ok(undefined);
    } catch (error) {
      return postgresTrouble(error, target);
    }
  }

  return {
    snapshots: { put, latest },
    async compare(headSeq) {
      for (const { seq, chainHash } of await newestFirst()) {
        if (seq > headSeq) return { baseSeq: 0, aheadSeq: seq };
        if (chainHash === (await reader.hashAt(seq))) return { baseSeq: seq };
      }
      return { baseSeq: 0 };
    },
  };
}

/** All in one transaction, under the leader's epoch: a deposed one writes nothing. */
async function writeSnapshot(
  client: PoolClient,
  target: Target,
  snapshot: SnapshotInput & { readonly chainHash: string },
  epoch: number,
): Promise<Refusal | undefined> {
  const { schema, place } = target;
  const { seq, formatVersion, chainHash, bytes } = snapshot;
  await client.query("BEGIN");
  const { rowCount } = await client.query(
    `SELECT 1 FROM ${schema}.leader WHERE epoch = $1 FOR SHARE`,
    [epoch],
  );
  if (rowCount !== 1) {
    await client.query("ROLLBACK");
    return storeDeposed(place);
  }
  await client.query(`DELETE FROM ${schema}.snapshot WHERE seq = $1`, [seq]);
  await client.query(`INSERT INTO ${schema}.snapshot VALUES ($1, $2, $3, $4, $5)`, [
    ...[seq, formatVersion, chainHash, bytes.length, hash("sha256", bytes)],
  ]);
  for (let from = 0, part = 0; from < bytes.length; from += PART_BYTES, part++) {
    const piece = bytes.subarray(from, from + PART_BYTES);
    await client.query(`INSERT INTO ${schema}.snapshot_part VALUES ($1, $2, $3)`, [
      ...[seq, part, Buffer.from(piece.buffer, piece.byteOffset, piece.length)],
    ]);
  }
  await client.query(
    `DELETE FROM ${schema}.snapshot WHERE seq NOT IN
       (SELECT seq FROM ${schema}.snapshot ORDER BY seq DESC LIMIT ${SNAPSHOTS_KEPT})`,
  );
  await client.query("COMMIT");
  return undefined;
}

/** The bytes, or nothing when they are not those that were put. */
async function readParts(
  readers: Pool,
  { schema }: Target,
  header: Header,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  const count = Math.ceil(header.bytes / PART_BYTES);
  for (let part = 0; part < count; part++) {
    const { rows } = await readers.query<{ bytes: Buffer }>(
      `SELECT bytes FROM ${schema}.snapshot_part WHERE seq = $1 AND part = $2`,
      [header.seq, part],
    );
    if (rows[0] === undefined) return undefined;
    parts.push(rows[0].bytes);
  }
  const bytes = Buffer.concat(parts);
  return hash("sha256", bytes) === header.sha256 ? bytes : undefined;
}

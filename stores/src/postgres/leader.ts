// Who may write: the session that holds the advisory lock, and only under the newest epoch. The
// lock keeps a second control plane out for as long as the first one's session lives; the epoch
// stops a first one that lost its session and does not know it yet, because every append checks
// it in its own transaction.
import { hash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Client } from "pg";
import type { Target } from "./connection.ts";

export interface Leader {
  readonly epoch: number;
  /** Process and host with a mark of their own, as `takeEpoch` was given it. */
  readonly holder: string;
  /** Milliseconds since its last sign of life, by the server's clock. */
  readonly beatAgeMs: number;
}

/** A name for this opening of the store: two of one process differ. */
export const newHolder = (): string =>
  `process ${process.pid} on ${hostname()} (${randomBytes(4).toString("hex")})`;

/** The holder as people are told: without the mark. */
export const spoken = (holder: string): string => holder.replace(/ \([0-9a-f]+\)$/, "");

/** One lock for each schema of a database: the beginning of its name's SHA-256 as two integers. */
function lockKeys({ schema }: Target): readonly [number, number] {
  const bytes = Buffer.from(hash("sha256", `tequio:${schema}`), "hex");
  return [bytes.readInt32BE(0), bytes.readInt32BE(4)];
}

/** Takes the lock for the life of the session; false when another session has it. */
export async function tryLock(client: Client, target: Target): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_lock($1::int, $2::int) AS locked",
    [...lockKeys(target)],
  );
  return rows[0]?.locked === true;
}

/** Ends the session that has the lock; true when there was one that this user may end. */
export async function evict(client: Client, target: Target): Promise<boolean> {
  const { rows } = await client.query<{ ended: boolean }>(
    `SELECT pg_terminate_backend(pid) AS ended FROM pg_locks
     WHERE locktype = 'advisory' AND granted AND objsubid = 2
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND classid = ($1::bigint & 4294967295)::oid AND objid = ($2::bigint & 4294967295)::oid`,
    [...lockKeys(target)],
  );
  return rows.some(({ ended }) => ended);
}

/** Who led last, whether it is still there or not; nothing in an empty database. */
export async function leaderOf(client: Client, target: Target): Promise<Leader | undefined> {
  const table = `${target.schema}.leader`;
  const { rows: made } = await client.query("SELECT to_regclass($1) AS made", [table]);
  if (made[0]?.made === null) return undefined;
  const { rows } = await client.query<Leader>(
    `SELECT epoch, holder,
       (extract(epoch FROM clock_timestamp() - beat_at) * 1000)::bigint AS "beatAgeMs"
     FROM ${table}`,
  );
  return rows[0];
}

/** Begins a new epoch under our name. Waits for an append under the old one that has begun. */
export async function takeEpoch(client: Client, target: Target, holder: string): Promise<number> {
  const { rows } = await client.query<{ epoch: number }>(
    `INSERT INTO ${target.schema}.leader AS l (epoch, holder, backend, beat_at)
     VALUES (1, $1, pg_backend_pid(), clock_timestamp())
     ON CONFLICT (one) DO UPDATE SET epoch = l.epoch + 1, holder = $1,
       backend = pg_backend_pid(), beat_at = clock_timestamp()
     RETURNING epoch`,
    [holder],
  );
  return rows[0]?.epoch ?? 0;
}

/** Gives a sign of life; false when the epoch is over. */
export async function beat(client: Client, target: Target, epoch: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE ${target.schema}.leader SET beat_at = clock_timestamp() WHERE epoch = $1`,
    [epoch],
  );
  return rowCount === 1;
}

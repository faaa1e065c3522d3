// Where the leader is, told to those who follow: its address stands in the table `meta` with the
// name of its holder, so that the address of one that led before is never taken for the leader's.
import type { Client } from "pg";
import type { Target } from "./connection.ts";

/** Key of the table `meta`. */
export const LEADER_URL = "leader_url";
/** Between the holder's name and its address. */
export const BETWEEN = "\n";

/** Says where this leader is; nothing happens when its epoch is over. */
export async function announceLeader(
  client: Client,
  { schema }: Target,
  epoch: number,
  url: string,
): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}.meta (key, value)
     SELECT $1, holder || $2 || $3 FROM ${schema}.leader WHERE epoch = $4
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [LEADER_URL, BETWEEN, url, epoch],
  );
}

// A database's pool for a control plane that does not lead: the journal as it grows, the snapshots,
// and who leads. It takes no lock and writes nothing.
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { LeaderSight, StoreReplica } from "../replica.ts";
import { BETWEEN, LEADER_URL } from "./announce.ts";
import { createPostgresArchive } from "./archive.ts";
import { openReaders, parseTarget, type Target } from "./connection.ts";
import { JournalTail } from "./follow.ts";
import { createReader } from "./journal.ts";
import { type PostgresStoreOptions, SCHEMA_DEFAULT } from "./open.ts";
import { createSnapshotTables } from "./snapshots.ts";
import { postgresTrouble } from "./trouble.ts";

const noPool = (place: string): Refusal =>
  refuse(
    "NOT_FOUND",
    `There is no pool yet at ${place}.`,
    "Start a control plane with this --store; it makes one.",
  );

/** Opens a replica. Refuses NOT_FOUND for a database without a pool, and STORE_UNREACHABLE. */
export async function openPostgresReplica(
  options: Pick<PostgresStoreOptions, "url" | "schema">,
): Promise<Outcome<StoreReplica>> {
  const parsed = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!parsed.ok) return parsed;
  const target = parsed.value;
  const readers = openReaders(target);
  const reader = createReader(readers, target);
  const giveUp = async (why: Refusal): Promise<Refusal> => {
    await readers.end();
    return why;
  };
  try {
    const { rows } = await readers.query<{ made: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS made",
      [`${target.schema}.journal`],
    );
    const made = rows[0]?.made === true && (await reader.readHead()).seq > 0;
    if (!made) return giveUp(noPool(target.place));
  } catch (error) {
    return giveUp(postgresTrouble(error, target));
  }
  const fence = { epoch: () => 0, closed: () => true };
  const { latest } = createSnapshotTables(readers, target, reader, fence).snapshots;
  return ok({
    journal: { read: ({ afterSeq, limit }) => reader.readPage(afterSeq, limit) },
    snapshots: { latest },
    archive: createPostgresArchive(readers, target),
    follow: (tail) => new JournalTail(reader, tail),
    async leader() {
      try {
        const { rows } = await readers.query<Sight>(sightSql(target), [LEADER_URL]);
        return ok(sightOf(rows[0]));
      } catch (error) {
        return postgresTrouble(error, target);
      }
    },
    close: () => readers.end(),
  });
}

interface Sight {
  readonly holder: string | null;
  readonly announced: string | null;
  readonly readOnly: string;
  readonly headSeq: number;
}

const sightSql = ({ schema }: Target): string =>
  `SELECT (SELECT holder FROM ${schema}.leader) AS holder,
     (SELECT value FROM ${schema}.meta WHERE key = $1) AS announced,
     (SELECT coalesce(max(seq), 0) FROM ${schema}.journal) AS "headSeq",
     current_setting('transaction_read_only') AS "readOnly"`;

function sightOf(row: Sight | undefined): LeaderSight {
  const { holder, announced, headSeq = 0 } = row ?? {};
  const readOnly = row?.readOnly === "on";
  const prefix = `${holder}${BETWEEN}`;
  const known = holder != null && announced?.startsWith(prefix) === true;
  return { url: known ? announced?.slice(prefix.length) : undefined, readOnly, headSeq };
}

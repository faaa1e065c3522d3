// A look at a pool in a database that a control plane may have open: for backups. It takes no
// lock and writes nothing; what is appended after the opening is left out.
import { join, resolve } from "node:path";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { EMPTY_HEAD } from "../chain.ts";
import { openBlobReader } from "../files/blobs.ts";
import type { StoreSource } from "../port.ts";
import { storeClosed } from "../refusals.ts";
import { openReaders, parseTarget } from "./connection.ts";
import { createReader } from "./journal.ts";
import { type PostgresStoreOptions, SCHEMA_DEFAULT } from "./open.ts";
import { createSnapshotTables } from "./snapshots.ts";
import { postgresTrouble } from "./trouble.ts";

const noPool = (place: string): Refusal =>
  refuse(
    "NOT_FOUND",
    `There is no pool to be read at ${place}.`,
    "Give the address that `tequio up --store` has.",
  );

/** Opens a source whose head is that of this moment. Refuses NOT_FOUND for a database without a
 * pool, and what opening a store refuses. */
export async function openPostgresSource(
  options: Pick<PostgresStoreOptions, "url" | "folder" | "schema">,
): Promise<Outcome<StoreSource>> {
  const target = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const readers = openReaders(target.value);
  const reader = createReader(readers, target.value);
  try {
    const { rows } = await readers.query<{ made: boolean }>(
      "SELECT to_regclass($1) IS NOT NULL AS made",
      [`${target.value.schema}.journal`],
    );
    const head = rows[0]?.made === true ? await reader.readHead() : EMPTY_HEAD;
    if (head.seq === 0) {
      await readers.end();
      return noPool(target.value.place);
    }
    const fence = { epoch: () => 0, closed: () => true };
    const { latest } = createSnapshotTables(readers, target.value, reader, fence).snapshots;
    let closed = false;
    return ok({
      journal: {
        head: () => head,
        async read({ afterSeq, limit }) {
          if (closed) return storeClosed();
          if (afterSeq >= head.seq) return ok([]);
          return reader.readPage(afterSeq, Math.min(limit, head.seq - afterSeq));
        },
      },
      snapshots: { latest },
      blobs: openBlobReader(join(resolve(options.folder), "blobs")),
      async close() {
        if (!closed) await readers.end();
        closed = true;
      },
    });
  } catch (error) {
    await readers.end();
    return postgresTrouble(error, target.value);
  }
}

// Plain statements in a pool's database, beside the journal and without its lock: for what the
// server keeps of people. The tables and what they mean are the server's; trouble is told as
// everywhere here.
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { openReaders, parseTarget } from "./connection.ts";
import { SCHEMA_DEFAULT } from "./open.ts";
import { postgresTrouble } from "./trouble.ts";

export interface PostgresSql {
  readonly wholeType: "BIGINT";
  /** Stands before the name of every table: the schema of the pool. */
  readonly prefix: string;
  /** Rows that a statement gives; `$1`, `$2` stand for the values. Throws what `asError` makes. */
  readonly all: (
    text: string,
    values: readonly (string | number | null)[],
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly close: () => Promise<void>;
}

/** Opens sessions as they are needed; `asError` makes of a refusal what is thrown. */
export function openPostgresSql(
  url: string,
  asError: (refusal: Refusal) => Error,
): Outcome<PostgresSql> {
  const target = parseTarget(url, SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const sessions = openReaders(target.value);
  return ok({
    wholeType: "BIGINT",
    prefix: `${SCHEMA_DEFAULT}.`,
    async all(text, values) {
      try {
        const { rows } = await sessions.query<Record<string, unknown>>(text, [...values]);
        return rows;
      } catch (error) {
        throw asError(postgresTrouble(error, target.value));
      }
    },
    async close() {
      if (!sessions.ended) await sessions.end();
    },
  });
}

// Reads lists page by page up to the number of rows that was asked for.
import type { CallReply, Client } from "@tequio/contract";
import type { Trouble } from "./verb.ts";

/** Rows that the pool gives at one time; LIMITS.PAGE_ROWS_MAX there. */
const PAGE_ROWS = 500;

export interface Rows<T> {
  readonly ok: true;
  readonly rows: readonly T[];
  /** There are more than were asked for. */
  readonly more: boolean;
}

type Lists = "listJobs" | "listMembers" | "listRuns" | "listTokens" | "listUsers";
type RowOf<N extends Lists> = CallReply<N>["rows"][number];

/** Up to `limit` rows of a list. */
export async function readRows<N extends Lists>(
  pool: Client,
  name: N,
  query: Readonly<Record<string, unknown>>,
  limit: number,
): Promise<Rows<RowOf<N>> | (Trouble & { readonly ok: false })> {
  const rows: RowOf<N>[] = [];
  let cursor: string | undefined;
  for (;;) {
    const want = Math.min(PAGE_ROWS, limit - rows.length);
    const input = { query: { ...query, limit: want, cursor } };
    const reply = await pool.call(name, input as unknown as Parameters<typeof pool.call<N>>[1]);
    if (!reply.ok) return reply;
    const page = reply.value as { rows: RowOf<N>[]; nextCursor?: string };
    rows.push(...page.rows);
    cursor = page.nextCursor;
    if (cursor === undefined || rows.length >= limit) {
      return { ok: true, rows: rows.slice(0, limit), more: cursor !== undefined };
    }
  }
}

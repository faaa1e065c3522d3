// The months of the books: their totals, and whether they are closed. The lines of a month are in
// its statement.
import { z } from "zod";
import { define } from "./endpoint.ts";
import { Count, EpochMs } from "./primitives.ts";

export const BookMonth = z.strictObject({
  /** Year and month, UTC, e.g. `2026-11`. */
  period: z.string(),
  fromMs: EpochMs,
  /** First moment of the next month. */
  toMs: EpochMs,
  /** Nothing of a closed month changes any more. */
  state: z.enum(["open", "closed"]),
  /** SHA-256 of the whole pool's totals of a closed month; the event `books.closed` has it, too. */
  digest: z.string().optional(),
  /** Attempts of jobs that ended in the month. */
  leases: Count,
  deviceMs: Count,
  cpuMs: Count,
  tokens: Count,
  bytesUp: Count,
  bytesDown: Count,
  microCredits: z.number().int(),
});
export type BookMonth = z.infer<typeof BookMonth>;

export const BOOKS_ENDPOINTS = define({
  listBooks: {
    method: "GET",
    path: "/v1/books",
    summary: "The months of the books, newest first, with totals of what the caller may see",
    callers: ["person"],
    permission: "usage.read",
    reply: z.strictObject({ rows: z.array(BookMonth) }),
  },
});

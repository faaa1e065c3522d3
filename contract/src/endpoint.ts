// What a row of the endpoint table says: request, shapes, who may call and what they need for it.
import type { Permission } from "@tequio/core/pool";
import type { z } from "zod";

/** Who may call: anybody; a person's token; a lease's task token; a site's token. */
export type Caller = "anyone" | "person" | "task" | "site";

export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `:name` marks a path parameter. */
  readonly path: string;
  readonly summary: string;
  readonly callers: readonly Caller[];
  /** What a person needs for it; the server also asks for what it is done to. Null: no person. */
  readonly permission: Permission | null;
  /** Where everybody may do it with what is their own: what it takes for what is others'. */
  readonly forOthers?: Permission;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly reply: z.ZodType;
  readonly status?: number;
  /** Takes an Idempotency-Key header: the same key and body give the same answer again. */
  readonly idempotent?: boolean;
}

/** Keeps the exact type of every row. */
export const define = <const T extends Record<string, Endpoint>>(table: T): T => table;

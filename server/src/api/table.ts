// The types that tie a handler to its row in the contract's table: parsed parameters, query and
// body in, the endpoint's reply or a refusal out.
import type { CallReply, ENDPOINTS, EndpointName } from "@tequio/contract";
import type { LeaseState } from "@tequio/core/controller";
import { assert, type Outcome } from "@tequio/core/pool";
import type { Context } from "../context.ts";
import type { Web } from "../signin/web.ts";
import type { Caller } from "./caller.ts";

type Row<N extends EndpointName> = (typeof ENDPOINTS)[N];
type Parsed<S> = S extends { readonly _zod: { readonly output: infer T } } ? T : undefined;
type Part<N extends EndpointName, K extends string> =
  Row<N> extends Record<K, infer S> ? Parsed<S> : undefined;

/** One request, parsed and authenticated. */
export interface Call<N extends EndpointName> {
  readonly context: Context;
  readonly caller: Caller;
  readonly params: Part<N, "params">;
  readonly query: Part<N, "query">;
  readonly body: Part<N, "body">;
  readonly idempotencyKey: string | undefined;
  /** Address under which the caller reached the pool. */
  readonly baseUrl: string;
  /** The trace that this request belongs to, for jobs that it submits. */
  readonly traceparent: string | undefined;
  /** For signing in: cookies, and where the caller is. */
  readonly web: Web;
  /** Aborted when the caller has gone or the server closes. */
  readonly signal: () => AbortSignal;
}

export type Answer<N extends EndpointName> = Outcome<CallReply<N>> | Promise<Outcome<CallReply<N>>>;
export type Handler<N extends EndpointName> = (call: Call<N>) => Answer<N>;
export type Handlers<N extends EndpointName = EndpointName> = {
  readonly [Name in N]: Handler<Name>;
};

/** The user behind the call, on endpoints that only persons may use. */
export function userOf(caller: Caller): string {
  assert(caller.kind === "person", "the endpoint is for persons");
  return caller.user;
}

/** The lease behind the call, on endpoints that only tasks may use. */
export function leaseOf(caller: Caller): LeaseState {
  assert(caller.kind === "task", "the endpoint is for tasks");
  return caller.lease;
}

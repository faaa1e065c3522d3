// The typed client, made from the endpoint table. It works in Node and in browsers. It retries
// nothing by itself except where the endpoint is idempotent and the connection broke.
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { ENDPOINTS, type EndpointName } from "./endpoints.ts";
import { Problem } from "./primitives.ts";

type Table = typeof ENDPOINTS;
type PartInput<E, K extends string> =
  E extends Record<K, infer S extends z.ZodType> ? Record<K, z.input<S>> : unknown;
/** Arguments of an endpoint: `params`, `query` and `body` as far as it has them. */
export type CallInput<N extends EndpointName> = PartInput<Table[N], "params"> &
  PartInput<Table[N], "body"> &
  (Table[N] extends { query: infer Q extends z.ZodType } ? { query?: z.input<Q> } : unknown) & {
    readonly idempotencyKey?: string;
    readonly signal?: AbortSignal;
  };
export type CallReply<N extends EndpointName> = z.output<Table[N]["reply"]>;

export interface ClientOptions {
  /** Base address, e.g. `http://127.0.0.1:8420`. */
  readonly url: string;
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

export interface Client {
  readonly url: string;
  readonly token: string | undefined;
  /** Calls an endpoint; a refusal of the pool, or no answer at all, comes back as a value. */
  call<N extends EndpointName>(name: N, input: CallInput<N>): Promise<Outcome<CallReply<N>>>;
}

const RETRIES_MAX = 2;

interface LooseInput {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Makes a client for one pool. */
export function makeClient(options: ClientOptions): Client {
  const url = options.url.replace(/\/+$/, "");
  const doFetch = options.fetch ?? fetch;
  async function call(name: EndpointName, input: LooseInput): Promise<Outcome<unknown>> {
    const endpoint: Endpoint = ENDPOINTS[name];
    const key = input.idempotencyKey ?? (endpoint.idempotent ? crypto.randomUUID() : undefined);
    const headers: Record<string, string> = { accept: "application/json" };
    if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
    if (key !== undefined) headers["idempotency-key"] = key;
    if (input.body !== undefined) headers["content-type"] = "application/json";
    const init: RequestInit = { method: endpoint.method, headers };
    if (input.body !== undefined) init.body = JSON.stringify(input.body);
    if (input.signal !== undefined) init.signal = input.signal;
    const safe = endpoint.method === "GET" || key !== undefined;
    for (let tries = 0; ; tries += 1) {
      try {
        const reply = await doFetch(url + target(endpoint, input), init);
        return await outcomeOf(reply);
      } catch (error) {
        if (input.signal?.aborted === true || !safe || tries >= RETRIES_MAX) {
          return unreachable(url, error);
        }
        await new Promise((done) => setTimeout(done, 200 * 2 ** tries));
      }
    }
  }
  return { url, token: options.token, call: call as Client["call"] };
}

function target(endpoint: Endpoint, input: LooseInput): string {
  const path = endpoint.path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(input.params?.[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

async function outcomeOf(reply: Response): Promise<Outcome<unknown>> {
  const text = await reply.text();
  const data: unknown = text === "" ? undefined : JSON.parse(text);
  if (reply.ok) return ok(data);
  const problem = Problem.safeParse(data);
  if (problem.success) return { ok: false, ...problem.data } as Refusal;
  return refuse("INTERNAL", `The pool answered ${reply.status}.`, "Look at the pool's log.");
}

function unreachable(url: string, error: unknown): Refusal {
  const cause = (error as { cause?: { code?: string } }).cause?.code;
  const why = cause ?? (error instanceof Error ? error.message : String(error));
  return refuse(
    "POOL_UNREACHABLE",
    `The pool at ${url} does not answer (${why}).`,
    "Start it with `tequio up`, or give its address with --url or TEQUIO_URL.",
  );
}

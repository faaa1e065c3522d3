// The typed client, made from the endpoint table. It works in Node and in browsers. It retries
// nothing by itself except where the endpoint is idempotent and the connection broke, and asks the
// leader where a control plane that only follows names one.
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
  /** Base address, e.g. `http://127.0.0.1:8420`; several between commas are tried in turn. */
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
/** A takeover of the lead is over by then; until then a leader that is gone is asked for again. */
const TAKEOVER_MS = 10_000;
/** Between two tries to find the leader. */
const LEADER_PAUSE_MS = 300;

interface LooseInput {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Makes a client for one pool. */
export function makeClient(options: ClientOptions): Client {
  const homes = options.url.split(",").map((one) => one.trim().replace(/\/+$/, ""));
  const doFetch = options.fetch ?? fetch;
  /** Which of the addresses answered last. */
  let at = 0;
  const home = (): string => homes[at % homes.length] ?? "";
  /** The newest record that an answer to a write told of: later reads must know it. */
  let writtenSeq = 0;

  /** Asks one control plane; throws when it cannot be reached. */
  async function ask(base: string, endpoint: Endpoint, input: LooseInput, init: RequestInit) {
    const isRead = endpoint.method === "GET";
    const headers = { ...(init.headers as Record<string, string>) };
    if (isRead && writtenSeq > 0) headers["tequio-min-seq"] = String(writtenSeq);
    const reply = await doFetch(base + target(endpoint, input), { ...init, headers });
    const seq = Number(reply.headers.get("tequio-seq"));
    if (!isRead && reply.ok && Number.isSafeInteger(seq)) writtenSeq = seq;
    // The pool may have gone back to a backup: then that record will never come.
    if (isRead && reply.status === BEHIND) writtenSeq = 0;
    return reply;
  }

  async function call(name: EndpointName, input: LooseInput): Promise<Outcome<unknown>> {
    const endpoint: Endpoint = ENDPOINTS[name];
    const key = input.idempotencyKey ?? (endpoint.idempotent ? crypto.randomUUID() : undefined);
    const init = initOf(endpoint, input, options.token, key);
    const safe = endpoint.method === "GET" || key !== undefined;
    const giveUpMs = performance.now() + TAKEOVER_MS;
    let base = home();
    for (let tries = 0; ; ) {
      try {
        const reply = await ask(base, endpoint, input, init);
        const leader = leaderOf(base, reply);
        if (leader === undefined || performance.now() > giveUpMs) return await outcomeOf(reply);
        if (leader === base) await pause(LEADER_PAUSE_MS);
        base = leader;
      } catch (error) {
        if (input.signal?.aborted === true) return unreachable(base, error);
        const maySend = safe || isUnsent(error);
        // The leader that was named is gone: whoever named it knows the next one soon.
        const searching = base !== home() && performance.now() <= giveUpMs;
        if (searching && maySend) {
          await pause(LEADER_PAUSE_MS);
        } else {
          const more = homes.length > 1 ? maySend : safe;
          if (!more || tries >= RETRIES_MAX * homes.length) return unreachable(base, error);
          await pause(200 * 2 ** Math.floor(tries / homes.length));
          tries += 1;
          at += 1;
        }
        base = home();
      }
    }
  }
  return {
    get url() {
      return home();
    },
    token: options.token,
    call: call as Client["call"],
  };
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

function initOf(
  { method }: Endpoint,
  input: LooseInput,
  token: string | undefined,
  key: string | undefined,
): RequestInit {
  const headers: Record<string, string> = { accept: "application/json" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (key !== undefined) headers["idempotency-key"] = key;
  if (input.body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers };
  if (input.body !== undefined) init.body = JSON.stringify(input.body);
  if (input.signal !== undefined) init.signal = input.signal;
  return init;
}

/** Status of an answer that another control plane should give: 421, Misdirected Request. */
const NOT_HERE = 421;
/** Status of one that does not know yet what was asked for. */
const BEHIND = 503;

/** Whom to ask instead: the leader, or the same again when nobody leads yet. */
function leaderOf(base: string, reply: Response): string | undefined {
  if (reply.status !== NOT_HERE) return undefined;
  const leader = reply.headers.get("tequio-leader")?.replace(/\/+$/, "");
  if (leader === undefined || leader === "") return base;
  // The token must not leave the encryption that its holder has chosen.
  if (base.startsWith("https:") && !leader.startsWith("https:")) return undefined;
  return /^https?:\/\//.test(leader) ? leader : undefined;
}

/** True when nothing was sent: the connection was never made. */
const isUnsent = (error: unknown): boolean =>
  (error as { cause?: { code?: string } }).cause?.code === "ECONNREFUSED";

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

// Registers every endpoint of the contract: authenticates, parses, calls the handler and answers.
// The handlers know nothing of HTTP, and no endpoint can be forgotten: the table is complete by
// its type.
import { ENDPOINTS, type Endpoint, type EndpointName, parseWith } from "@tequio/contract";
import { forbidden, holds } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { credentialOf } from "../signin/cookies.ts";
import { webOf } from "../signin/web.ts";
import { traceparentFor } from "../traces/watch.ts";
import { type Caller, callerOf } from "./caller.ts";
import { accountHandlers } from "./handlers/account.ts";
import { blobStoreHandlers } from "./handlers/blob-store.ts";
import { jobHandlers } from "./handlers/jobs.ts";
import { logHandlers } from "./handlers/log.ts";
import { memberHandlers } from "./handlers/members.ts";
import { offerHandlers } from "./handlers/offers.ts";
import { peopleHandlers } from "./handlers/people.ts";
import { poolHandlers } from "./handlers/pool.ts";
import { replicaHandlers } from "./handlers/replicas.ts";
import { reservationHandlers } from "./handlers/reservations.ts";
import { runOriginHandlers } from "./handlers/run-origins.ts";
import { runHandlers } from "./handlers/runs.ts";
import { signInHandlers } from "./handlers/sign-in.ts";
import { tokenHandlers } from "./handlers/tokens.ts";
import { workerHandlers } from "./handlers/worker.ts";
import { sendProblem } from "./problem.ts";
import type { Call, Handlers } from "./table.ts";

const HANDLERS: Handlers = {
  ...poolHandlers,
  ...blobStoreHandlers,
  ...peopleHandlers,
  ...signInHandlers,
  ...accountHandlers,
  ...memberHandlers,
  ...offerHandlers,
  ...jobHandlers,
  ...logHandlers,
  ...reservationHandlers,
  ...runHandlers,
  ...runOriginHandlers,
  ...workerHandlers,
  ...replicaHandlers,
  ...tokenHandlers,
};

/** Characters of an idempotency key: clients send a UUID, a path or a hash. */
const KEY_CHARS_MAX = 200;

type LooseHandler = (call: Call<EndpointName>) => Outcome<unknown> | Promise<Outcome<unknown>>;

/** Adds all endpoints with JSON bodies to the server. */
export function registerEndpoints(app: FastifyInstance, context: Context): void {
  for (const name of Object.keys(ENDPOINTS) as EndpointName[]) {
    const endpoint: Endpoint = ENDPOINTS[name];
    const handler = HANDLERS[name] as LooseHandler;
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      handler: async (request, reply) => {
        const call = readCall(context, endpoint, request, reply);
        const outcome = call.ok ? await handler(call.value) : call;
        // A reading that waited ends with the right to read.
        const late =
          call.ok && call.value.caller.kind === "person" && endpoint.method === "GET"
            ? callerOf(context, credentialOf(context, request), endpoint.callers)
            : undefined;
        if (late?.ok === false) return sendProblem(request, reply, late);
        if (!outcome.ok) return sendProblem(request, reply, outcome);
        return reply.code(endpoint.status ?? 200).send(outcome.value);
      },
    });
  }
}

/** Authenticates before it parses: a stranger learns nothing about shapes and names. */
function readCall(
  context: Context,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Outcome<Call<EndpointName>> {
  const caller = callerOf(context, credentialOf(context, request), endpoint.callers);
  if (!caller.ok) return caller;
  const { value: person } = caller;
  if (person.kind === "person" && endpoint.permission !== null) {
    const lacks = !holds(person.who, endpoint.permission);
    if (lacks) return forbidden(person.who, endpoint.permission);
  }
  const params = part(endpoint.params, request.params);
  if (!params.ok) return params;
  const query = part(endpoint.query, request.query);
  if (!query.ok) return query;
  const body = part(endpoint.body, request.body ?? {});
  if (!body.ok) return body;
  const key = request.headers["idempotency-key"];
  const idempotencyKey = Array.isArray(key) ? key[0] : key;
  if (idempotencyKey !== undefined && idempotencyKey.length > KEY_CHARS_MAX) {
    const hint = `Use at most ${KEY_CHARS_MAX} characters, e.g. a UUID.`;
    return refuse("INVALID_REQUEST", "The Idempotency-Key is too long.", hint);
  }
  return ok({
    ...{ context, caller: caller.value, idempotencyKey },
    ...{ params: params.value, query: query.value, body: body.value },
    baseUrl: `${request.protocol}://${request.host}`,
    web: webOf(context, request, reply),
    traceparent: traceparentFor(request),
    signal: () => gone(context, person, reply),
  } as Call<EndpointName>);
}

function part(schema: Endpoint["body"], value: unknown): Outcome<unknown> {
  try {
    return schema === undefined ? ok(undefined) : parseWith(schema, value);
  } catch (error) {
    // Brackets in brackets, so many that even a message about them cannot be written.
    if (!(error instanceof RangeError)) throw error;
    return refuse("INVALID_REQUEST", "The request is nested too deeply.", "Send a flatter one.");
  }
}

/**
 * Aborted when the caller's connection closes before the answer, the server does, or the caller's
 * rights change: whoever waited asks for them again.
 */
function gone({ closing, people }: Context, caller: Caller, reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once("close", () => left.abort());
  if (caller.kind !== "person") return AbortSignal.any([closing, left.signal]);
  const rights = people.watch(caller.tokenId, caller.user);
  reply.raw.once("close", rights.release);
  return AbortSignal.any([closing, left.signal, rights.signal]);
}

// Registers every endpoint of the contract: authenticates, parses, calls the handler and answers.
// The handlers know nothing of HTTP, and no endpoint can be forgotten: the table is complete by
// its type.
import { ENDPOINTS, type Endpoint, type EndpointName, parseWith } from "@tequio/contract";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { callerOf } from "./caller.ts";
import { jobHandlers } from "./handlers/jobs.ts";
import { logHandlers } from "./handlers/log.ts";
import { memberHandlers } from "./handlers/members.ts";
import { poolHandlers } from "./handlers/pool.ts";
import { runHandlers } from "./handlers/runs.ts";
import { tokenHandlers } from "./handlers/tokens.ts";
import { workerHandlers } from "./handlers/worker.ts";
import { sendProblem } from "./problem.ts";
import type { Call, Handlers } from "./table.ts";

const HANDLERS: Handlers = {
  ...poolHandlers,
  ...memberHandlers,
  ...jobHandlers,
  ...logHandlers,
  ...runHandlers,
  ...workerHandlers,
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
  const caller = callerOf(context, request.headers.authorization, endpoint.callers);
  if (!caller.ok) return caller;
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
    signal: () => gone(context, reply),
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

/** Aborted when the caller's connection closes before the answer, or the server does. */
function gone({ closing }: Context, reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once("close", () => left.abort());
  return AbortSignal.any([closing, left.signal]);
}

// The HTTP server with everything that answers on it: the endpoints of the contract, streams,
// blobs, probes, health and the console. What goes wrong on any of them is answered here as a
// problem with a code.
import { randomUUID } from "node:crypto";
import { openApi } from "@tequio/contract";
import { LIMITS, refuse } from "@tequio/core/pool";
import Fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { Context } from "../context.ts";
import { registerBlobs } from "./blobs.ts";
import { registerConsole, SECURITY_HEADERS } from "./console.ts";
import { type EventStreams, registerEvents } from "./events.ts";
import { registerProbe } from "./probe.ts";
import { internalError, refusalOfHttpError, sendProblem } from "./problem.ts";
import { registerEndpoints } from "./register.ts";

/** From the first to the last byte of a request: a large blob over a slow link takes long. */
const REQUEST_MS = 3_600_000;
/** Quiet connections are kept so long; proxies in front usually give up after 60 s. */
const KEEP_ALIVE_MS = 65_000;
/** Characters of a path parameter: a digest has 71. */
const PARAM_CHARS_MAX = 200;

export interface Http {
  readonly app: FastifyInstance;
  readonly events: EventStreams;
}

/** Makes the server; it listens when it is told to. */
export async function openHttp(context: Context, consoleFolder: string | undefined): Promise<Http> {
  const app = Fastify({
    logger: false,
    bodyLimit: LIMITS.REQUEST_BYTES_MAX,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    genReqId: () => randomUUID().slice(0, 8),
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    // Answers of the API are never kept: they are of this moment, and some hold a token.
    if (request.url.startsWith("/v1/")) reply.header("cache-control", "no-store");
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const refusal = refusalOfHttpError(error, LIMITS.REQUEST_BYTES_MAX);
    if (refusal === undefined) {
      const { method, url, id } = request;
      const why = error.stack ?? error.message;
      context.say("error", "A request met a bug.", { id, method, url: url.split("?")[0], why });
    }
    return sendProblem(request, reply, refusal ?? internalError());
  });
  registerEndpoints(app, context);
  registerBlobs(app, context);
  registerProbe(app, context);
  registerHealth(app, context);
  const events = registerEvents(app, context);
  await registerConsole(app, consoleFolder);
  return { app, events };
}

/** Adds what monitors and generators ask without a token. */
function registerHealth(app: FastifyInstance, { closing, version }: Context): void {
  let document: object | undefined;
  app.get("/healthz", () => ({ ok: true, version }));
  app.get("/readyz", (request, reply) => {
    if (!closing.aborted) return reply.send({ ready: true });
    const hint = "Try again in a moment.";
    return sendProblem(request, reply, refuse("SHUTTING_DOWN", "It is stopping.", hint));
  });
  app.get("/openapi.json", () => {
    document ??= openApi(version);
    return document;
  });
}

// The HTTP server with everything that answers on it: the endpoints of the contract, streams,
// blobs, probes, health and the console. What goes wrong on any of them is answered here as a
// problem with a code.
import { LIMITS } from "@tequio/core/pool";
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyServerOptions,
} from "fastify";
import type { Context } from "../context.ts";
import { PeopleStoreError } from "../people-store/index.ts";
import { type ServerTls, secureOptions } from "../tls.ts";
import { registerTlsClients } from "../tls-clients.ts";
import { registerTraces } from "../traces/watch.ts";
import { registerBlobs } from "./blobs.ts";
import { registerBrowserSite } from "./browser-site.ts";
import { registerConsole, SECURITY_HEADERS } from "./console.ts";
import { type EventStreams, registerEvents } from "./events.ts";
import { registerExports } from "./exports.ts";
import { registerRole } from "./following.ts";
import { registerProbe } from "./probe.ts";
import { registerProbes } from "./probes.ts";
import { internalError, refusalOfHttpError, sendProblem } from "./problem.ts";
import { registerRateLimit } from "./rate-limit.ts";
import { registerEndpoints } from "./register.ts";
import { requestIdOf } from "./request-id.ts";
import { registerRequestLog } from "./request-log.ts";
import { registerSameSite } from "./same-site.ts";
import { registerServing } from "./serving/register.ts";
import { registerSignInRoutes } from "./sign-in-routes.ts";
import { answerClientError, registerTimeouts, TIMEOUT_OPTIONS } from "./timeouts.ts";

/** Characters of a path parameter: a digest has 71. */
const PARAM_CHARS_MAX = 200;

export interface Http {
  readonly app: FastifyInstance;
  readonly events: EventStreams;
}

/** Makes the server; it listens when it is told to. */
export async function openHttp(
  context: Context,
  consoleFolder: string | undefined,
  tls?: ServerTls,
): Promise<Http> {
  const options: FastifyServerOptions = {
    logger: false,
    bodyLimit: LIMITS.REQUEST_BYTES_MAX,
    ...TIMEOUT_OPTIONS,
    clientErrorHandler: answerClientError,
    // A proxy on this machine may say for whom it asks; nobody else is believed.
    trustProxy: "loopback",
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    requestIdHeader: false,
    genReqId: requestIdOf,
  };
  const https = tls && { ...TIMEOUT_OPTIONS.http, ...secureOptions(tls) };
  // To fastify's types a server with `https` is another one; its use here is the same.
  const app = Fastify({ ...options, ...(https && { https }) } as FastifyServerOptions);
  registerTimeouts(app);
  registerTraces(app, context.traces);
  registerRequestLog(app, context);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    // Answers of the API are never kept: they are of this moment, and some hold a token.
    if (request.url.startsWith("/v1/")) reply.header("cache-control", "no-store");
  });
  registerRateLimit(app, context);
  registerTlsClients(app, context);
  registerSameSite(app, context);
  registerRole(app, context);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const refusal =
      error instanceof PeopleStoreError
        ? error.refusal
        : refusalOfHttpError(error, LIMITS.REQUEST_BYTES_MAX);
    if (refusal === undefined) {
      const { method, url, id: requestId } = request;
      const why = error.stack ?? error.message;
      context.say("error", "A request met a bug.", {
        ...{ requestId, method, url: url.split("?")[0], why },
      });
    }
    return sendProblem(request, reply, refusal ?? internalError());
  });
  registerEndpoints(app, context);
  registerSignInRoutes(app, context);
  registerBlobs(app, context);
  registerExports(app, context);
  registerProbe(app, context);
  const events = registerEvents(app, context);
  registerProbes(app, context, events.count);
  registerServing(app, context);
  registerBrowserSite(app, context);
  countSockets(app, context);
  await registerConsole(app, consoleFolder);
  return { app, events };
}

/** Agents' WebSockets are no requests any more once they are open. */
function countSockets(app: FastifyInstance, { metrics }: Context): void {
  app.server.on("upgrade", (_request, socket) => {
    metrics.connected(1);
    socket.once("close", () => metrics.connected(-1));
  });
}

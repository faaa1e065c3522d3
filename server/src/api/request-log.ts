// One line for each request that went wrong, or for every one when the operator asks for it, and
// its figures for the metrics. Only the pattern of an address is said, never its query: a token or
// a name might stand there.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { credentialOf } from "../signin/cookies.ts";
import { callerOf } from "./caller.ts";

const MS_PER_S = 1_000;
const UNKNOWN_ROUTE = "unknown";
/** From here on it is our fault. */
const SERVER_ERROR = 500;
/** Refusals that an operator wants to see: who tries doors, and who is too fast. */
const WATCHED: ReadonlySet<number> = new Set([401, 403, 408, 413, 429]);

/** Who asked, without any secret. */
function whoOf(context: Context, request: FastifyRequest): Readonly<Record<string, string>> {
  const authorization = credentialOf(context, request);
  if (authorization === undefined) return {};
  const caller = callerOf(context, authorization, ["person", "task", "site"]);
  if (!caller.ok) return { caller: caller.code };
  const { value } = caller;
  if (value.kind === "person") return { user: value.user, tokenId: value.tokenId };
  if (value.kind === "site") return { site: value.siteId };
  if (value.kind === "anyone") return {};
  const { leaseId, jobId } = value.lease.lease;
  return { lease: leaseId, job: jobId };
}

/** The job or run that an address names. */
function subjectOf({ routeOptions, params }: FastifyRequest): Readonly<Record<string, string>> {
  const found = /^\/v1\/(job|run)s\/:(\w+)/.exec(routeOptions.url ?? "");
  const [, kind, name] = found ?? [];
  const id = (params as Readonly<Record<string, unknown>> | undefined)?.[name ?? ""];
  return kind === undefined || typeof id !== "string" ? {} : { [kind]: id.slice(0, 80) };
}

/** Counts every answer and says the lines. */
export function registerRequestLog(app: FastifyInstance, context: Context): void {
  app.addHook("onResponse", (request, reply, done) => {
    const { method, routeOptions, id: requestId } = request;
    const { statusCode } = reply;
    const route = routeOptions.url ?? UNKNOWN_ROUTE;
    const ms = reply.elapsedTime;
    context.metrics.answered(method, route, statusCode, ms / MS_PER_S);
    const wrong = statusCode >= SERVER_ERROR || WATCHED.has(statusCode);
    if (wrong || context.logRequests) {
      context.say(wrong ? "warn" : "info", "request", {
        ...{ requestId, method, route, status: statusCode, ms: Math.round(ms), ip: request.ip },
        ...whoOf(context, request),
        ...subjectOf(request),
      });
    }
    done();
  });
}

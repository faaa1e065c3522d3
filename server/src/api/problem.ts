// Refusals as HTTP: the status from the table of codes, the body as the contract's Problem, and a
// request id that a user can name and an operator can find in the log.
import type { Problem } from "@tequio/contract";
import { CODES, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyReply, FastifyRequest } from "fastify";

/** After these a client should try again, and so long later. */
const RETRY_AFTER_S: Readonly<Record<string, number>> = {
  REPLICA_BEHIND: 1,
  SHUTTING_DOWN: 2,
  STORE_FULL: 30,
  TOO_MANY: 5,
};

/** Answers with a refusal. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): FastifyReply {
  const { code, message, hint, at } = refusal;
  const problem: Problem = {
    ...{ code, message, hint },
    ...(at === undefined ? {} : { at }),
    requestId: request.id,
  };
  const retryS = RETRY_AFTER_S[code];
  if (retryS !== undefined && !reply.hasHeader("retry-after")) {
    reply.header("retry-after", String(retryS));
  }
  if (CODES[code].status === 401) reply.header("www-authenticate", "Bearer");
  // As bytes: a handler may have set another type for its good answer.
  return reply
    .code(CODES[code].status)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(problem));
}

interface HttpError {
  readonly code?: string;
  readonly statusCode?: number;
  readonly message: string;
}

/** What the HTTP layer itself did not like about a request; undefined for a bug of ours. */
export function refusalOfHttpError(error: HttpError, bytesMax: number): Refusal | undefined {
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return refuse("TOO_LARGE", "The request is too large.", `The limit is ${bytesMax} bytes.`);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return refuse(
        "INVALID_REQUEST",
        "The body has a type that this endpoint does not take.",
        "Send `Content-Type: application/json`.",
      );
    default:
      if (error.statusCode === undefined || error.statusCode >= 500) return undefined;
      return refuse(
        "INVALID_REQUEST",
        `The request could not be read: ${error.message}.`,
        "Check the body: it must be JSON.",
      );
  }
}

/** The answer to a bug: says nothing of the inside, but what to look for in the log. */
export const internalError = (): Refusal =>
  refuse(
    "INTERNAL",
    "The control plane could not answer: this is a bug.",
    "Look for the request id in the pool's log and report it.",
  );

/** The answer to an address that does not exist. */
export const noSuchAddress = (method: string, path: string): Refusal =>
  refuse(
    "NOT_FOUND",
    `There is no ${method} ${path.slice(0, 200)}.`,
    "GET /openapi.json lists all addresses.",
  );

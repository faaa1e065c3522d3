// The id of a request: the caller's own when it sends a fit one, so that its log and ours can be
// laid side by side, else a new one. It stands in the answer, in problems and in the pool's log.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Letters that are safe in a log line and a header. */
const FIT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NEW_CHARS = 12;

/** The id for a request; never text that a caller could use to forge log lines. */
export function requestIdOf({ headers }: Pick<IncomingMessage, "headers">): string {
  const given = headers["x-request-id"];
  if (typeof given === "string" && FIT.test(given)) return given;
  return randomUUID().replaceAll("-", "").slice(0, NEW_CHARS);
}

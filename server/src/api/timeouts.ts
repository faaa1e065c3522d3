// Time limits of requests, so that a client that sends a byte now and then holds nothing for long:
// headers, JSON bodies, quiet connections and whole requests each have a named limit. Answers to
// requests that cannot even be read are made here too.
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { CODES, LIMITS, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyHttpOptions, FastifyInstance } from "fastify";

/** How often Node looks for headers that are late. */
const LATE_CHECK_MS = 1_000;

/** Options of the HTTP server. */
export const TIMEOUT_OPTIONS = {
  connectionTimeout: LIMITS.IDLE_MS,
  keepAliveTimeout: LIMITS.IDLE_MS,
  requestTimeout: LIMITS.REQUEST_MS,
  http: {
    headersTimeout: LIMITS.HEADERS_MS,
    connectionsCheckingInterval: LATE_CHECK_MS,
    maxHeaderSize: LIMITS.HEADER_BYTES_MAX,
  },
} as const satisfies FastifyHttpOptions<Server>;

/** Bodies that are streams: their size is their own limit, and their time is REQUEST_MS. */
const STREAMED = /^\/v1\/(blobs\/|probe)/;

const tooSlow = (what: string, ms: number): Refusal =>
  refuse("TOO_SLOW", `The ${what} did not come in time.`, `They have ${ms / 1_000} s.`);

/** An answer on the bare connection, which is closed with it. */
function answerRaw(socket: Socket, refusal: Refusal): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { code, message, hint } = refusal;
  const body = JSON.stringify({ code, message, hint, requestId: "" });
  const head = [
    `HTTP/1.1 ${CODES[code].status} ${code}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

/** Answers a client whose request could not be read as HTTP. */
export function answerClientError(error: { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET") socket.destroy();
  else answerRaw(socket, refusalOf(error.code));
}

function refusalOf(code: string | undefined): Refusal {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return tooSlow("headers", LIMITS.HEADERS_MS);
  if (code === "HPE_HEADER_OVERFLOW") {
    const hint = `The limit is ${LIMITS.HEADER_BYTES_MAX} bytes.`;
    return refuse("TOO_LARGE", "The headers are too large.", hint);
  }
  return refuse("INVALID_REQUEST", "The request could not be read.", "Speak HTTP/1.1.");
}

/** Gives every JSON body `bodyMs` to come, and the server its number of connections. */
export function registerTimeouts(app: FastifyInstance, bodyMs: number = LIMITS.BODY_MS): void {
  app.server.maxConnections = LIMITS.CONNECTIONS_MAX;
  app.addHook("preParsing", (request, _reply, payload, done) => {
    if (request.raw.complete || STREAMED.test(request.url)) {
      done(null, payload);
      return;
    }
    const { socket } = request.raw;
    const late = (): void => answerRaw(socket, tooSlow("bytes of the body", bodyMs));
    const timer = setTimeout(late, bodyMs);
    const clear = (): void => clearTimeout(timer);
    request.raw.once("end", clear).once("close", clear);
    done(null, payload);
  });
}

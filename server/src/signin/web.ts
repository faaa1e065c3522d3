// What a handler of the contract may know of the HTTP around it: who asks from where, and the
// cookies. Only sign-ins need it.
import type { FastifyReply, FastifyRequest } from "fastify";
import { type CookieName, cookieLine, cookieOf } from "./cookies.ts";

export interface Web {
  /** Address of the caller. */
  readonly address: string;
  /** How the caller's program names itself. */
  readonly agent: string;
  readonly cookie: (name: CookieName) => string | undefined;
  /** Sets a cookie of the answer; an age of 0 removes it. */
  readonly setCookie: (name: CookieName, value: string, maxAgeMs: number) => void;
}

/** The web side of one request. */
export function webOf(
  own: { readonly publicUrl: string | undefined },
  request: FastifyRequest,
  reply: FastifyReply,
): Web {
  return {
    address: request.ip,
    agent: request.headers["user-agent"] ?? "",
    cookie: (name) => cookieOf(own, request, name),
    setCookie: (name, value, maxAgeMs) => {
      reply.header("set-cookie", cookieLine(own, request, name, value, maxAgeMs));
    },
  };
}

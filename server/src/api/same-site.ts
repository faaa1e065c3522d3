// Keeps other sites' pages from acting in the name of whoever is signed in: what changes something
// and is known by a cookie, or begins a session, must come from a page of the pool itself.
import { type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { byCookie } from "../signin/cookies.ts";
import { sendProblem } from "./problem.ts";

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const SIGN_IN = /^\/v1\/sign-in(?:\/|$|\?)/;

/** Whether a browser says that one of our own pages has sent it; undefined: it says nothing. */
function isOurs(request: FastifyRequest, ownUrl: string): boolean | undefined {
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin } = request.headers;
  if (origin === undefined) return undefined;
  return URL.parse(origin)?.origin === new URL(ownUrl).origin;
}

/** Why a request is not taken, if it is not. */
export function refuseCrossSite(
  { publicUrl }: { readonly publicUrl: string | undefined },
  request: FastifyRequest,
): Refusal | undefined {
  if (SAFE.has(request.method)) return undefined;
  const known = byCookie({ publicUrl }, request);
  if (!known && !SIGN_IN.test(request.url)) return undefined;
  const ours = isOurs(request, publicUrl ?? `${request.protocol}://${request.host}`);
  // Without a cookie nobody is known, and programs that are no browsers say nothing.
  if (ours === true || (ours === undefined && !known)) return undefined;
  return refuse(
    "CROSS_SITE",
    "The request does not come from a page of the pool.",
    "Open the pool's own console, or send `Authorization: Bearer TOKEN` instead of the cookie.",
  );
}

/** Refuses them before anything is read. */
export function registerSameSite(
  app: FastifyInstance,
  own: { readonly publicUrl: string | undefined },
): void {
  app.addHook("onRequest", (request, reply, done) => {
    const refusal = refuseCrossSite(own, request);
    if (refusal === undefined) done();
    else sendProblem(request, reply, refusal);
  });
}

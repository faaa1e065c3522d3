// The two addresses of a browser's way to the identity provider and back. The way is bound to the
// browser by a cookie, is walked once, and ends at the console: signed in, or with a sentence that
// says why not, which the console asks for.
import { LIMITS, type Outcome, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { PeopleStoreError } from "../people-store/index.ts";
import { webOf } from "../signin/web.ts";
import { signedIn } from "./handlers/sign-in.ts";
import { sendProblem } from "./problem.ts";

const START = "/v1/sign-in/oidc";
const BACK = "/v1/sign-in/oidc/callback";
const COOKIE = "tequio-sign-in";
/** Pages of the console, nothing else: nobody is led to another site from here. */
const NEXT = /^#\/[A-Za-z0-9/_.=&-]{0,200}$/;
/** Characters of what a provider sends back; codes and states are some hundreds. */
const QUERY_CHARS_MAX = 8_192;

type Ask = FastifyRequest<{ Querystring: Readonly<Record<string, unknown>> }>;

const stale = (why: string): Refusal =>
  refuse("SIGN_IN_STALE", why, "Begin again, in this browser, and finish within ten minutes.");

const off = (): Refusal =>
  refuse(
    "SIGN_IN_OFF",
    "This pool has no identity provider.",
    "An operator may set one: `tequio up --oidc-issuer URL`.",
  );

/** Adds both. */
export function registerSignInRoutes(app: FastifyInstance, context: Context): void {
  const urlOf = (request: FastifyRequest): string =>
    (context.publicUrl ?? `${request.protocol}://${request.host}`).replace(/\/+$/, "");

  /** Back to the console, which asks what went wrong. */
  const lead = (request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply => {
    const key = context.signIn.troubles.begin(refusal);
    webOf(context, request, reply).setCookie(COOKIE, key, LIMITS.SIGN_IN_MS);
    const { code } = refusal;
    context.say("warn", "A sign-in failed.", { requestId: request.id, code, why: refusal.message });
    return reply.redirect("/#/sign-in");
  };

  app.get(START, async (request: Ask, reply) => {
    const { provider, browsers } = context.signIn;
    if (provider === undefined) return sendProblem(request, reply, off());
    const begun = await provider.begin(urlOf(request) + BACK);
    if (!begun.ok) return lead(request, reply, begun);
    const { next } = request.query;
    const page = typeof next === "string" && NEXT.test(next) ? next : "";
    const key = browsers.begin({ oidc: begun.value.flow, next: page });
    webOf(context, request, reply).setCookie(COOKIE, key, LIMITS.SIGN_IN_MS);
    return reply.redirect(begun.value.url.href);
  });

  app.get(BACK, async (request: Ask, reply) => {
    const finished = await finish(context, request, reply).catch((error: unknown) => {
      if (error instanceof PeopleStoreError) return error.refusal;
      throw error;
    });
    return finished.ok ? reply.redirect(`/${finished.value}`) : lead(request, reply, finished);
  });
}

/** Takes the browser back; the page that it wanted. */
async function finish(
  context: Context,
  request: Ask,
  reply: FastifyReply,
): Promise<Outcome<string>> {
  const { provider, browsers, userOf } = context.signIn;
  if (provider === undefined) return off();
  const web = webOf(context, request, reply);
  const query = request.url.slice(request.url.indexOf("?") + 1);
  const key = web.cookie(COOKIE);
  // Used up whatever comes of it: neither its state nor its code is good a second time.
  const flow = key === undefined ? undefined : browsers.take(key);
  if (flow === undefined) {
    return stale("The sign-in began in another browser, took too long or was finished before.");
  }
  if (!request.url.includes("?") || query.length > QUERY_CHARS_MAX) {
    return stale("The identity provider sent nothing back.");
  }
  if (request.query.state !== flow.oidc.state) {
    return stale("The answer belongs to another sign-in.");
  }
  const claims = await provider.finish(flow.oidc, query);
  if (!claims.ok) return claims;
  const user = await userOf(claims.value);
  if (!user.ok) return user;
  const begun = await signedIn(context, web, user.value, "oidc", "cookie");
  return begun.ok ? { ok: true, value: flow.next } : begun;
}

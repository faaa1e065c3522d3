// Who is calling: a person, a lease's task or a site, from the bearer token. What the caller may
// do with it is decided by the endpoint's row in the contract, and by the handlers for tasks.
import type { Caller as CallerKind } from "@tequio/contract";
import {
  type LeaseState,
  MACHINE_OPERATOR,
  type Principal,
  principalOf,
  refuseRevoked,
} from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Context } from "../context.ts";
import { sha256 } from "../secrets.ts";

export type Caller =
  | { readonly kind: "anyone" }
  | {
      readonly kind: "person";
      /** What jobs carry: the id of the user, or the name of the machine's operator. */
      readonly user: string;
      readonly tokenId: string;
      /** As of the start of the request; see may.ts. */
      readonly who: Principal;
    }
  | { readonly kind: "task"; readonly lease: LeaseState }
  | { readonly kind: "site"; readonly siteId: string };

/** Tokens are some fifty characters long; nobody gets to hash more. */
const TOKEN_CHARS_MAX = 512;

const SIGN_IN_HINT = "Send `Authorization: Bearer TOKEN`; make a token with `tequio token create`.";

/** The caller of a request, if one of `allowed`. Refuses with the codes of tokens, or FORBIDDEN. */
export function callerOf(
  context: Context,
  header: string | undefined,
  allowed: readonly CallerKind[],
): Outcome<Caller> {
  if (allowed.includes("anyone")) return ok({ kind: "anyone" });
  const caller = identify(context, header);
  if (!caller.ok || allowed.includes(caller.value.kind)) return caller;
  return refuse(
    "FORBIDDEN",
    `A ${caller.value.kind}'s token is not good for this.`,
    `It takes the token of a ${allowed.join(" or a ")}.`,
  );
}

function identify(context: Context, header: string | undefined): Outcome<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (token === undefined) return refuse("UNAUTHENTICATED", "No token was given.", SIGN_IN_HINT);
  if (token.length > TOKEN_CHARS_MAX) {
    return refuse("UNAUTHENTICATED", "The token is not known.", SIGN_IN_HINT);
  }
  return token.startsWith("task.") || token.startsWith("site.")
    ? signedCaller(context, token)
    : personOf(context, token);
}

/** The journal holds hashes only: comparing those tells nothing about the token, however long. */
function personOf({ pump, now, signIn }: Context, text: string): Outcome<Caller> {
  const { state } = pump;
  const token = state.tokens.get(state.tokenHashes.get(sha256(text)) ?? "");
  if (token === undefined) {
    return refuse("UNAUTHENTICATED", "The token is not known.", SIGN_IN_HINT);
  }
  if (token.revoked) {
    return refuse("TOKEN_REVOKED", `The token ${token.tokenId} was revoked.`, SIGN_IN_HINT);
  }
  if (token.expiresAtMs !== null && token.expiresAtMs <= now()) {
    return refuse("TOKEN_EXPIRED", `The token ${token.tokenId} has expired.`, SIGN_IN_HINT);
  }
  if (token.kind === "session" && !signIn.sessions.use(token)) {
    const hint = "Sign in again.";
    return refuse("TOKEN_EXPIRED", "The session ended: nobody used it for too long.", hint);
  }
  const who = principalOf(state, token);
  const { tokenId } = token;
  return ok({ kind: "person", user: who.userId ?? MACHINE_OPERATOR, tokenId, who });
}

function signedCaller({ pump, signer, now }: Context, text: string): Outcome<Caller> {
  const token = signer.read(text);
  if (token === undefined) {
    return refuse("UNAUTHENTICATED", "The token is not one of this pool.", SIGN_IN_HINT);
  }
  if (token.kind === "site") {
    if (token.expiresMs <= now()) {
      return refuse("TOKEN_EXPIRED", "The site's token has expired.", "Connect again for another.");
    }
    if (!pump.state.sites.has(token.siteId)) {
      return refuse("SITE_UNKNOWN", `The site ${token.siteId} is not known.`, "Join again.");
    }
    if (pump.state.sites.get(token.siteId)?.revoked === true) return refuseRevoked(token.siteId);
    return ok({ kind: "site", siteId: token.siteId });
  }
  const lease = pump.state.leases.get(token.leaseId);
  if (lease === undefined || lease.lease.fence !== token.fence) {
    return refuse("UNAUTHENTICATED", "The lease of the token is not known.", "Stop the task.");
  }
  if (lease.stage === "ended") {
    return refuse("TOKEN_EXPIRED", `The lease ${token.leaseId} has ended.`, "Stop the task.");
  }
  return ok({ kind: "task", lease });
}

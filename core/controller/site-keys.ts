// Decisions about the keys of sites: a new one takes the place of the old one only after the site
// has proved to have it, and an operator can take a site's right to connect away for good. It
// leaves signatures to the gateway, and the leases of a revoked site to the end of its right.
import { type Outcome, ok, refuse } from "../pool/index.ts";
import type { Site } from "./state.ts";
import type { Step } from "./step.ts";

const unknown = (siteId: string) =>
  refuse("SITE_UNKNOWN", `The site ${siteId} is not known.`, "Join again with a token.");

/** What every door says to a site whose key an operator took back. */
export const refuseRevoked = (siteId: string) =>
  refuse(
    "TOKEN_REVOKED",
    `The key of the site ${siteId} was revoked by an operator.`,
    "Ask the operator for a join token and join with an empty agent folder.",
  );

/**
 * Takes a site's right to connect away for good. Its right to run is not renewed any more, so its
 * leases end there by themselves at their deadline, and only then the pool calls them lost: as for
 * a site that was cut off, no job ever runs twice. Refuses NOT_FOUND, WRONG_STATE.
 */
export function revokeSite(
  { state, emit }: Step,
  member: string,
  siteId: string | undefined,
): Outcome<unknown> {
  const site = siteId === undefined ? undefined : state.sites.get(siteId);
  if (siteId === undefined || site?.member !== member) {
    const message = `${member} has no site ${siteId ?? "of no name"}.`;
    return refuse("NOT_FOUND", message, "List them with `tequio member list --json`.");
  }
  if (site.revoked === true) {
    return refuse(
      "WRONG_STATE",
      `The site ${siteId} is revoked already.`,
      "Nothing is left to do.",
    );
  }
  emit({ type: "site.revoked", siteId });
  return ok({ name: member });
}

/** A site that proved to be itself names the key that it wants to go on with. The old one stays
 * good. Refuses SITE_UNKNOWN, TOKEN_REVOKED, ALREADY_EXISTS (another site has the key). */
export function proposeKey(step: Step, siteId: string, publicKey: string): Outcome<unknown> {
  const { state, emit } = step;
  const site = state.sites.get(siteId);
  if (site === undefined) return unknown(siteId);
  if (site.revoked === true) return refuseRevoked(siteId);
  const taken = [...state.sites.values()].some((other) => keysOf(other).includes(publicKey));
  if (taken && !keysOf(site).includes(publicKey)) {
    return refuse("ALREADY_EXISTS", "This key belongs to another site.", "Make a new key.");
  }
  if (!keysOf(site).includes(publicKey)) emit({ type: "site.keyProposed", siteId, publicKey });
  return ok({ publicKey });
}

/** The site has signed with the key that it had proposed: the old one is worthless from now on. */
export function changeKey({ state, emit }: Step, siteId: string): Outcome<unknown> {
  const site = state.sites.get(siteId);
  if (site === undefined) return unknown(siteId);
  if (site.nextKey !== undefined) emit({ type: "site.keyChanged", siteId });
  return ok(undefined);
}

const keysOf = ({ publicKey, nextKey }: Site): readonly string[] =>
  nextKey === undefined ? [publicKey] : [publicKey, nextKey];

// Decisions about sites: here or away, what they have, and until when they may run their leases.
//
// Why nothing runs twice: the site stops its leases when its right to run ends, counted by its own
// clock from the moment it SENT the heartbeat that was answered. The pool believes that right to
// end later: it counts from its own receipt, and adds a margin. Only then it calls a lease lost.
import { LIMITS, type Node, type Outcome, ok, refuse } from "../pool/index.ts";
import { endLeft, endLost, settleStopped } from "./leases.ts";
import { bootRuns } from "./runs.ts";
import { refuseRevoked } from "./site-keys.ts";
import type { Site, SiteCertificate } from "./state.ts";
import type { Step } from "./step.ts";

/** The control plane was away itself: no site counts as here until it speaks. */
export function boot(step: Step): Outcome<unknown> {
  const { state, emit } = step;
  const sites = [...state.sites.values()];
  if (sites.some((site) => site.openLeases.length > 0)) emit({ type: "pool.booted" });
  for (const site of sites) {
    if (site.state !== "here") continue;
    emit({ type: "site.away", siteId: site.siteId, reason: "the control plane was restarted" });
  }
  bootRuns(step);
  return ok(undefined);
}

/** An agent has proved who it is; its site may hold leases from now on. */
export function siteHere(
  step: Step,
  siteId: string,
  agentVersion: string,
  certificate?: SiteCertificate,
): Outcome<unknown> {
  const site = step.state.sites.get(siteId);
  if (site === undefined) {
    return refuse("SITE_UNKNOWN", `The site ${siteId} is not known.`, "Join again with a token.");
  }
  if (site.revoked === true) return refuseRevoked(siteId);
  const asBefore =
    site.agentVersion === agentVersion &&
    site.certificate?.fingerprint === certificate?.fingerprint;
  if (site.state !== "here" || !asBefore) {
    step.emit({ type: "site.here", siteId, agentVersion, ...shown(certificate) });
  }
  renew(step, site);
  return ok(undefined);
}

const shown = (certificate: SiteCertificate | undefined) =>
  certificate === undefined ? {} : { certificate };

/** A site was not heard from; its leases run on until its right to run ends. */
export function siteAway({ state, emit }: Step, siteId: string, reason: string): Outcome<unknown> {
  if (state.sites.get(siteId)?.state === "here") emit({ type: "site.away", siteId, reason });
  return ok(undefined);
}

/** The engine of sites whose work ends with them: a closed page has no process that outlives it. */
const ENGINE_OF_TABS = "browser";

/**
 * A tab was closed: it runs nothing any more, so its leases end now and nobody waits for their
 * deadline. Again, or after it came back under another connection, it changes nothing that is not
 * open. Refuses SITE_UNKNOWN, and WRONG_STATE for a site whose tasks may outlive its agent.
 */
export function siteLeft(step: Step, siteId: string, reason: string): Outcome<unknown> {
  const site = step.state.sites.get(siteId);
  if (site === undefined) {
    return refuse("SITE_UNKNOWN", `The site ${siteId} is not known.`, "Join again with a token.");
  }
  if (site.engine !== ENGINE_OF_TABS) {
    const message = `What ${siteId} runs may go on without its agent.`;
    return refuse("WRONG_STATE", message, "Report the end of each lease instead.");
  }
  // First away, so that nothing is leased to it in the same breath.
  siteAway(step, siteId, reason);
  for (const leaseId of [...site.openLeases]) endLeft(step, leaseId, reason);
  return ok(undefined);
}

/** What the site has now, if it is not what it had. */
export function inventory(
  { state, emit }: Step,
  siteId: string,
  nodes: readonly Node[],
): Outcome<unknown> {
  const before = JSON.stringify(state.sites.get(siteId)!.nodes);
  if (JSON.stringify(nodes) !== before) emit({ type: "site.inventoried", siteId, nodes });
  return ok(undefined);
}

/** Answers how long the site may run its leases from now: what is durable, never more. */
export function heartbeat(step: Step, siteId: string): Outcome<unknown> {
  const site = step.state.sites.get(siteId);
  if (site === undefined) {
    return refuse("SITE_UNKNOWN", `The site ${siteId} is not known.`, "Join again with a token.");
  }
  if (site.revoked === true) return refuseRevoked(siteId);
  if (site.state !== "here") {
    const { agentVersion, certificate } = site;
    step.emit({ type: "site.here", siteId, agentVersion, ...shown(certificate) });
  }
  renew(step, site);
  return ok({ leaseForMs: Math.max(0, site.leaseUntilMs - step.atMs) });
}

/** Renewal is journalled, so it is done when a third of the horizon is gone, not every time. */
function renew({ atMs, emit }: Step, site: Site): void {
  const leftMs = site.leaseUntilMs - atMs;
  if (leftMs > (LIMITS.LEASE_HORIZON_MS * 2) / 3) return;
  const leaseUntilMs = atMs + LIMITS.LEASE_HORIZON_MS;
  emit({ type: "site.renewed", siteId: site.siteId, leaseUntilMs });
}

/**
 * Leases of sites whose right to run is over are lost; overdue ones are asked to stop. How long a
 * restart really took is not known, for the wall clock may have been set meanwhile: after one the
 * pool waits a whole horizon, which no right that was given before can outlast.
 */
export function tickSites(step: Step): void {
  const safeAtMs = step.state.bootedAtMs + LIMITS.LEASE_HORIZON_MS;
  for (const site of step.state.sites.values()) {
    if (site.openLeases.length === 0) continue;
    const over = Math.max(site.leaseUntilMs, safeAtMs) + LIMITS.LEASE_MARGIN_MS < step.atMs;
    for (const leaseId of [...site.openLeases]) {
      if (over) endLost(step, leaseId);
      else settleStopped(step, leaseId);
    }
  }
}

// Decisions about what members lend: setting an offer, planning maintenance, taking devices back,
// and stopping leases that no longer fit. Whatever ends a lease here is the owner's right, so it
// counts as recalled and its job waits again.
import {
  LIMITS,
  type Node,
  type Offer,
  type Outcome,
  ok,
  type Refusal,
  refuse,
  refuseTenant,
} from "../pool/index.ts";
import type { Input } from "./input.ts";
import {
  isSpecial,
  lendingOf,
  lentNodesOf,
  offerOf,
  projectLine,
  refusedLately,
  type SiteLending,
} from "./lending.ts";
import { theJob, theLease, theSite } from "./lookup.ts";
import type { LeaseState, Member, Site, State } from "./state.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";

type Of<T extends Input["type"]> = Extract<Input, { readonly type: T }>;

const noMember = (name: string): Refusal =>
  refuse("NOT_FOUND", `There is no member ${name}.`, "List them with `tequio member list`.");

/** Why a site is not one of the member's; undefined if it is, or if none is named. */
function refuseSite(member: Member, siteId: string | null): Refusal | undefined {
  if (siteId === null || member.siteIds.includes(siteId)) return undefined;
  const known = member.siteIds.join(", ") || "none";
  return refuse("NOT_FOUND", `${member.name} has no site ${siteId}.`, `Its sites: ${known}.`);
}

/** Sets or resets an offer; leases that are outside of it now are recalled. */
export function setOffer(step: Step, input: Of<"setOffer">): Outcome<unknown> {
  const { state, emit } = step;
  const { name, siteId, ifVersion } = input;
  const member = state.members.get(name);
  if (member === undefined) return noMember(name);
  const refused = refuseSite(member, siteId) ?? refuseProjects(state, input.offer);
  if (refused !== undefined) return refused;
  const holder = siteId === null ? member : theSite(state, siteId);
  const version = holder.offer?.offer.version ?? 0;
  if (ifVersion !== undefined && ifVersion !== version) {
    return refuse(
      "WRONG_STATE",
      `The offer has version ${version}, not ${ifVersion}.`,
      "Look at it again: somebody has changed it meanwhile.",
      "ifVersion",
    );
  }
  // The number of the change in the journal: it grows for ever, also over a reset.
  const offer = input.offer === null ? null : { ...input.offer, version: state.seq + 1 };
  if (offer !== null || holder.offer !== undefined) {
    emit({ type: "member.offered", name, siteId, offer });
    for (const id of siteId === null ? member.siteIds : [siteId]) recallOutside(step, id);
  }
  return ok({ name });
}

function refuseProjects(state: State, offer: Offer | null): Refusal | undefined {
  if (offer === null) return undefined;
  const { tenants, ownProjects } = offer;
  for (const project of [...tenants.allow, ...tenants.refuse, ...ownProjects]) {
    if (state.projects.has(project)) continue;
    return refuse(
      "PROJECT_UNKNOWN",
      `The project ${project} does not exist.`,
      "List them with `tequio project list`.",
    );
  }
  return undefined;
}

/** Plans a time in which a member's sites, or one of them, are not used. */
export function planMaintenance(step: Step, input: Of<"planMaintenance">): Outcome<unknown> {
  const { state, atMs, emit } = step;
  const { name, windowId, siteId, fromMs, toMs, reason } = input;
  const member = state.members.get(name);
  if (member === undefined) return noMember(name);
  const refused = refuseSite(member, siteId);
  if (refused !== undefined) return refused;
  if (toMs <= Math.max(atMs, fromMs) || toMs - fromMs > LIMITS.MAINTENANCE_MAX_MS) {
    const days = LIMITS.MAINTENANCE_MAX_MS / 86_400_000;
    const hint = `A window ends in the future, after it begins, and within ${days} days of that.`;
    return refuse("INVALID_REQUEST", "The window is over, empty or too long.", hint, "toMs");
  }
  const open = (member.windows ?? []).filter((window) => window.toMs > atMs).length;
  if (open >= LIMITS.MAINTENANCE_WINDOWS_MAX) {
    return refuse("TOO_MANY", `${name} has ${open} windows planned.`, "Cancel some first.");
  }
  emit({ type: "member.maintenancePlanned", name, windowId, siteId, fromMs, toMs, reason });
  for (const id of siteId === null ? member.siteIds : [siteId]) recallOutside(step, id);
  return ok({ windowId });
}

/** Cancels a window; one that is under way ends now. */
export function cancelMaintenance(step: Step, input: Of<"cancelMaintenance">): Outcome<unknown> {
  const { windowId } = input;
  for (const { name, windows = [] } of step.state.members.values()) {
    const window = windows.find((one) => one.windowId === windowId);
    if (window === undefined || window.toMs <= step.atMs) continue;
    step.emit({ type: "member.maintenanceCancelled", name, windowId });
    return ok({ windowId });
  }
  const hint = "List them with `tequio maintenance list`.";
  return refuse("NOT_FOUND", `There is no maintenance window ${windowId}.`, hint);
}

/** Takes some devices back, beside those that were taken before. */
export function recallDevices(
  step: Step,
  member: Member,
  devices: readonly string[],
  graceMs: number | undefined,
): Outcome<unknown> {
  const { name, siteIds, recalledDevices = [] } = member;
  const all = [...new Set([...recalledDevices, ...devices])];
  if (all.length > LIMITS.OFFER_LABELS_MAX) {
    const hint = "Use a pattern such as `gpu-*`, or recall the whole member.";
    return refuse("TOO_MANY", `${all.length} patterns would be recalled.`, hint, "devices");
  }
  step.emit({ type: "member.devicesRecalled", name, devices: all });
  for (const siteId of siteIds) recallOutside(step, siteId, graceMs);
  return ok({ name });
}

/** Takes everything back: every lease of the member ends within the grace. */
export function recallAll(step: Step, member: Member, graceMs: number | undefined): void {
  for (const siteId of member.siteIds) {
    const site = theSite(step.state, siteId);
    const within = graceMs ?? offerOf(step.state, site).recallGraceMs;
    for (const leaseId of [...site.openLeases]) {
      recallLease(step, leaseId, `${member.name} took its machines back`, within);
    }
  }
}

/** Asks a lease to stop for its owner; one that is stopping already may have to hurry. */
function recallLease(step: Step, leaseId: string, reason: string, graceMs: number): void {
  const { stop, stage } = theLease(step.state, leaseId);
  if (stop === null || stage === "ended") {
    stopLease(step, leaseId, "recalled", reason, graceMs);
  } else if (graceMs < stop.graceMs) {
    step.emit({ type: "lease.stopping", leaseId, outcome: stop.outcome, graceMs, reason });
  }
}

/** Recalls the leases of a site that its offer or a maintenance window does not allow. */
function recallOutside(step: Step, siteId: string, graceMs?: number): void {
  const site = theSite(step.state, siteId);
  if (site.openLeases.length === 0 || !isSpecial(step.state, site)) return;
  const lending = lendingOf(step.state, site, step.atMs);
  for (const leaseId of [...site.openLeases]) {
    const lease = theLease(step.state, leaseId);
    if (lease.stop !== null) continue;
    const misfit = misfitOf(step, site, lending, lease);
    if (misfit === undefined) continue;
    const within = Math.min(graceMs ?? lending.offer.recallGraceMs, misfit.withinMs);
    stopLease(step, leaseId, "recalled", misfit.reason, within);
  }
}

interface Misfit {
  readonly reason: string;
  /** It must be over then, whatever grace the offer gives; Infinity: no clock runs. */
  readonly withinMs: number;
}

/** Why a lease may not go on where it is; undefined if it may. */
function misfitOf(
  { state, atMs }: Step,
  site: Site,
  { offer, closed, until }: SiteLending,
  { lease, startedAtMs }: LeaseState,
): Misfit | undefined {
  const gone = (reason: string): Misfit => ({ reason, withinMs: Infinity });
  if (closed !== undefined) return gone(closed.text);
  const { member } = site;
  if (holdsUnlent(lease.placements, site, lentNodesOf(state, site))) {
    return gone(`${member} does not lend these devices any more`);
  }
  const shares = lease.placements.some(({ partMilli }) => partMilli !== undefined);
  if (shares && offer.shareAccelerators !== true) {
    return gone(`${member} does not share its accelerators any more`);
  }
  const refused = refuseTenant(offer, projectLine(state, theJob(state, lease.jobId).spec.project));
  if (refused !== undefined) return gone(`${member} ${refused}`);
  if (lease.walltimeMs > (offer.caps.walltimeMs ?? Infinity)) {
    return gone(`${member} takes only jobs with a shorter time limit now`);
  }
  if (until === undefined) return undefined;
  // The polite signal goes out so early that all is over when the time is.
  const leftMs = until.atMs - atMs;
  // One that has not begun yet was placed so that it is over in time if it begins now.
  const endsAtMs = (startedAtMs ?? atMs) + lease.walltimeMs;
  if (leftMs > offer.recallGraceMs || endsAtMs <= until.atMs) return undefined;
  return { reason: until.text, withinMs: leftMs };
}

/** True if a placement holds something of the inventory that is not lent. */
function holdsUnlent(
  placements: LeaseState["lease"]["placements"],
  { nodes }: Site,
  lent: ReadonlyMap<string, Node> | undefined,
): boolean {
  if (lent === undefined) return false;
  return placements.some((placement) => {
    const whole = nodes.find(({ name }) => name === placement.node);
    if (whole === undefined) return false; // Taken out of the machine, not out of the offer.
    const left = lent.get(placement.node);
    if (left === undefined) return true;
    const has = (node: Node, id: string): boolean => node.accelerators.some((one) => one.id === id);
    return placement.acceleratorIds.some((id) => has(whole, id) && !has(left, id));
  });
}

/** Which sites were open at the last tick; not part of the state, it only saves looking. */
const seen = new WeakMap<State, string>();

/** Time has passed: leases outside of the hours stop. True if a site has opened or closed. */
export function tickOffers(step: Step): boolean {
  const { state, atMs } = step;
  let now = "";
  for (const site of state.sites.values()) {
    if (!isSpecial(state, site)) continue;
    recallOutside(step, site.siteId);
    const closed = lendingOf(state, site, atMs).closed ?? refusedLately(site, atMs);
    now += closed === undefined ? `${site.siteId} ` : "";
  }
  const before = seen.get(state);
  if (before === now) return false;
  seen.set(state, now);
  return before !== undefined || now !== "";
}

// What a site lends at a moment, read from the state: its member's offer or its own, what was
// recalled, the maintenance windows. The scheduler's snapshot, the enforcement in offers.ts and
// the views of the server all ask here. Nothing is changed.
import {
  DEFAULT_OFFER,
  hoursAt,
  hoursText,
  LIMITS,
  lentNodes,
  longestOpenMs,
  type MaintenanceWindow,
  type Node,
  type Offer,
  onlyHours,
} from "../pool/index.ts";
import type { LendingView, NodeView } from "../scheduler/index.ts";
import { theMember } from "./lookup.ts";
import type { Member, Site, State } from "./state.ts";

/** The offer that holds for a site: its own, else its member's, else everything to everybody. */
export const offerOf = (state: State, site: Site): Offer =>
  site.offer?.offer ?? theMember(state, site.member).offer?.offer ?? DEFAULT_OFFER;

/** A project and those above it. */
export function projectLine(state: State, project: string): string[] {
  const line: string[] = [];
  for (let at: string | null = project; at !== null; at = state.projects.get(at)?.parent ?? null) {
    line.push(at);
  }
  return line;
}

/** Windows of a member that concern a site and are not over, by their beginning. */
export const windowsOf = (member: Member, siteId: string, atMs: number): MaintenanceWindow[] =>
  (member.windows ?? [])
    .filter((window) => window.siteId === null || window.siteId === siteId)
    .filter((window) => window.toMs > atMs)
    .sort((a, b) => a.fromMs - b.fromMs);

export interface SiteLending {
  readonly offer: Offer;
  /** Nothing may start and nothing may run. */
  readonly closed?: {
    readonly code: NonNullable<NodeView["unavailableCode"]>;
    readonly text: string;
  };
  /** When that will be so. */
  readonly until?: NonNullable<LendingView["until"]>;
}

const EVERYTHING: SiteLending = { offer: DEFAULT_OFFER };

/** Whether a site's owner has said anything at all: most have not, and cost nothing. */
export function isSpecial(state: State, site: Site): boolean {
  const { offer, windows, recalledDevices } = theMember(state, site.member);
  return (
    site.offer !== undefined ||
    offer !== undefined ||
    (windows?.length ?? 0) > 0 ||
    recalledDevices !== undefined ||
    site.refusedAtMs !== undefined
  );
}

/** Whether a site lends at a moment, until when, and the words for that. */
export function lendingOf(state: State, site: Site, atMs: number): SiteLending {
  if (!isSpecial(state, site)) return EVERYTHING;
  const offer = offerOf(state, site);
  const member = theMember(state, site.member);
  const windows = windowsOf(member, site.siteId, atMs);
  const hours = offer.hours === null ? undefined : hoursAt(offer.hours, atMs);
  const now = windows.find(({ fromMs }) => fromMs <= atMs);
  if (now !== undefined) {
    const text = `${member.name} is in maintenance until ${moment(now.toMs)}${because(now)}`;
    return { offer, closed: { code: "MAINTENANCE", text } };
  }
  if (hours?.open === false) {
    const next = hours.untilMs === null ? "" : `, next from ${moment(hours.untilMs)}`;
    const text = `${member.name} ${onlyHours(offer.hours!)}${next}`;
    return { offer, closed: { code: "OFFER_HOURS", text } };
  }
  const next = windows[0];
  const endMs = hours?.untilMs ?? Infinity;
  if (next !== undefined && next.fromMs <= endMs) {
    const text = `${member.name} is in maintenance from ${moment(next.fromMs)}${because(next)}`;
    return { offer, until: { atMs: next.fromMs, code: "MAINTENANCE", text } };
  }
  if (endMs === Infinity) return { offer };
  const text = `${member.name} lends until ${moment(endMs)}, ${hoursText(offer.hours!)}`;
  const longestMs = longestOpenMs(offer.hours!);
  return { offer, until: { atMs: endMs, code: "OFFER_HOURS", text, longestMs } };
}

/** Why a site whose agent did not agree with the pool gets no lease for a while. */
export function refusedLately(site: Site, atMs: number): SiteLending["closed"] {
  const untilMs = (site.refusedAtMs ?? -Infinity) + LIMITS.OFFER_REFUSED_MS;
  if (untilMs <= atMs) return undefined;
  return { code: "OFFER_HOURS", text: `the agent of ${site.member} refused a lease by its offer` };
}

const because = ({ reason }: MaintenanceWindow): string => (reason === "" ? "" : ` (${reason})`);

/** `2026-03-02 07:00 UTC`, from days since 1970 (Howard Hinnant, "chrono-compatible dates"). */
export function moment(atMs: number): string {
  const minutes = Math.floor(atMs / 60_000);
  const days = Math.floor(minutes / 1_440);
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, "0");
  const time = `${two(Math.floor((minutes % 1_440) / 60))}:${two(minutes % 60)}`;
  return `${year}-${two(month)}-${two(day)} ${time} UTC`;
}

interface LentNodes {
  readonly offer: Offer;
  readonly recalled: readonly string[] | undefined;
  readonly nodes: ReadonlyMap<string, Node>;
}

/** By the nodes of a site, which never change: an inventory brings new ones. */
const lent = new WeakMap<readonly Node[], LentNodes>();

/** The nodes of a site as its owner lends them, by name; undefined: all, as they are. */
export function lentNodesOf(state: State, site: Site): ReadonlyMap<string, Node> | undefined {
  const offer = offerOf(state, site);
  const recalled = theMember(state, site.member).recalledDevices;
  if (offer === DEFAULT_OFFER && recalled === undefined) return undefined;
  const known = lent.get(site.nodes);
  if (known !== undefined && known.offer === offer && known.recalled === recalled) {
    return known.nodes;
  }
  const nodes = lentNodes(offer, site.nodes, recalled);
  lent.set(site.nodes, { offer, recalled, nodes });
  return nodes;
}

/** What the scheduler is told of the sites whose owners said something. */
export function lendingViews(state: State, atMs: number): LendingView[] {
  const views: LendingView[] = [];
  for (const site of state.sites.values()) {
    if (!isSpecial(state, site)) continue;
    const { siteId, member } = site;
    const { offer, until } = lendingOf(state, site, atMs);
    views.push({ siteId, member, offer, ...(until === undefined ? {} : { until }) });
  }
  return views;
}

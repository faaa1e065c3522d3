// Offers and maintenance windows as the API shows them.
import type { MaintenanceView, OfferView, OfferWire } from "@tequio/contract";
import {
  lentNodesOf,
  type Member,
  type OfferRecord,
  type Site,
  type State,
  userName,
} from "@tequio/core/controller";
import { DEFAULT_OFFER, hoursAt, type Node, type Offer } from "@tequio/core/pool";

const hoursWire = (hours: Offer["hours"]): OfferWire["hours"] =>
  hours === null ? null : { zone: hours.zone, windows: [...hours.windows] };

/** The offer as its owner wrote it. */
function offerWire(offer: Offer): OfferWire {
  const { devices, hours, tenants, labels, prices, caps } = offer;
  const { recallGraceMs, ownProjects, ownFirst, bandwidth = [] } = offer;
  return {
    devices: devices.map((rule) => ({ ...rule })),
    hours: hoursWire(hours),
    bandwidth: bandwidth.map((rule) => ({ ...rule, hours: hoursWire(rule.hours) })),
    tenants: { allow: [...tenants.allow], refuse: [...tenants.refuse] },
    labels: { ...labels },
    prices: { ...prices, models: prices.models.map((row) => ({ ...row })) },
    ownProjects: [...ownProjects],
    ...{ recallGraceMs, ownFirst, shareAccelerators: offer.shareAccelerators === true },
    caps: { ...caps },
  };
}

const countOf = (nodes: Iterable<Node>): number =>
  [...nodes].reduce((sum, { accelerators }) => sum + accelerators.length, 0);

function lentOf(state: State, sites: readonly Site[]): { all: number; lent: number } {
  let [all, lent] = [0, 0];
  for (const site of sites) {
    all += countOf(site.nodes);
    lent += countOf(lentNodesOf(state, site)?.values() ?? site.nodes);
  }
  return { all, lent };
}

interface Shown {
  readonly member: Member;
  readonly site?: string;
  readonly record: OfferRecord | undefined;
  readonly sites: readonly Site[];
}

function offerView(state: State, { member, site, record, sites }: Shown, nowMs: number): OfferView {
  const offer = record?.offer ?? DEFAULT_OFFER;
  const hours = offer.hours === null ? { open: true, untilMs: null } : hoursAt(offer.hours, nowMs);
  const { open, untilMs } = hours;
  const { all, lent } = lentOf(state, sites);
  return {
    member: member.name,
    ...(site === undefined ? {} : { site }),
    version: offer.version,
    ...(record === undefined ? {} : { changedAtMs: record.atMs }),
    ...(record?.by == null ? {} : { changedBy: changedBy(state, record.by) }),
    offer: offerWire(offer),
    open,
    ...(untilMs === null ? {} : open ? { openUntilMs: untilMs } : { opensAtMs: untilMs }),
    ...{ accelerators: all, acceleratorsLent: lent },
    recalledDevices: [...(member.recalledDevices ?? [])],
  };
}

/** Events name the operator of the machine by a word that is no user's id. */
const changedBy = (state: State, by: string): string =>
  state.users.has(by) ? userName(state, by) : by;

/** The member's offer, with the sites for which it holds, then those of sites with their own. */
export function offerViews(state: State, member: Member, nowMs: number): OfferView[] {
  const sites = member.siteIds.map((siteId) => state.sites.get(siteId)!);
  const [own, rest] = [
    sites.filter(({ offer }) => offer !== undefined),
    sites.filter(({ offer }) => offer === undefined),
  ];
  return [
    offerView(state, { member, record: member.offer, sites: rest }, nowMs),
    ...own.map((site) => {
      const shown = { member, site: site.siteId, record: site.offer, sites: [site] };
      return offerView(state, shown, nowMs);
    }),
  ];
}

/** Windows that are planned or under way, of one member or of all, by their beginning. */
export function maintenanceViews(state: State, nowMs: number, name?: string): MaintenanceView[] {
  const rows: MaintenanceView[] = [];
  for (const member of state.members.values()) {
    if (name !== undefined && member.name !== name) continue;
    for (const { windowId, siteId, fromMs, toMs, reason } of member.windows ?? []) {
      if (toMs <= nowMs) continue;
      rows.push({
        id: windowId,
        member: member.name,
        ...(siteId === null ? {} : { site: siteId }),
        ...{ fromMs, toMs, reason },
        state: fromMs <= nowMs ? "now" : "planned",
      });
    }
  }
  return rows.sort((a, b) => a.fromMs - b.fromMs);
}

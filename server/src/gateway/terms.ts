// The terms of a site as its agent is told them, and which sites must hear of them again.
import type { TermsMessage, TermsWire } from "@tequio/contract";
import {
  type Event,
  offerOf,
  projectLine,
  type Site,
  type State,
  windowsOf,
} from "@tequio/core/controller";
import { refuseTenant, type WeeklyHours } from "@tequio/core/pool";

const hoursWire = ({ zone, windows, spans, offsets }: WeeklyHours): TermsWire["hours"] => ({
  zone,
  windows: [...windows],
  spans: spans.map((span) => ({ ...span })),
  offsets: offsets.map((offset) => ({ ...offset })),
});

/** What the agent of a site is told of its offer. */
export function termsOf(state: State, site: Site, nowMs: number): TermsMessage {
  const member = state.members.get(site.member)!;
  const offer = offerOf(state, site);
  const { allow, refuse } = offer.tenants;
  const choosy = allow.length + refuse.length > 0;
  const projects = [...state.projects.keys()].filter(
    (name) => refuseTenant(offer, projectLine(state, name)) === undefined,
  );
  const { devices, hours, caps, recallGraceMs, bandwidth = [] } = offer;
  return {
    type: "terms",
    nowMs: Math.floor(nowMs),
    terms: {
      devices: devices.map((rule) => ({ ...rule })),
      hours: hours === null ? null : hoursWire(hours),
      projects: choosy ? projects : null,
      walltimeMs: caps.walltimeMs ?? null,
      ...(offer.shareAccelerators === true ? { shareAccelerators: true as const } : {}),
      ...(bandwidth.length === 0
        ? {}
        : {
            bandwidth: bandwidth.map((rule) => ({
              ...rule,
              hours: rule.hours === null ? null : hoursWire(rule.hours),
            })),
          }),
      recallGraceMs,
      recalled: member.standing === "recalled",
      recalledDevices: [...(member.recalledDevices ?? [])],
      maintenance: windowsOf(member, site.siteId, nowMs).map(({ fromMs, toMs, reason }) => ({
        ...{ fromMs, toMs, reason },
      })),
    },
  };
}

/** Sites whose terms some events may have changed. */
export function sitesWithNewTerms(state: State, events: readonly Event[]): ReadonlySet<string> {
  const sites = new Set<string>();
  for (const event of events) {
    switch (event.type) {
      case "member.offered":
      case "member.devicesRecalled":
      case "member.maintenancePlanned":
      case "member.maintenanceCancelled":
      case "member.changed":
        for (const siteId of state.members.get(event.name)?.siteIds ?? []) sites.add(siteId);
        break;
      case "project.set":
        // It may stand under a project that is let in or refused.
        for (const site of state.sites.values()) {
          const { allow, refuse } = offerOf(state, site).tenants;
          if (allow.length + refuse.length > 0) sites.add(site.siteId);
        }
        break;
      default:
        break;
    }
  }
  return sites;
}

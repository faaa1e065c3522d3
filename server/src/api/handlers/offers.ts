// Offers and maintenance windows: what members lend, and when they do not.
import type { OfferWire } from "@tequio/contract";
import type { Member } from "@tequio/core/controller";
import {
  type BandwidthRule,
  type Offer,
  type Outcome,
  ok,
  parseHours,
  refuse,
  type WeeklyHours,
} from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { zoneOffsets } from "../../offers/zone.ts";
import { newId } from "../../secrets.ts";
import { maintenanceViews, offerViews } from "../../views/offers.ts";
import { refuseUnless } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";

type OfferEndpoints =
  | "listOffers"
  | "setOffer"
  | "resetOffer"
  | "listMaintenance"
  | "planMaintenance"
  | "cancelMaintenance";

/** The offer as the core keeps it: hours as stretches of the week, with their zone's offsets. */
function offerOfWire(wire: OfferWire, nowMs: number): Outcome<Offer> {
  const { hours: written, bandwidth: bounds, ...rest } = wire;
  const hours = weeklyHours(written, nowMs, "offer.hours");
  if (!hours.ok) return hours;
  const bandwidth: BandwidthRule[] = [];
  for (const [i, bound] of bounds.entries()) {
    const open = weeklyHours(bound.hours, nowMs, `offer.bandwidth.${i}.hours`);
    if (!open.ok) return open;
    bandwidth.push({ ...bound, hours: open.value });
  }
  const bounded = bandwidth.length === 0 ? {} : { bandwidth };
  return ok({ ...rest, ...bounded, hours: hours.value, version: 0 });
}

function weeklyHours(
  written: OfferWire["hours"],
  nowMs: number,
  at: string,
): Outcome<WeeklyHours | null> {
  if (written === null) return ok(null);
  const spans = parseHours(written.windows);
  if (!spans.ok) return { ...spans, at: `${at}.windows` };
  const offsets = zoneOffsets(written.zone, nowMs);
  return offsets.ok ? ok({ ...written, spans: spans.value, offsets: offsets.value }) : offsets;
}

function memberOf({ pump }: Context, name: string): Outcome<Member> {
  const member = pump.state.members.get(name);
  if (member !== undefined) return ok(member);
  const hint = "List them with `tequio member list`.";
  return refuse("NOT_FOUND", `There is no member ${name}.`, hint);
}

/** The offer that was set, or that holds after a reset. */
function shown(context: Context, name: string, site: string | undefined) {
  const { state } = context.pump;
  const rows = offerViews(state, state.members.get(name)!, context.now());
  return ok(rows.find((row) => row.site === site) ?? rows[0]!);
}

export const offerHandlers: Handlers<OfferEndpoints> = {
  listOffers({ context, params }) {
    const member = memberOf(context, params.name);
    if (!member.ok) return member;
    return ok({ rows: offerViews(context.pump.state, member.value, context.now()) });
  },

  async setOffer({ context, caller, params, body }) {
    const { name } = params;
    const refused = refuseUnless(context, caller, "offers.change", { member: name });
    if (refused !== undefined) return refused;
    const offer = offerOfWire(body.offer, context.now());
    if (!offer.ok) return offer;
    const { site, ifVersion } = body;
    const set = await context.pump.submit({
      type: "setOffer",
      by: userOf(caller),
      ...{ name, siteId: site ?? null, offer: offer.value },
      ...(ifVersion === undefined ? {} : { ifVersion }),
    });
    return set.ok ? shown(context, name, site) : set;
  },

  async resetOffer({ context, caller, params, query }) {
    const { name } = params;
    const refused = refuseUnless(context, caller, "offers.change", { member: name });
    if (refused !== undefined) return refused;
    const { site } = query;
    const input = { name, siteId: site ?? null, offer: null };
    const set = await context.pump.submit({ type: "setOffer", by: userOf(caller), ...input });
    return set.ok ? shown(context, name, site) : set;
  },

  listMaintenance: ({ context, query }) =>
    ok({ rows: maintenanceViews(context.pump.state, context.now(), query.member) }),

  async planMaintenance({ context, caller, body }) {
    const { member, site, fromMs, toMs, reason } = body;
    const refused = refuseUnless(context, caller, "offers.change", { member });
    if (refused !== undefined) return refused;
    const windowId = newId("w");
    const planned = await context.pump.submit({
      type: "planMaintenance",
      by: userOf(caller),
      ...{ name: member, windowId, siteId: site ?? null, fromMs, toMs, reason },
    });
    if (!planned.ok) return planned;
    const rows = maintenanceViews(context.pump.state, context.now(), member);
    return ok(rows.find(({ id }) => id === windowId)!);
  },

  async cancelMaintenance({ context, caller, params }) {
    const { id } = params;
    const all = maintenanceViews(context.pump.state, context.now());
    const member = all.find((row) => row.id === id)?.member;
    const target = member === undefined ? {} : { member };
    const refused = refuseUnless(context, caller, "offers.change", target);
    // Whoever may not change it all the same may read that it is not there.
    if (refused !== undefined && member !== undefined) return refused;
    const cancelled = await context.pump.submit({
      type: "cancelMaintenance",
      by: userOf(caller),
      windowId: id,
    });
    return cancelled.ok ? ok({ id }) : cancelled;
  },
};

// The part of the fold that is about what members lend: offers, recalled devices, maintenance.
import type { Event } from "./event.ts";
import { theMember, theSite } from "./lookup.ts";
import type { State } from "./state.ts";

/** Applies an event about what is lent; false for any other. */
export function applyOffers(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "member.offered": {
      const { name, siteId, offer, by } = event;
      const holder = siteId === null ? theMember(state, name) : theSite(state, siteId);
      if (offer === null) delete holder.offer;
      else holder.offer = { offer, by: by ?? null, atMs };
      return true;
    }
    case "member.devicesRecalled":
      theMember(state, event.name).recalledDevices = event.devices;
      return true;
    case "member.maintenancePlanned": {
      const { name, windowId, siteId, fromMs, toMs, reason } = event;
      const member = theMember(state, name);
      const before = (member.windows ?? []).filter((window) => window.toMs > atMs);
      member.windows = [...before, { windowId, siteId, fromMs, toMs, reason }];
      return true;
    }
    case "member.maintenanceCancelled": {
      const member = theMember(state, event.name);
      member.windows = (member.windows ?? []).filter(({ windowId }) => windowId !== event.windowId);
      return true;
    }
    default:
      return false;
  }
}

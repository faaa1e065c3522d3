// A site as it will be when some leases are over, kept from one question to the next: requests that
// wait for the same leases ask about the same moments. What fits then is left to reserve.ts.
import { AlikeNodes } from "../gang/alike.ts";
import type { RoomOf } from "../gang/fit.ts";
import { roomsAfter, type SiteState } from "../world.ts";
import type { EndOf } from "./sweep.ts";

/** Moments that are kept of each site: a copy of a large site's rooms is not small. */
const KEPT_MAX = 2;

interface Moment {
  readonly rooms: RoomOf;
  readonly alike: AlikeNodes;
}

interface Kept {
  /** Holdings that there were: a pass adds some, and changes none without adding one. */
  readonly count: number;
  readonly moments: Map<number, Moment>;
}

const kept = new WeakMap<SiteState, WeakMap<EndOf, Kept>>();

/** The rooms of a site once every holding is over that ends by then. */
export function momentOf(site: SiteState, endOf: EndOf, atMs: number): Moment {
  const ofSite = kept.get(site) ?? new WeakMap<EndOf, Kept>();
  kept.set(site, ofSite);
  const { holdings } = site;
  let known = ofSite.get(endOf);
  if (known?.count !== holdings.length) {
    known = { count: holdings.length, moments: new Map() };
    ofSite.set(endOf, known);
  }
  const { moments } = known;
  const before = moments.get(atMs);
  if (before !== undefined) return before;
  const rooms = roomsAfter(
    site,
    holdings.filter((holding) => endOf(holding) <= atMs),
  );
  const moment = { rooms, alike: new AlikeNodes(site, rooms) };
  const [oldest] = moments.keys();
  if (moments.size >= KEPT_MAX && oldest !== undefined) moments.delete(oldest);
  moments.set(atMs, moment);
  return moment;
}

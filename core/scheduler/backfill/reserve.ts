// EASY backfill (Lifka 1995): the first job that is blocked gets a reservation, and others may
// overtake it only where they cannot delay it. A job lies within one site, so each site can hold
// one reservation: that of the first blocked job whose earliest start is there.
import { BOUNDS } from "../bounds.ts";
import type { Demand, SiteCandidates } from "../demand.ts";
import { compareFits, type Fit, fitSite, type RoomOf } from "../gang/fit.ts";
import { usesOf } from "../gang/uses.ts";
import { copyRoom, type NodeState, type Room, roomsAfter, type SiteState } from "../world.ts";

/** The earliest start of a blocked job, if every lease runs to its limit. */
export interface Forecast {
  readonly startMs: number;
  readonly fit: Fit;
  /** What is free at that moment, the job itself not counted. */
  readonly roomOf: RoomOf;
}

/** Something that knows of sites that are not asked. */
interface Barred {
  readonly has: (siteId: string) => boolean;
}

/**
 * Earliest start over all sites beside the reservations there are; undefined if the job fits
 * nowhere even when all leases end. `lastStartMs` is when a site's time is over for the job.
 */
export function forecast(
  demand: Demand,
  excluded: Barred,
  lastStartMs: (siteId: string) => number = () => Infinity,
): Forecast | undefined {
  let best: Forecast | undefined;
  for (const candidates of demand.candidates) {
    if (excluded.has(candidates.site.siteId)) continue;
    const found = forecastSite(demand, candidates);
    if (found !== undefined && found.startMs > lastStartMs(candidates.site.siteId)) continue;
    if (found !== undefined && (best === undefined || isEarlier(found, best))) best = found;
  }
  return best;
}

function forecastSite(demand: Demand, candidates: SiteCandidates): Forecast | undefined {
  const { site } = candidates;
  const reservedToMs = site.reservation?.endMs ?? -Infinity;
  const at = (startMs: number): Forecast | undefined => {
    const ended = site.holdings.filter(({ endsAtMs }) => endsAtMs <= startMs);
    const rooms = roomsAfter(site, ended);
    const roomOf: RoomOf = (node) =>
      startMs < reservedToMs ? besideReservation(node, rooms(node), Infinity) : rooms(node);
    const { fit } = fitSite(demand, candidates, roomOf, BOUNDS.GANG_STEPS_MAX);
    return fit === undefined ? undefined : { startMs, fit, roomOf };
  };
  const moments = new Set(site.holdings.map(({ endsAtMs }) => endsAtMs));
  if (site.reservation !== undefined) moments.add(reservedToMs);
  const ends = [...moments].sort((a, b) => a - b);
  let found = ends.length === 0 ? undefined : at(ends.at(-1)!);
  if (found === undefined) return undefined;
  // More leases over means more room, so the first end that suffices is found by halving.
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const earlier = at(ends[middle]!);
    if (earlier === undefined) low = middle + 1;
    else [found, high] = [earlier, middle];
  }
  return found;
}

/** Keeps the forecast's nodes for the job. The site must not have a reservation yet. */
export function reserve(
  jobId: string,
  walltimeMs: number,
  { startMs, fit, roomOf }: Forecast,
): void {
  fit.site.reservation = { jobId, startMs, endMs: startMs + walltimeMs };
  for (const [node, use] of usesOf(fit)) {
    const room = roomOf(node);
    node.hold = {
      devices: use.devices,
      milliCpu: room.milliCpu - use.milliCpu,
      memoryMiB: room.memoryMiB - use.memoryMiB,
    };
  }
}

/**
 * What a job that would end at `endsAtMs` may use of a room: all of it if it is over before the
 * reservation starts, else only what the reservation leaves.
 */
export function besideReservation(node: NodeState, room: Room, endsAtMs: number): Room {
  const { hold } = node;
  if (hold === undefined || endsAtMs <= reservedFrom(node.site)) return room;
  const rest = copyRoom(room);
  hold.devices.forEach((held, device) => {
    if (held === 0 || rest.devices[device] === 0) return;
    rest.devices[device] = 0;
    rest.freeDevices -= 1;
  });
  rest.milliCpu = Math.min(rest.milliCpu, hold.milliCpu);
  rest.memoryMiB = Math.min(rest.memoryMiB, hold.memoryMiB);
  return rest;
}

/** Tells the reservation about a job that will still run when it starts. */
export function takeBesideReservation(
  node: NodeState,
  use: { readonly milliCpu: number; readonly memoryMiB: number },
  endsAtMs: number,
): void {
  if (node.hold === undefined || endsAtMs <= reservedFrom(node.site)) return;
  node.hold.milliCpu -= use.milliCpu;
  node.hold.memoryMiB -= use.memoryMiB;
}

const reservedFrom = (site: SiteState): number => site.reservation?.startMs ?? Infinity;

const isEarlier = (a: Forecast, b: Forecast): boolean =>
  a.startMs < b.startMs || (a.startMs === b.startMs && compareFits(a.fit, b.fit) < 0);

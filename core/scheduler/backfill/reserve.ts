// When a blocked job can start, and keeping its place: EASY backfill (Lifka 1995) with one job a
// site, or conservative backfill with one reservation after another. A job lies within one site.
import { BOUNDS } from "../bounds.ts";
import type { Demand, SiteCandidates } from "../demand.ts";
import { compareFits, type Fit, fitSite, type RoomOf } from "../gang/fit.ts";
import { type NodeUse, usesOf } from "../gang/uses.ts";
import type { Holding, Room } from "../world.ts";
import { addHold, besideReservation, type Reservation, type Stay } from "./holds.ts";
import { momentOf } from "./moments.ts";
import { roomFrom } from "./sweep.ts";

/** The earliest start of a blocked job. */
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

/** What is asked of the future. */
export interface Question {
  readonly demand: Demand;
  readonly excluded: Barred;
  /** When a site's time is over for the job; absent: never. */
  readonly lastStartMs?: (siteId: string) => number;
  /** When what holds resources is taken to end; absent: at its limit. */
  readonly endOf?: (holding: Holding) => number;
  /** The job's stay if it starts at that moment; absent: it never ends. */
  readonly stayFrom?: (startMs: number) => Stay;
}

const atLimit = ({ endsAtMs }: Holding): number => endsAtMs;
const FOR_EVER: Stay = { endsAtMs: Infinity, expectedMs: Infinity };

/**
 * Earliest start over all sites beside the reservations there are; undefined if the job fits
 * nowhere even when all leases end.
 */
export function forecast(question: Question): Forecast | undefined {
  const { demand, excluded, lastStartMs } = question;
  const asked: Asked[] = [];
  for (const candidates of demand.candidates) {
    const { siteId } = candidates.site;
    if (excluded.has(siteId)) continue;
    const fromMs = roomFrom(demand, candidates, question.endOf ?? atLimit);
    if (fromMs !== undefined) asked.push({ candidates, fromMs });
  }
  asked.sort((a, b) => (a.fromMs === b.fromMs ? 0 : a.fromMs - b.fromMs));
  let best: Forecast | undefined;
  for (const { candidates, fromMs } of asked) {
    // No site that has room only later can be earlier.
    if (best !== undefined && fromMs > best.startMs) break;
    const found = forecastSite(question, candidates, fromMs);
    const lastMs = lastStartMs?.(candidates.site.siteId) ?? Infinity;
    if (found === undefined || found.startMs > lastMs) continue;
    if (best === undefined || isEarlier(found, best)) best = found;
  }
  return best;
}

/** A site, and the moment before which it has no room. */
interface Asked {
  readonly candidates: SiteCandidates;
  readonly fromMs: number;
}

function forecastSite(
  question: Question,
  candidates: SiteCandidates,
  fromMs: number,
): Forecast | undefined {
  const { demand, endOf = atLimit } = question;
  const { site } = candidates;
  const at = atMoment(question, candidates);
  const moments = new Set(site.holdings.map(endOf));
  for (const { endMs } of site.reservations) if (Number.isFinite(endMs)) moments.add(endMs);
  const ends = [...moments].filter((endMs) => endMs >= fromMs).sort((a, b) => a - b);
  if (ends.length === 0) return undefined;
  // More leases over means more room: with tasks of one kind the first moment suffices, else the
  // first that suffices is found by halving.
  let [low, high] = [0, demand.portions.length === 1 ? 0 : ends.length - 1];
  let found = at(ends[high]!, false);
  if (found === undefined) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    const earlier = at(ends[middle]!, false);
    if (earlier === undefined) low = middle + 1;
    else [found, high] = [earlier, middle];
  }
  if (site.reservations.length === 0) return found;
  // Beside reservations that need not be so: from there on one moment after the other.
  const last = Math.min(ends.length, low + BOUNDS.FORECAST_MOMENTS_MAX);
  for (let moment = low; moment < last; moment += 1) {
    const beside = at(ends[moment]!, true);
    if (beside !== undefined) return beside;
  }
  return at(ends.at(-1)!, true);
}

/** Tries the job on a site as it will be at a moment, with or without its reservations. */
function atMoment(question: Question, candidates: SiteCandidates) {
  const { demand, endOf = atLimit, stayFrom = () => FOR_EVER } = question;
  const { site } = candidates;
  return (startMs: number, beside: boolean): Forecast | undefined => {
    const { rooms, alike } = momentOf(site, endOf, startMs);
    const stay = stayFrom(startMs);
    const roomOf: RoomOf = (node) =>
      beside ? besideReservation(node, rooms(node), stay, startMs) : rooms(node);
    const few = alike.few(demand, candidates);
    const { fit } = fitSite(demand, few, roomOf, BOUNDS.GANG_STEPS_MAX);
    return fit === undefined ? undefined : { startMs, fit, roomOf };
  };
}

/** Keeps the forecast's nodes for the reservation. */
export function reserve(
  reservation: Reservation,
  { fit, roomOf }: Omit<Forecast, "startMs">,
): void {
  fit.site.reservations.push(reservation);
  for (const [node, use] of usesOf(fit)) {
    const room = roomOf(node);
    addHold(node, {
      reservation,
      devices: use.devices,
      ...(use.shared.length === 0 ? {} : { shared: leftBeside(use, room) }),
      milliCpu: room.milliCpu - use.milliCpu,
      memoryMiB: room.memoryMiB - use.memoryMiB,
    });
  }
}

/** What is left of shared devices, at the reserved moment and beside the parts that are kept. */
function leftBeside({ shared }: NodeUse, room: Room): { device: number; left: number }[] {
  return [...Map.groupBy(shared, ({ device }) => device)].map(([device, parts]) => ({
    device,
    left: (room.left?.[device] ?? 0) - parts.reduce((sum, { milli }) => sum + milli, 0),
  }));
}

const isEarlier = (a: Forecast, b: Forecast): boolean =>
  a.startMs < b.startMs || (a.startMs === b.startMs && compareFits(a.fit, b.fit) < 0);

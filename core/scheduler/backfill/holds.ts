// Reservations and what they keep: on which nodes which devices, and how much of the rest. Others
// may use a node as long as they are over when a reservation begins, or stay beside what it keeps.
// Where reservations come from is left to reserve.ts and kept-capacity.ts.
import { copyRoom, type NodeState, type Room, type SiteState } from "../world.ts";

/** How long something would run: at the latest, and as far as is known of its like. */
export interface Stay {
  /** Start plus time limit. */
  readonly endsAtMs: number;
  /** By then it is over nine times in ten; never after `endsAtMs`. */
  readonly expectedMs: number;
  readonly project?: string;
  /** Whose stay it is: what is kept for the job is no obstacle to it. */
  readonly jobId?: string;
}

/** A time for which resources of a site are kept. */
export interface Reservation {
  /** For whom, as people are told: `job 12`, `project lab (reservation R-1)`. */
  readonly keeper: string;
  /** The job it is for; absent: kept for a project. */
  readonly jobId?: string;
  /** The project whose jobs may use what is kept. */
  readonly project?: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Which end of the others must not come after the beginning. */
  readonly against: "expected" | "limit";
  /** What ends later than this, and uses kept nodes, was let in on an estimate; see slack. */
  readonly promisedMs: number;
}

/** What a reservation keeps on one node from jobs that would run into it. */
export interface Hold {
  readonly reservation: Reservation;
  readonly devices: Uint8Array;
  /** What is left at the reserved moment, beside the reservation, for longer jobs. */
  milliCpu: number;
  memoryMiB: number;
}

/** A stay of which only the latest end is known. */
export const stayUntil = (endsAtMs: number): Stay => ({ endsAtMs, expectedMs: endsAtMs });

/** True if the stay, which begins at `fromMs`, never meets the reservation, or is part of it. */
export function isClear(reservation: Reservation, stay: Stay, fromMs = -Infinity): boolean {
  if (reservation.project !== undefined && reservation.project === stay.project) return true;
  if (reservation.jobId !== undefined && reservation.jobId === stay.jobId) return true;
  const endMs = reservation.against === "limit" ? stay.endsAtMs : stay.expectedMs;
  return endMs <= reservation.startMs || fromMs >= reservation.endMs;
}

/** What a job may use of a room: all of it, less what reservations keep that it would run into. */
export function besideReservation(
  node: NodeState,
  room: Room,
  stay: Stay,
  fromMs = -Infinity,
): Room {
  if (node.site.closedFor !== undefined) return { ...NOTHING, devices: nothingOf(room) };
  let rest = room;
  for (const hold of node.holds ?? []) {
    if (isClear(hold.reservation, stay, fromMs)) continue;
    if (rest === room) rest = copyRoom(room);
    for (const [device, held] of hold.devices.entries()) {
      if (held === 0 || rest.devices[device] === 0) continue;
      rest.devices[device] = 0;
      rest.freeDevices -= 1;
    }
    rest.milliCpu = Math.min(rest.milliCpu, hold.milliCpu);
    rest.memoryMiB = Math.min(rest.memoryMiB, hold.memoryMiB);
  }
  return rest;
}

const NOTHING = { freeDevices: 0, milliCpu: 0, memoryMiB: 0 };
const nothingOf = ({ devices }: Room): Uint8Array => new Uint8Array(devices.length);

/** Tells the reservations about a job that will still run when they begin. */
export function takeBesideReservation(
  node: NodeState,
  use: { readonly milliCpu: number; readonly memoryMiB: number },
  stay: Stay,
): void {
  for (const hold of node.holds ?? []) {
    if (isClear(hold.reservation, stay)) continue;
    hold.milliCpu -= use.milliCpu;
    hold.memoryMiB -= use.memoryMiB;
  }
}

/** Keeps part of a node for a reservation of its site. */
export function addHold(node: NodeState, hold: Hold): void {
  node.holds ??= [];
  node.holds.push(hold);
}

/** For whom a node is kept from a job that would fit there otherwise: `job 12`. */
export function keeperOf(node: NodeState, stay: Stay): string | undefined {
  const { closedFor } = node.site;
  if (closedFor !== undefined) return `job ${closedFor}`;
  return node.holds?.find(({ reservation }) => !isClear(reservation, stay))?.reservation.keeper;
}

/** The job that some site is reserved for; the first of them. */
export function firstReserved(sites: readonly SiteState[]): string | undefined {
  for (const { reservations, closedFor } of sites) {
    const jobId = closedFor ?? reservations.find((one) => one.jobId !== undefined)?.jobId;
    if (jobId !== undefined) return jobId;
  }
  return undefined;
}

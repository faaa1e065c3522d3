// Reservations and what they keep: on which nodes which devices, and how much of the rest. Others
// may use a node as long as they are over when a reservation begins, or stay beside what it keeps.
// Where reservations come from is left to reserve.ts and ../reservation/keep.ts.
import type { Objection } from "../reasons.ts";
import {
  copyRoom,
  type NodeState,
  type Room,
  type SharedDevice,
  type SiteState,
  takeDevice,
} from "../world.ts";

/** How long something would run: at the latest, and as far as is known of its like. */
export interface Stay {
  /** Start plus time limit. */
  readonly endsAtMs: number;
  /** By then it is over nine times in ten; never after `endsAtMs`. */
  readonly expectedMs: number;
  /** Whose it is; absent: it may use nothing that an operator keeps for somebody. */
  readonly project?: string;
  readonly user?: string;
  /** From then on it may be stopped for an operator's reservation; absent: never. */
  readonly yieldsFromMs?: number;
  /** Whose stay it is: what is kept for the job is no obstacle to it. */
  readonly jobId?: string;
}

/** For whom an operator keeps something; what is absent is anybody's. */
export interface ReservedFor {
  readonly projects?: ReadonlySet<string>;
  readonly user?: string;
  /** E.g. `reservation r-3 of project lab from ... to ...`. */
  readonly text: string;
  /** True once its window has begun. */
  readonly open: boolean;
}

/** True if a job of that project and user may use what is kept. */
export const serves = (
  { projects, user }: ReservedFor,
  job: { readonly project?: string; readonly user?: string },
): boolean =>
  job.project !== undefined &&
  (projects === undefined || projects.has(job.project)) &&
  (user === undefined || user === job.user);

/** A time for which resources of a site are kept. */
export interface Reservation {
  /** For whom, as people are told: `job 12`, `reservation r-1`. */
  readonly keeper: string;
  /** The job it is for; absent: an operator made it. */
  readonly jobId?: string;
  /** Whose jobs may use what an operator keeps. */
  readonly reserved?: ReservedFor;
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
  /** Devices of which it keeps a part, and the thousandths that are left then beside it. */
  readonly shared?: { readonly device: number; left: number }[];
  /** What is left at the reserved moment, beside the reservation, for longer jobs. */
  milliCpu: number;
  memoryMiB: number;
}

/** A stay of which only the latest end is known. */
export const stayUntil = (endsAtMs: number): Stay => ({ endsAtMs, expectedMs: endsAtMs });

/** True if the stay, which begins at `fromMs`, never meets the reservation, or is part of it. */
export function isClear(reservation: Reservation, stay: Stay, fromMs = -Infinity): boolean {
  const { reserved, jobId, against, startMs } = reservation;
  if (reserved !== undefined && serves(reserved, stay)) return true;
  if (jobId !== undefined && jobId === stay.jobId) return true;
  let endMs = against === "limit" ? stay.endsAtMs : stay.expectedMs;
  if (reserved !== undefined) endMs = Math.min(endMs, stay.yieldsFromMs ?? Infinity);
  return endMs <= startMs || fromMs >= reservation.endMs;
}

/** What a job may use of a room: all of it, less what reservations keep that it would run into. */
export function besideReservation(
  node: NodeState,
  room: Room,
  stay: Stay,
  fromMs = -Infinity,
): Room {
  if (node.holds === undefined && node.site.closedFor === undefined) return room;
  const own = ownReserved(node, room, stay, fromMs);
  if (node.site.closedFor !== undefined) return own ?? { ...NOTHING, devices: nothingOf(room) };
  let rest = room;
  for (const hold of node.holds ?? []) {
    if (isClear(hold.reservation, stay, fromMs)) continue;
    if (rest === room) rest = copyRoom(room);
    for (const [device, held] of hold.devices.entries()) {
      if (held === 1) takeDevice(rest, device);
    }
    for (const { device, left } of hold.shared ?? []) leaveOf(rest, device, left);
    rest.milliCpu = Math.min(rest.milliCpu, hold.milliCpu);
    rest.memoryMiB = Math.min(rest.memoryMiB, hold.memoryMiB);
  }
  return own === undefined || rest === room ? rest : either(rest, own);
}

/** Leaves at most so much of a device. */
function leaveOf(room: Room, device: number, left: number): void {
  const most = Math.max(0, Math.min(left, room.left?.[device] ?? 0));
  takeDevice(room, device);
  if (room.left !== undefined) room.left[device] = most;
}

/** What is in one of two rooms of a node. */
function either(a: Room, b: Room): Room {
  const devices = a.devices.map((free, device) => free | b.devices[device]!);
  const left = a.left?.map((milli, device) => Math.max(milli, b.left?.[device] ?? 0));
  return {
    ...(left === undefined ? {} : { left }),
    devices,
    freeDevices: devices.reduce((sum, free) => sum + free, 0),
    milliCpu: Math.max(a.milliCpu, b.milliCpu),
    memoryMiB: Math.max(a.memoryMiB, b.memoryMiB),
  };
}

const NOTHING = { freeDevices: 0, milliCpu: 0, memoryMiB: 0 };
const nothingOf = ({ devices }: Room): Uint8Array => new Uint8Array(devices.length);

/**
 * What an operator keeps for the job now and is free: no promise to another job stands before it.
 * Undefined where nothing is kept for it.
 */
function ownReserved(node: NodeState, room: Room, stay: Stay, fromMs: number): Room | undefined {
  let own: Room | undefined;
  for (const { reservation, devices: kept } of node.holds ?? []) {
    const { reserved, endMs } = reservation;
    if (reserved?.open !== true || fromMs >= endMs || !serves(reserved, stay)) continue;
    own ??= emptied(room);
    for (const [device, held] of kept.entries()) {
      if (held === 0) continue;
      if (own.left !== undefined) own.left[device] = room.left![device]!;
      if (room.devices[device] === 0 || own.devices[device] === 1) continue;
      own.devices[device] = 1;
      own.freeDevices += 1;
    }
  }
  return own;
}

/** The same room without any device. */
function emptied(room: Room): Room {
  const none = { ...room, freeDevices: 0, devices: nothingOf(room) };
  return room.left === undefined ? none : { ...none, left: new Uint16Array(room.left.length) };
}

interface Used {
  readonly shared: readonly SharedDevice[];
  readonly milliCpu: number;
  readonly memoryMiB: number;
}

/** Tells the reservations about a job that will still run when they begin. */
export function takeBesideReservation(node: NodeState, use: Used, stay: Stay): void {
  for (const hold of node.holds ?? []) {
    if (isClear(hold.reservation, stay)) continue;
    for (const kept of hold.shared ?? []) {
      for (const { device, milli } of use.shared) if (device === kept.device) kept.left -= milli;
    }
    hold.milliCpu -= use.milliCpu;
    hold.memoryMiB -= use.memoryMiB;
  }
}

/** Keeps part of a node for a reservation of its site. */
export function addHold(node: NodeState, hold: Hold): void {
  node.holds ??= [];
  node.holds.push(hold);
}

/** Why a node is kept from a job that would fit there otherwise: `kept for job 12`. */
export function keptFrom(node: NodeState, stay: Stay): Objection | undefined {
  const { closedFor } = node.site;
  if (closedFor !== undefined) return { code: "RESERVED_FOR", text: `kept for job ${closedFor}` };
  const hold = node.holds?.find(({ reservation }) => !isClear(reservation, stay));
  if (hold === undefined) return undefined;
  const { reserved, keeper } = hold.reservation;
  if (reserved === undefined) return { code: "RESERVED_FOR", text: `kept for ${keeper}` };
  return { code: "RESERVATION", text: `held for ${reserved.text}` };
}

/** The job that some site is reserved for; the first of them. */
export function firstReserved(sites: readonly SiteState[]): string | undefined {
  for (const { reservations, closedFor } of sites) {
    const jobId = closedFor ?? reservations.find((one) => one.jobId !== undefined)?.jobId;
    if (jobId !== undefined) return jobId;
  }
  return undefined;
}

// The snapshot made ready for one pass: nodes by site, free devices as flags, leases with their
// ends. A pass owns its world and changes it as it promises resources; nothing outside sees it.
import {
  assert,
  deviceCount,
  type JobSpec,
  LIMITS,
  type Node,
  type Placement,
  SHARE_MILLI,
  WHOLE_MILLI,
} from "../pool/index.ts";
import type { Hold, Reservation } from "./backfill/holds.ts";
import { BOUNDS } from "./bounds.ts";
import type { Outlook } from "./rank/outlook.ts";
import { byText } from "./reasons.ts";
import type { NodeView, RunningView } from "./types.ts";

/** What is free on one node. Device i is accelerator i of the node; 1 means free. */
export interface Room {
  devices: Uint8Array;
  freeDevices: number;
  /** Thousandths that are free of each device; absent where none is shared. */
  left?: Uint16Array;
  milliCpu: number;
  memoryMiB: number;
}

export interface NodeState {
  readonly view: NodeView;
  readonly site: SiteState;
  /** Nodes of one class answer every checker alike. */
  readonly classIndex: number;
  /** Index of its hardware. */
  readonly hardware: number;
  /** Position within the site. */
  readonly index: number;
  readonly room: Room;
  /** What reservations keep of it. */
  holds?: Hold[];
  /** The job for which something here is kept while leases are being stopped. */
  keptFor?: string;
}

/** A part of a device. */
export interface SharedDevice {
  readonly device: number;
  readonly milli: number;
}

/** Resources of one lease on one node. */
export interface Part {
  readonly node: NodeState;
  /** What it holds alone. */
  devices: readonly number[];
  /** What it holds parts of. */
  shared?: readonly SharedDevice[];
  milliCpu: number;
  memoryMiB: number;
}

/** A lease of a site, or a promise of this pass. */
export interface Holding {
  readonly lease?: RunningView;
  readonly parts: readonly Part[];
  /** When it is over at the latest. */
  endsAtMs: number;
  /** When a promise of this pass should be over; leases are estimated where that is asked. */
  readonly expectedMs?: number;
  /** What is promised to whom; absent for a lease, which says so itself. */
  readonly spec?: JobSpec;
  /** True if it ends within the stop grace, because it was asked to. */
  stopping: boolean;
}

export interface SiteState {
  readonly siteId: string;
  readonly nodes: NodeState[];
  readonly holdings: Holding[];
  readonly reservations: Reservation[];
  /** The blocked job that nobody may pass here. */
  closedFor?: string;
}

export interface World {
  readonly nowMs: number;
  /** By site id. */
  readonly sites: readonly SiteState[];
  readonly classes: readonly NodeClass[];
  /** One view of each kind of hardware. */
  readonly hardware: readonly NodeView[];
  /** What tells kinds of hardware apart, in the same order. */
  readonly hardwareKeys: readonly string[];
  /** What is known of the future; absent: nodes are ranked by best fit alone. */
  outlook?: Outlook;
}

/** Nodes that answer every checker alike. */
export interface NodeClass {
  /** One of them. */
  readonly view: NodeView;
  /** Index of their hardware. */
  readonly hardware: number;
  nodes: number;
}

/** Builds the world. The order of the input does not matter; a node given twice is a bug. */
export function buildWorld(
  nowMs: number,
  nodes: readonly NodeView[],
  running: readonly RunningView[],
): World {
  const sites = new Map<string, SiteState>();
  const classes = new Map<string, NodeClass & { readonly index: number }>();
  const hardware = new Map<string, { readonly view: NodeView; readonly index: number }>();
  const sorted = [...nodes].sort(
    (a, b) => byText(a.siteId, b.siteId) || byText(a.node.name, b.node.name),
  );
  for (const view of sorted) {
    const machineKey = hardwareKey(view);
    const machine = hardware.get(machineKey) ?? { view, index: hardware.size };
    hardware.set(machineKey, machine);
    const key = classKey(view, machine.index);
    const nodeClass = classes.get(key) ?? {
      view,
      hardware: machine.index,
      nodes: 0,
      index: classes.size,
    };
    classes.set(key, nodeClass);
    nodeClass.nodes += 1;
    const classIndex = nodeClass.index;
    const site: SiteState = sites.get(view.siteId) ?? {
      ...{ siteId: view.siteId, nodes: [], holdings: [], reservations: [] },
    };
    sites.set(view.siteId, site);
    const last = site.nodes.at(-1);
    assert(last?.view.node.name !== view.node.name, `node ${view.node.name} is given once`);
    site.nodes.push({
      ...{ view, site, classIndex, hardware: machine.index, index: site.nodes.length },
      room: freeRoom(view),
    });
  }
  addHoldings(sites, nowMs, running);
  return {
    nowMs,
    sites: [...sites.values()],
    classes: [...classes.values()],
    hardware: [...hardware.values()].map((machine) => machine.view),
    hardwareKeys: [...hardware.keys()],
  };
}

/** Devices that a lease counts for when usage is compared; processor time stands in for none. */
export function deviceWeight(placements: readonly Placement[]): number {
  return placements.reduce((sum, placement) => {
    const { milliCpu } = placement;
    const devices = deviceCount([placement]);
    return sum + (devices > 0 ? devices : milliCpu / BOUNDS.MILLI_CPU_PER_DEVICE);
  }, 0);
}

/** What a lease counts in fair share; one without a figure as much as it holds. */
export const leaseShare = (lease: Pick<RunningView, "placements" | "shareMilli">): number =>
  lease.shareMilli === undefined ? deviceWeight(lease.placements) : lease.shareMilli / SHARE_MILLI;

/** An independent copy. */
export const copyRoom = (room: Room): Room => {
  const copy = { ...room, devices: room.devices.slice() };
  return room.left === undefined ? copy : { ...copy, left: room.left.slice() };
};

/** Takes a device out of a room, whatever is left of it. */
export function takeDevice(room: Room, device: number): void {
  if (room.left !== undefined) room.left[device] = 0;
  if (room.devices[device] === 0) return;
  room.devices[device] = 0;
  room.freeDevices -= 1;
}

/** Takes a part of a device out of a room; there is as much. */
export function takeShared(room: Room, { device, milli }: SharedDevice): void {
  const left = room.left?.[device] ?? 0;
  assert(left >= milli, "no more than a whole device is shared");
  takeDevice(room, device);
  room.left![device] = left - milli;
}

/** Adds what a part gives back. */
export function giveBack(room: Room, part: Part): void {
  for (const device of part.devices) {
    if (room.left !== undefined) room.left[device] = WHOLE_MILLI;
    freeDevice(room, device);
  }
  for (const { device, milli } of part.shared ?? []) {
    if (room.left === undefined) continue;
    const left = room.left[device]! + milli;
    assert(left <= WHOLE_MILLI, "no more is given back of a device than there is");
    room.left[device] = left;
    if (left === WHOLE_MILLI) freeDevice(room, device);
  }
  room.milliCpu += part.milliCpu;
  room.memoryMiB += part.memoryMiB;
}

function freeDevice(room: Room, device: number): void {
  if (room.devices[device] === 1) return;
  room.devices[device] = 1;
  room.freeDevices += 1;
}

/** The same site with what some holdings would give back. Only rooms that differ are copied. */
export function roomsAfter(site: SiteState, ended: Iterable<Holding>): (node: NodeState) => Room {
  const changed = new Map<NodeState, Room>();
  for (const holding of ended) {
    for (const part of holding.parts) {
      let room = changed.get(part.node);
      if (room === undefined) {
        room = copyRoom(part.node.room);
        changed.set(part.node, room);
      }
      giveBack(room, part);
    }
  }
  return (node) => {
    assert(node.site === site, "a room is asked of its own site");
    return changed.get(node) ?? node.room;
  };
}

/** Nodes never change, new ones take their place: what is worked out of one holds for ever. */
const hardwareKeys = new WeakMap<Node, string>();
const labelKeys = new WeakMap<Node, string>();

function hardwareKey({ node }: NodeView): string {
  let key = hardwareKeys.get(node);
  if (key === undefined) {
    const devices = node.accelerators.map((a) => [a.kind, a.vendor, a.model, a.memoryMiB]);
    key = JSON.stringify([node.milliCpu, node.memoryMiB, devices]);
    hardwareKeys.set(node, key);
  }
  return key;
}

function labelKey(node: Node): string {
  let key = labelKeys.get(node);
  if (key === undefined) {
    const labels = Object.entries(node.labels).sort(([a], [b]) => byText(a, b));
    key = JSON.stringify([node.os, labels]);
    labelKeys.set(node, key);
  }
  return key;
}

function classKey(view: NodeView, hardware: number): string {
  const { member, schedulable, unavailableReason, node } = view;
  const taken = schedulable ? "" : (unavailableReason ?? "unavailable");
  const state = view.sharesAccelerators === true ? `${taken} shares` : taken;
  return `${hardware} ${member} ${state} ${labelKey(node)}`;
}

function freeRoom(view: NodeView): Room {
  const { accelerators } = view.node;
  const devices = new Uint8Array(accelerators.length);
  const freeDevices = view.freeAcceleratorIds.length;
  // Most nodes of a large pool are idle or full: of those no device is looked up.
  if (freeDevices === accelerators.length) devices.fill(1);
  else if (freeDevices > 0) {
    const free = new Set(view.freeAcceleratorIds);
    for (const [i, { id }] of accelerators.entries()) devices[i] = free.has(id) ? 1 : 0;
  }
  const { freeMilliCpu: milliCpu, freeMemoryMiB: memoryMiB, leftMilli = {} } = view;
  const room = { devices, freeDevices, milliCpu, memoryMiB };
  if (view.sharesAccelerators !== true && view.leftMilli === undefined) return room;
  const left = Uint16Array.from(devices, (free) => free * WHOLE_MILLI);
  for (const [i, { id }] of accelerators.entries()) left[i] = leftMilli[id] ?? left[i]!;
  return { ...room, left };
}

function addHoldings(
  sites: ReadonlyMap<string, SiteState>,
  nowMs: number,
  running: readonly RunningView[],
): void {
  const nodesOf = new Map<SiteState, Map<string, NodeState>>();
  for (const site of sites.values()) {
    nodesOf.set(site, new Map(site.nodes.map((node) => [node.view.node.name, node])));
  }
  for (const lease of [...running].sort((a, b) => byText(a.leaseId, b.leaseId))) {
    const site = sites.get(lease.siteId);
    if (site === undefined) continue; // Its site was removed: nothing comes back from it.
    const stopping = lease.stopping === true;
    const latestMs = stopping
      ? Math.min(lease.endsAtMs, nowMs + (lease.stopGraceMs ?? LIMITS.STOP_GRACE_MS))
      : lease.endsAtMs;
    site.holdings.push({
      lease,
      parts: lease.placements.flatMap((placement) => partOf(nodesOf.get(site)!, placement)),
      endsAtMs: Math.max(latestMs, nowMs),
      stopping,
    });
  }
}

/** Empty where the node, or a device of it, is no longer in the inventory. */
function partOf(nodes: ReadonlyMap<string, NodeState>, placement: Placement): Part[] {
  const node = nodes.get(placement.node);
  if (node === undefined) return [];
  const ids = new Set(placement.acceleratorIds);
  const devices = node.view.node.accelerators.flatMap(({ id }, i) => (ids.has(id) ? [i] : []));
  const { milliCpu, memoryMiB, partMilli } = placement;
  if (partMilli === undefined) return [{ node, devices, milliCpu, memoryMiB }];
  const shared = devices.map((device) => ({ device, milli: partMilli }));
  return [{ node, devices: [], shared, milliCpu, memoryMiB }];
}

// Promising resources within a pass: now, or as soon as leases that are being stopped are over.
// Keeps free rooms, reservations and future ends in step, so nothing is promised twice.
import { type JobSpec, LIMITS } from "../pool/index.ts";
import { type Stay, stayUntil, takeBesideReservation } from "./backfill/holds.ts";
import type { Fit } from "./gang/fit.ts";
import { type NodeUse, touched, usesOf } from "./gang/uses.ts";
import type { WaitingView } from "./types.ts";
import {
  type Holding,
  type NodeState,
  type Part,
  type Room,
  takeDevice,
  takeShared,
} from "./world.ts";

/** Takes what the fit uses out of what is free now. */
export function takeNow(fit: Fit, stay: Stay, spec: JobSpec): void {
  const parts: Part[] = [];
  for (const [node, use] of usesOf(fit)) {
    takeDevices(node.room, use.devices);
    for (const part of use.shared) takeShared(node.room, part);
    node.room.milliCpu -= use.milliCpu;
    node.room.memoryMiB -= use.memoryMiB;
    takeBesideReservation(node, use, stay);
    parts.push(partOf(node, use));
  }
  const { endsAtMs, expectedMs } = stay;
  fit.site.holdings.push({ parts, endsAtMs, expectedMs, spec, stopping: false });
}

/**
 * Keeps what the fit uses, partly free now and partly still held by `stopping`, until the job can
 * start. What is free goes first; only the rest is taken from what the leases will give back.
 */
export function keepForLater(
  { jobId, spec }: WaitingView,
  fit: Fit,
  stopping: readonly Holding[],
  startMs: number,
): void {
  const endsAtMs = startMs + spec.walltimeMs;
  const stay = { ...stayUntil(endsAtMs), project: spec.project, user: spec.user };
  const parts: Part[] = [];
  for (const [node, use] of usesOf(fit)) {
    takeBesideReservation(node, use, stay);
    parts.push(partOf(node, use));
    node.keptFor = jobId;
    const held = stopping.flatMap((holding) => holding.parts.filter((part) => part.node === node));
    takePart(node.room, held, use);
  }
  for (const holding of stopping) {
    holding.stopping = true;
    holding.endsAtMs = Math.min(holding.endsAtMs, startMs);
  }
  fit.site.holdings.push({ parts, endsAtMs, stopping: false });
}

/** When a lease that is asked to stop now is over at the latest. */
export const stoppedAtMs = (nowMs: number): number => nowMs + LIMITS.STOP_GRACE_MS;

function takePart(room: Room, held: readonly Part[], use: NodeUse): void {
  // Of a device that is shared nothing is left to others until the job is there.
  const all = touched(use);
  for (const part of held) {
    part.devices = part.devices.filter((device) => all[device] === 0);
    if (part.shared !== undefined) {
      part.shared = part.shared.filter(({ device }) => all[device] === 0);
    }
  }
  takeDevices(room, all);
  const fromRoom = {
    milliCpu: Math.min(room.milliCpu, use.milliCpu),
    memoryMiB: Math.min(room.memoryMiB, use.memoryMiB),
  };
  room.milliCpu -= fromRoom.milliCpu;
  room.memoryMiB -= fromRoom.memoryMiB;
  let milliCpu = use.milliCpu - fromRoom.milliCpu;
  let memoryMiB = use.memoryMiB - fromRoom.memoryMiB;
  for (const part of held) {
    const cpuHere = Math.min(part.milliCpu, milliCpu);
    const memoryHere = Math.min(part.memoryMiB, memoryMiB);
    part.milliCpu -= cpuHere;
    part.memoryMiB -= memoryHere;
    milliCpu -= cpuHere;
    memoryMiB -= memoryHere;
  }
}

function takeDevices(room: Room, devices: Uint8Array): void {
  devices.forEach((used, device) => {
    if (used === 1) takeDevice(room, device);
  });
}

function partOf(node: NodeState, use: NodeUse): Part {
  const devices: number[] = [];
  use.devices.forEach((used, device) => {
    if (used === 1) devices.push(device);
  });
  const { milliCpu, memoryMiB, shared } = use;
  const part = { node, devices, milliCpu, memoryMiB };
  return shared.length === 0 ? part : { ...part, shared };
}

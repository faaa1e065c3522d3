// Fragmentation of a node: the free accelerator parts that the next request, drawn from the mix,
// could not use. Source: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads
// with Fragmentation Gradient Descent", USENIX ATC 2023; the order of the sums is that of the
// authors' simulator, since it decides single units of the score.
import type { KnownRequest } from "./requests.ts";

/** A request that stands for a part of the mix. */
export interface Typical {
  readonly request: KnownRequest;
  /** Share of the typical requests, 0 to 1. */
  readonly share: number;
}

/** The most frequent requests that make up this part of all arrivals are looked at. */
export const TYPICAL_PART = 0.95;

interface Group {
  readonly request: KnownRequest;
  count: number;
}

/** Typical requests of a mix, the most frequent first. Memory does not tell requests apart. */
export function typicalOf(
  rows: readonly (readonly [request: KnownRequest, count: number])[],
): readonly Typical[] {
  const groups = new Map<string, Group>();
  let total = 0;
  for (const [request, count] of rows) {
    const { milliCpu, milli, accelerators, models } = request;
    const key = `${milliCpu}/${milli}/${accelerators}/${models}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { request, count });
    else group.count += count;
    total += count;
  }
  const sorted = [...groups.values()].sort(byCount);
  const kept: Group[] = [];
  let covered = 0;
  for (const group of sorted) {
    if (covered >= TYPICAL_PART * total) break;
    kept.push(group);
    covered += group.count;
  }
  return kept.map(({ request, count }) => ({
    request,
    share: count / total / (covered / total),
  }));
}

function byCount(a: Group, b: Group): number {
  const [x, y] = [a.request, b.request];
  return (
    b.count - a.count ||
    y.milliCpu - x.milliCpu ||
    y.milli - x.milli ||
    y.accelerators - x.accelerators ||
    (x.models < y.models ? 1 : -1)
  );
}

/** What a node has free: `stride` parts in `free` from `from` on, in any order. */
export interface FreeNode {
  readonly kind: number;
  readonly milliCpu: number;
  readonly free: Int16Array;
  readonly from: number;
  readonly stride: number;
}

/** Expected thousandths of free accelerators that the next typical request cannot use. */
export function fragmentation(typical: readonly Typical[], node: FreeNode): number {
  const { kind, milliCpu, free, from, stride } = node;
  let whole = 0;
  for (let at = from; at < from + stride; at += 1) whole += free[at]!;
  if (whole === 0) return 0;
  let [bothLack, useful, cpuLacks, noneNeeded, noneNeededCpuLacks, otherModel] = [0, 0, 0, 0, 0, 0];
  for (const { request, share } of typical) {
    const cpuFits = milliCpu >= request.milliCpu;
    if (request.accelerators === 0) {
      if (cpuFits) noneNeeded += share * whole;
      else noneNeededCpuLacks += share * whole;
    } else if (request.models01[kind] === 0) {
      otherModel += share * whole;
    } else {
      let room = 0;
      let small = 0;
      for (let at = from; at < from + stride; at += 1) {
        if (free[at]! >= request.milli) room += 1;
        else small += free[at]!;
      }
      if (room >= request.accelerators) {
        if (cpuFits) useful += share * small;
        else cpuLacks += share * whole;
      } else if (cpuFits) useful += share * whole;
      else bothLack += share * whole;
    }
  }
  return bothLack + useful + cpuLacks + noneNeeded + noneNeededCpuLacks + otherModel;
}

// Where something that has to move could go: the place that wastes least. Unlike the placer it
// keeps no scores: moves are rare, and the nodes differ at every step of a search.
import { type NodeTable, WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import { fits, type KnownRequest } from "../placement/requests.ts";

/** Whether any node has room for a request. */
export function hasPlace(nodes: NodeTable, request: KnownRequest): boolean {
  for (let node = 0; node < nodes.count; node += 1) {
    if (request.kinds[nodes.kind[node]!] === 1 && fits(nodes, node, request)) return true;
  }
  return false;
}

/** The tightest place for a request, `own` the node that it now runs on; undefined: none. */
export function tightestPlace(
  nodes: NodeTable,
  request: KnownRequest,
  own?: number,
  waste?: Waste,
): Place | undefined {
  let [best, least] = [-1, Number.POSITIVE_INFINITY];
  for (let rank = 0; rank < nodes.count; rank += 1) {
    const node = nodes.byRank[rank]!;
    if (request.kinds[nodes.kind[node]!] === 0) continue;
    const home = node === own;
    if (home && request.accelerators !== 1) continue;
    const milliCpu = nodes.freeMilliCpu[node]! + (home ? request.milliCpu : 0);
    const memoryMiB = nodes.freeMemoryMiB[node]! + (home ? request.memoryMiB : 0);
    if (milliCpu < request.milliCpu || memoryMiB < request.memoryMiB) continue;
    const slack = slackOf(nodes, node, request, waste);
    if (slack < least) [best, least] = [node, slack];
  }
  return best < 0 ? undefined : { node: best, accelerators: chosen(nodes, best, request, waste) };
}

/** Thousandths of a free part that nobody is expected to use. */
export type Waste = (free: number) => number;

/** Weight of what would be wasted more, over what would only stay free. */
const WASTE_WEIGHT = 1_000;

/** Thousandths that stay free beside a request where it would go; infinite: no room. */
function slackOf(nodes: NodeTable, node: number, request: KnownRequest, waste?: Waste): number {
  const { free, stride } = nodes;
  const from = node * stride;
  if (request.accelerators === 0) return nodes.freeMilli(node);
  if (request.milli < WHOLE) {
    const at = tightestPart(nodes, node, request.milli, waste);
    return at < 0 ? Number.POSITIVE_INFINITY : partSlack(free[from + at]!, request.milli, waste);
  }
  let [room, sum] = [0, 0];
  for (let at = from; at < from + stride; at += 1) {
    if (free[at]! < WHOLE) continue;
    room += 1;
    sum += WHOLE;
  }
  return room < request.accelerators ? Number.POSITIVE_INFINITY : sum - request.wholeMilli;
}

function partSlack(free: number, milli: number, waste: Waste | undefined): number {
  const left = free - milli;
  return waste === undefined ? left : left + WASTE_WEIGHT * (waste(left) - waste(free));
}

/** The accelerator of a node that a shared request takes; -1: none has room. */
function tightestPart(
  { free, stride }: NodeTable,
  node: number,
  milli: number,
  waste: Waste | undefined,
): number {
  let [best, least] = [-1, Number.POSITIVE_INFINITY];
  for (let at = 0; at < stride; at += 1) {
    const part = free[node * stride + at]!;
    if (part < milli) continue;
    const slack = partSlack(part, milli, waste);
    if (slack < least) [best, least] = [at, slack];
  }
  return best;
}

/** The accelerators that a request takes on a node that has room. */
function chosen(
  nodes: NodeTable,
  node: number,
  request: KnownRequest,
  waste: Waste | undefined,
): readonly number[] {
  const { accelerators, milli } = request;
  if (accelerators === 0) return [];
  if (milli < WHOLE) return [tightestPart(nodes, node, milli, waste)];
  const whole: number[] = [];
  for (let at = 0; whole.length < accelerators; at += 1) {
    if (nodes.free[node * nodes.stride + at]! >= WHOLE) whole.push(at);
  }
  return whole;
}

/** How much more is wasted, at best, when a request has found a place; infinite: it finds none. */
export function leastWaste(nodes: NodeTable, request: KnownRequest, waste: Waste): number {
  if (request.accelerators !== 1 || request.milli === WHOLE) {
    return hasPlace(nodes, request) ? 0 : Number.POSITIVE_INFINITY;
  }
  let least = Number.POSITIVE_INFINITY;
  const { free, stride } = nodes;
  for (let node = 0; node < nodes.count; node += 1) {
    if (request.kinds[nodes.kind[node]!] === 0) continue;
    if (nodes.freeMilliCpu[node]! < request.milliCpu) continue;
    if (nodes.freeMemoryMiB[node]! < request.memoryMiB) continue;
    for (let at = node * stride; at < (node + 1) * stride; at += 1) {
      const part = free[at]!;
      if (part < request.milli) continue;
      least = Math.min(least, waste(part - request.milli) - waste(part));
    }
  }
  return least;
}

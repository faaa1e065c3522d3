// Where something that has to move could go: the place that wastes least. Unlike the placer it
// keeps no scores: moves are rare, and the nodes differ at every step of a search.
import { type NodeTable, WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import { fits, type KnownRequest } from "../placement/requests.ts";
import type { Holding } from "./holdings.ts";

/** Whether any node has room for a request. */
export function hasPlace(nodes: NodeTable, request: KnownRequest): boolean {
  for (let node = 0; node < nodes.count; node += 1) {
    if (request.kinds[nodes.kind[node]!] === 1 && fits(nodes, node, request)) return true;
  }
  return false;
}

/** The tightest place for a holding that must leave these accelerators; undefined: none. */
export function tightestPlace(
  nodes: NodeTable,
  { request, place: own }: Holding,
  price: (node: number) => number,
): Place | undefined {
  let [best, least] = [-1, Number.POSITIVE_INFINITY];
  for (let rank = 0; rank < nodes.count; rank += 1) {
    const node = nodes.byRank[rank]!;
    if (request.kinds[nodes.kind[node]!] === 0) continue;
    const home = node === own.node;
    if (home && request.accelerators !== 1) continue;
    const milliCpu = nodes.freeMilliCpu[node]! + (home ? request.milliCpu : 0);
    const memoryMiB = nodes.freeMemoryMiB[node]! + (home ? request.memoryMiB : 0);
    if (milliCpu < request.milliCpu || memoryMiB < request.memoryMiB) continue;
    const slack = slackOf(nodes, node, request) + price(node);
    if (slack < least) [best, least] = [node, slack];
  }
  return best < 0 ? undefined : { node: best, accelerators: chosen(nodes, best, request) };
}

/** Thousandths that stay free beside a request where it would go; infinite: no room. */
function slackOf(nodes: NodeTable, node: number, request: KnownRequest): number {
  const { free, stride } = nodes;
  const from = node * stride;
  if (request.accelerators === 0) return nodes.freeMilli(node);
  let [tightest, room, sum] = [Number.POSITIVE_INFINITY, 0, 0];
  for (let at = from; at < from + stride; at += 1) {
    if (free[at]! < request.milli) continue;
    room += 1;
    sum += free[at]!;
    if (free[at]! < tightest) tightest = free[at]!;
  }
  if (room < request.accelerators) return Number.POSITIVE_INFINITY;
  return request.milli < WHOLE ? tightest - request.milli : sum - request.wholeMilli;
}

/** The accelerators that a request takes on a node that has room. */
function chosen(nodes: NodeTable, node: number, request: KnownRequest): readonly number[] {
  const { free, stride } = nodes;
  const from = node * stride;
  const fitting: number[] = [];
  for (let at = 0; at < stride; at += 1) {
    if (request.accelerators > 0 && free[from + at]! >= request.milli) fitting.push(at);
  }
  fitting.sort((a, b) => free[from + a]! - free[from + b]! || a - b);
  return fitting.slice(0, request.accelerators);
}

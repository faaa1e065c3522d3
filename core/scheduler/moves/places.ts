// Where something that has to move could go: the place that costs the others least. Unlike the
// placer it keeps no scores: moves are rare, and the nodes differ at every step of a search.
import { type NodeTable, WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import { fits, type KnownRequest } from "../placement/requests.ts";

/** What is expected to come, as far as it decides what of a node is of use. */
export interface Future {
  /** Thousandths of a free part that will be used at best. */
  readonly used: (free: number) => number;
  /** Processor time that goes with a whole accelerator; 0: it is never short. */
  readonly milliCpu: () => number;
}

/** Expects nothing: every free part is of use. */
export const ALL_OF_USE: Future = { used: (free) => Math.max(0, free), milliCpu: () => 0 };

/** What of a node's accelerators is of use, in thousandths, if so much processor time is free. */
export function usable({ milliCpu }: Future, parts: number, freeMilliCpu: number): number {
  const needed = milliCpu();
  return needed === 0 ? parts : Math.min(parts, (Math.max(0, freeMilliCpu) * WHOLE) / needed);
}

/** What of a node's free parts is of use, whatever its processors. */
export function usedParts({ free, stride }: NodeTable, node: number, expected: Future): number {
  let sum = 0;
  for (let at = node * stride; at < (node + 1) * stride; at += 1) sum += expected.used(free[at]!);
  return sum;
}

/** Whether any node has room for a request. */
export function hasPlace(nodes: NodeTable, request: KnownRequest): boolean {
  for (let node = 0; node < nodes.count; node += 1) {
    if (request.kinds[nodes.kind[node]!] === 1 && fits(nodes, node, request)) return true;
  }
  return false;
}

/** Weight of what is lost to others, over what would only stay free. */
const LOSS_WEIGHT = 1_000;

/** The best place for a request, `own` the node that it now runs on; undefined: none. */
export function tightestPlace(
  nodes: NodeTable,
  request: KnownRequest,
  own = -1,
  expected: Future = ALL_OF_USE,
): Place | undefined {
  let [best, least, part] = [-1, Number.POSITIVE_INFINITY, -1];
  for (let rank = 0; rank < nodes.count; rank += 1) {
    const node = nodes.byRank[rank]!;
    if (request.kinds[nodes.kind[node]!] === 0) continue;
    const home = node === own;
    if (home && request.accelerators !== 1) continue;
    const milliCpu = nodes.freeMilliCpu[node]! + (home ? request.milliCpu : 0);
    const memoryMiB = nodes.freeMemoryMiB[node]! + (home ? request.memoryMiB : 0);
    if (milliCpu < request.milliCpu || memoryMiB < request.memoryMiB) continue;
    const spot = spotOn(nodes, node, request, expected, home);
    const slack = spot.left + LOSS_WEIGHT * spot.loss;
    if (slack < least) [best, least, part] = [node, slack, spot.part];
  }
  return best < 0 ? undefined : { node: best, accelerators: chosen(nodes, best, request, part) };
}

/** What a request would do to one node. */
interface Spot {
  /** The accelerator for a shared request. */
  readonly part: number;
  /** Thousandths of use to others that are lost beyond what it takes; infinite: no room. */
  readonly loss: number;
  /** Thousandths that stay free beside it. */
  readonly left: number;
}

const NO_SPOT: Spot = { part: -1, loss: Number.POSITIVE_INFINITY, left: 0 };

/** Where on a node a request does least harm. `home`: its processors are there already. */
export function spotOn(
  nodes: NodeTable,
  node: number,
  request: KnownRequest,
  expected: Future,
  home = false,
  except = -1,
): Spot {
  const { free, stride } = nodes;
  const { accelerators, milli, wholeMilli } = request;
  const parts = usedParts(nodes, node, expected);
  const cpu = nodes.freeMilliCpu[node]!;
  const before = usable(expected, parts, cpu);
  const cpuAfter = home ? cpu : cpu - request.milliCpu;
  if (accelerators !== 1 || milli === WHOLE) {
    let whole = 0;
    for (let at = 0; at < stride; at += 1) {
      if (free[node * stride + at]! >= WHOLE && at !== except) whole += 1;
    }
    if (whole < accelerators) return NO_SPOT;
    const after = usable(expected, parts - accelerators * expected.used(WHOLE), cpuAfter);
    const left = accelerators === 0 ? nodes.freeMilli(node) : whole * WHOLE - wholeMilli;
    return { part: -1, loss: before - after - wholeMilli, left };
  }
  let best = NO_SPOT;
  for (let at = 0; at < stride; at += 1) {
    const part = free[node * stride + at]!;
    if (part < milli || at === except) continue;
    const rest = parts - expected.used(part) + expected.used(part - milli);
    const loss = before - usable(expected, rest, cpuAfter) - milli;
    const left = part - milli;
    if (loss < best.loss || (loss === best.loss && left < best.left))
      best = { part: at, loss, left };
  }
  return best;
}

/** The accelerators that a request takes on a node that has room. */
function chosen(
  nodes: NodeTable,
  node: number,
  { accelerators, milli }: KnownRequest,
  part: number,
): readonly number[] {
  if (accelerators === 0) return [];
  if (milli < WHOLE) return [part];
  const whole: number[] = [];
  for (let at = 0; whole.length < accelerators; at += 1) {
    if (nodes.free[node * nodes.stride + at]! >= WHOLE) whole.push(at);
  }
  return whole;
}

/** What a request would do to the pool, at best. */
export interface Prospect {
  /** Loss as in a spot; infinite: it finds no room. */
  readonly least: number;
  /** Where that is. */
  readonly node: number;
  /** The same on any other node. */
  readonly elsewhere: number;
}

/** What a request finds on all nodes as they are. */
export function prospectOf(nodes: NodeTable, request: KnownRequest, expected: Future): Prospect {
  let [least, best, elsewhere] = [Number.POSITIVE_INFINITY, -1, Number.POSITIVE_INFINITY];
  for (let node = 0; node < nodes.count; node += 1) {
    if (request.kinds[nodes.kind[node]!] === 0 || !fits(nodes, node, request)) continue;
    const { loss } = spotOn(nodes, node, request, expected);
    if (loss < least) [least, best, elsewhere] = [loss, node, least];
    else if (loss < elsewhere) elsewhere = loss;
  }
  return { least, node: best, elsewhere };
}

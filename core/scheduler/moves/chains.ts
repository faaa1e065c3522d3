// How many moves it takes at least until a request of each sort runs, if every move makes room for
// one other: the larger pushes out the smaller until one fits where there is room. It says where a
// search for moves is worth while; the search itself finds out whether it works.
import type { KnownRequest } from "../placement/requests.ts";
import type { Holding, Holdings } from "./holdings.ts";
import { hasPlace } from "./places.ts";

/** What there would be for others if one holding left. */
interface Gap {
  readonly kind: number;
  readonly milli: number;
  readonly milliCpu: number;
  readonly memoryMiB: number;
}

/** Moves until each sort of request runs; infinite: more than the bound. */
export function chainLengths(
  holdings: Holdings,
  wanted: KnownRequest,
  longest: number,
): (request: KnownRequest) => number {
  const lengths: number[] = [];
  const bySort = new Map<number, { request: KnownRequest; held: Holding[] }>();
  bySort.set(wanted.id, { request: wanted, held: [] });
  for (let node = 0; node < holdings.nodes.count; node += 1) {
    for (const holding of holdings.on(node)) {
      if (!holding.movable) continue;
      const sort = bySort.get(holding.request.id) ?? { request: holding.request, held: [] };
      bySort.set(holding.request.id, sort);
      sort.held.push(holding);
    }
  }
  let open = [...bySort.values()];
  for (let length = 0; length <= longest && open.length > 0; length += 1) {
    const gaps = length === 0 ? [] : gapsOf(holdings, bySort.values(), lengths, length - 1);
    if (length > 0 && gaps.length === 0) break;
    const found = open.filter(({ request }) =>
      length === 0 ? hasPlace(holdings.nodes, request) : gaps.some((gap) => fills(request, gap)),
    );
    for (const { request } of found) lengths[request.id] = length;
    open = open.filter(({ request }) => lengths[request.id] === undefined);
  }
  return ({ id }) => lengths[id] ?? Number.POSITIVE_INFINITY;
}

/** Gaps that those leave who themselves need just so many moves. */
function gapsOf(
  { nodes }: Holdings,
  sorts: Iterable<{ readonly request: KnownRequest; readonly held: readonly Holding[] }>,
  lengths: readonly number[],
  length: number,
): readonly Gap[] {
  const widest = new Map<string, Gap>();
  for (const { request, held } of sorts) {
    if (lengths[request.id] !== length || request.accelerators > 1) continue;
    for (const { place } of held) {
      const from = place.node * nodes.stride;
      let milli = 0;
      for (let at = 0; at < nodes.stride; at += 1) {
        const own = place.accelerators.includes(at) ? request.milli : 0;
        milli = Math.max(milli, nodes.free[from + at]! + own);
      }
      const kind = nodes.kind[place.node]!;
      const milliCpu = nodes.freeMilliCpu[place.node]! + request.milliCpu;
      const memoryMiB = nodes.freeMemoryMiB[place.node]! + request.memoryMiB;
      const key = `${kind}/${milli}/${milliCpu}`;
      const before = widest.get(key);
      if (before === undefined || before.memoryMiB < memoryMiB) {
        widest.set(key, { kind, milli, milliCpu, memoryMiB });
      }
    }
  }
  return [...widest.values()];
}

const fills = ({ kinds, accelerators, milli, milliCpu, memoryMiB }: KnownRequest, gap: Gap) =>
  accelerators <= 1 &&
  kinds[gap.kind] === 1 &&
  gap.milli >= milli &&
  gap.milliCpu >= milliCpu &&
  gap.memoryMiB >= memoryMiB;

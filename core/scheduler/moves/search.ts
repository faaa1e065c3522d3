// Makes room for a request that fits nowhere: which holdings go where, so that it fits. For each
// node the cheapest holdings that would have to leave; whoever finds no free place has room made
// for it in the same way, up to a depth. Whether a move is worth its cost is worth.ts's business.
import { WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import type { KnownRequest } from "../placement/requests.ts";
import { BOUNDS } from "./bounds.ts";
import { chainLengths } from "./chains.ts";
import type { Holding, Holdings } from "./holdings.ts";
import {
  ALL_OF_USE,
  type Future,
  type Prospect,
  prospectOf,
  spotOn,
  tightestPlace,
  usable,
  usedParts,
} from "./places.ts";

/** A place, and who has to leave for it. */
interface Clearing {
  readonly place: Place;
  readonly leave: readonly Holding[];
  readonly cost: number;
}

export interface Room {
  /** Moves allowed in all. */
  readonly movesMax: number;
  /** How far one move may depend on another: 1: everything goes to where there is room now. */
  readonly depth: number;
}

export class MoveSearch {
  readonly #holdings: Holdings;
  #steps = 0;
  #movesMax = 0;
  /** By request: moves until it would run, as it was when the search began. */
  #length: (request: KnownRequest) => number = () => 0;

  readonly #expected: Future;
  /** By request: what it would find; empty when a search begins. */
  #prospects: (Prospect | undefined)[] = [];

  /** `expected`: what will come, so that moves leave what it can use; absent: anything. */
  constructor(holdings: Holdings, expected: Future = ALL_OF_USE) {
    this.#holdings = holdings;
    this.#expected = expected;
  }

  /**
   * Moves holdings until the request fits at the place that is returned; undefined: not found, and
   * nothing has moved. The place itself is not taken.
   */
  makeRoom(request: KnownRequest, { movesMax, depth }: Room): Place | undefined {
    this.#steps = BOUNDS.STEPS_MAX;
    const before = this.#holdings.tried;
    this.#prospects = [];
    this.#length = chainLengths(this.#holdings, request, depth - 1);
    for (let deep = 1; deep <= depth; deep += 1) {
      this.#movesMax = before + movesMax;
      const place = this.#clear(request, deep);
      if (place !== undefined) {
        this.#holdings.release(request, place);
        return place;
      }
    }
    return undefined;
  }

  /** As makeRoom, but the place stays reserved. */
  #clear(request: KnownRequest, depth: number): Place | undefined {
    const tries = depth === 1 ? BOUNDS.TRIES_MAX : BOUNDS.TRIES_DEEP_MAX;
    for (const clearing of this.#clearings(request, depth, tries)) {
      if (this.#steps <= 0) return undefined;
      this.#steps -= 1;
      const before = this.#holdings.tried;
      this.#holdings.reserve(request, clearing.place);
      if (this.#empty(clearing, depth)) return clearing.place;
      this.#holdings.undo(before);
      this.#holdings.release(request, clearing.place);
    }
    return undefined;
  }

  /** Whoever has to leave a reserved place does; some may have gone for the sake of others. */
  #empty({ place, leave }: Clearing, depth: number): boolean {
    const from = leave.map((holding) => holding.place);
    for (const [at, holding] of leave.entries()) {
      if (this.#holdings.isSound(place)) return true;
      if (holding.place === from[at] && !this.#leave(holding, depth)) return false;
    }
    return this.#holdings.isSound(place);
  }

  #leave(holding: Holding, depth: number): boolean {
    const holdings = this.#holdings;
    if (holdings.tried >= this.#movesMax) return false;
    const free = tightestPlace(holdings.nodes, holding.request, holding.place.node, this.#expected);
    if (free !== undefined) {
      holdings.move(holding, free);
      return true;
    }
    if (depth <= 1) return false;
    const place = this.#clear(holding.request, depth - 1);
    if (place === undefined) return false;
    holdings.release(holding.request, place);
    holdings.move(holding, place);
    return holdings.tried <= this.#movesMax;
  }

  /** The cheapest clearings, at most one a node. */
  #clearings(request: KnownRequest, depth: number, limit: number): readonly Clearing[] {
    const { nodes } = this.#holdings;
    const found: Clearing[] = [];
    for (let rank = 0; rank < nodes.count; rank += 1) {
      const node = nodes.byRank[rank]!;
      if (request.kinds[nodes.kind[node]!] === 0) continue;
      const clearing = this.#clearing(request, node, depth);
      if (clearing !== undefined) found.push(clearing);
    }
    return found.sort((a, b) => a.cost - b.cost).slice(0, limit);
  }

  #clearing(request: KnownRequest, node: number, depth: number): Clearing | undefined {
    const { nodes } = this.#holdings;
    const on = this.#holdings.on(node);
    const gone = new Set<Holding>();
    const accelerators =
      request.accelerators === 0 ? [] : this.#accelerators(request, node, depth, gone);
    if (accelerators === undefined) return undefined;
    let cpu = request.milliCpu - nodes.freeMilliCpu[node]!;
    let memory = request.memoryMiB - nodes.freeMemoryMiB[node]!;
    for (const { request: other } of gone) {
      cpu -= other.milliCpu;
      memory -= other.memoryMiB;
    }
    if (!this.#alsoLeave(on, gone, { cpu, memory }, depth)) return undefined;
    if (gone.size > BOUNDS.LEAVE_MAX) return undefined;
    let cost = 0;
    for (const one of gone) cost += this.#cost(one, depth);
    cost += this.#loss(request, node, accelerators, gone) / BOUNDS.LOSS_MILLI;
    // The largest first: the small ones find a place in what is left.
    const leave = [...gone].sort((a, b) => b.request.wholeMilli - a.request.wholeMilli);
    return { place: { node, accelerators }, leave, cost };
  }

  /** Thousandths of use to others that the node loses, beyond what the request takes. */
  #loss(
    request: KnownRequest,
    node: number,
    accelerators: readonly number[],
    gone: ReadonlySet<Holding>,
  ): number {
    const { nodes } = this.#holdings;
    const { used } = this.#expected;
    let parts = usedParts(nodes, node, this.#expected);
    let milliCpu = nodes.freeMilliCpu[node]!;
    const before = usable(this.#expected, parts, milliCpu);
    milliCpu -= request.milliCpu;
    let gained = request.wholeMilli;
    for (const one of gone) {
      milliCpu += one.request.milliCpu;
      gained -= one.request.wholeMilli;
    }
    for (const at of accelerators) {
      const free = nodes.free[node * nodes.stride + at]!;
      let left = free - request.milli;
      for (const one of gone) if (one.place.accelerators.includes(at)) left += one.request.milli;
      parts += used(left) - used(free);
    }
    return before - usable(this.#expected, parts, milliCpu) - gained;
  }

  /** Adds whoever must leave for the processors and the memory; false: it cannot be. */
  #alsoLeave(
    on: readonly Holding[],
    gone: Set<Holding>,
    short: { cpu: number; memory: number },
    depth: number,
  ): boolean {
    let { cpu, memory } = short;
    if (cpu <= 0 && memory <= 0) return true;
    const gives = ({ request: { milliCpu, memoryMiB } }: Holding): number =>
      Math.min(Math.max(cpu, 0), milliCpu) + Math.min(Math.max(memory, 0), memoryMiB);
    // Who gives most of what is short, and least of accelerators: those without come first.
    const value = new Map<Holding, number>();
    for (const one of on) {
      if (gone.has(one) || this.#cost(one, depth) === Number.POSITIVE_INFINITY) continue;
      value.set(one, gives(one) / (BOUNDS.CPU_ONLY_MILLI + one.request.wholeMilli));
    }
    for (const one of [...value.keys()].sort((a, b) => value.get(b)! - value.get(a)!)) {
      if (cpu <= 0 && memory <= 0) break;
      if (gives(one) === 0) continue;
      gone.add(one);
      cpu -= one.request.milliCpu;
      memory -= one.request.memoryMiB;
    }
    return cpu <= 0 && memory <= 0;
  }

  /** Which accelerators to clear, and who holds them; undefined: it cannot be. */
  #accelerators(
    request: KnownRequest,
    node: number,
    depth: number,
    gone: Set<Holding>,
  ): readonly number[] | undefined {
    const { nodes } = this.#holdings;
    const options: { at: number; leave: readonly Holding[]; cost: number }[] = [];
    for (let at = 0; at < nodes.accelerators(node); at += 1) {
      const option = this.#option(request, node, at, depth);
      if (option !== undefined) options.push({ at, ...option });
    }
    if (options.length < request.accelerators) return undefined;
    options.sort((a, b) => a.cost - b.cost || a.at - b.at);
    const chosen: number[] = [];
    for (const { at, leave } of options.slice(0, request.accelerators)) {
      chosen.push(at);
      for (const one of leave) gone.add(one);
    }
    return chosen;
  }

  /** Who leaves one accelerator so that so many thousandths of it are free. */
  #option(
    { id, milli }: KnownRequest,
    node: number,
    at: number,
    depth: number,
  ): { leave: readonly Holding[]; cost: number } | undefined {
    const { nodes } = this.#holdings;
    let short = milli - nodes.free[node * nodes.stride + at]!;
    if (short <= 0) return { leave: [], cost: 0 };
    const there: Holding[] = [];
    for (const one of this.#holdings.on(node)) {
      if (one.place.accelerators.includes(at) && this.#cost(one, depth) < Infinity) {
        there.push(one);
      }
    }
    // One that suffices alone, the smallest; else the largest, until it is enough.
    there.sort((a, b) => a.request.milli - b.request.milli);
    const alone = there.find((one) => one.request.milli >= short);
    if (alone !== undefined && (milli < WHOLE || there.length === 1)) {
      if (alone.request.id === id) return undefined; // It would only be the next to wait.
      return { leave: [alone], cost: this.#cost(alone, depth) };
    }
    const leave: Holding[] = [];
    let cost = 0;
    for (let next = there.length - 1; next >= 0 && short > 0; next -= 1) {
      leave.push(there[next]!);
      short -= there[next]!.request.milli;
      cost += this.#cost(there[next]!, depth);
    }
    return short > 0 ? undefined : { leave, cost };
  }

  /** Cost of a holding's leaving: one move, its size to tell equals apart; infinite: it cannot. */
  #cost(holding: Holding, depth: number): number {
    const { request, movable } = holding;
    if (!movable) return Number.POSITIVE_INFINITY;
    const length = this.#length(request);
    if (length >= depth) return Number.POSITIVE_INFINITY;
    const size = 1 + request.wholeMilli / (8 * WHOLE);
    const lost = length > 0 ? Number.POSITIVE_INFINITY : this.#lost(holding);
    if (lost < Number.POSITIVE_INFINITY) return size + lost / BOUNDS.LOSS_MILLI;
    // What it would find is the room beside itself alone: others must go first.
    const moves = 1 + Math.max(1, length);
    return moves > depth ? Number.POSITIVE_INFINITY : moves * size;
  }

  /** What others lose when it has moved to where there is room now. */
  #lost({ request, place }: Holding): number {
    const { nodes } = this.#holdings;
    this.#prospects[request.id] ??= prospectOf(nodes, request, this.#expected);
    const { least, node, elsewhere } = this.#prospects[request.id]!;
    if (node !== place.node) return least;
    if (request.accelerators !== 1) return elsewhere;
    const at = place.accelerators[0];
    return Math.min(elsewhere, spotOn(nodes, node, request, this.#expected, true, at).loss);
  }
}

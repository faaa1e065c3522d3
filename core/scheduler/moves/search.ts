// Makes room for a request that fits nowhere: which holdings go where, so that it fits. For each
// node the cheapest holdings that would have to leave; whoever finds no free place has room made
// for it in the same way, up to a depth. Whether a move is worth its cost is worth.ts's business.
import { assert } from "../../pool/index.ts";
import { WHOLE } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import type { KnownRequest } from "../placement/requests.ts";
import { BOUNDS } from "./bounds.ts";
import type { Holding, Holdings } from "./holdings.ts";
import { hasPlace, tightestPlace } from "./places.ts";

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
  readonly #price: (node: number) => number;
  /** By request: whether some node has room; empty when anything has changed. */
  #placeable: (boolean | undefined)[] = [];

  constructor(holdings: Holdings, price: (node: number) => number = () => 0) {
    this.#holdings = holdings;
    this.#price = price;
  }

  /**
   * Moves holdings until the request fits at the place that is returned; undefined: not found, and
   * nothing has moved. The place itself is not taken.
   */
  makeRoom(request: KnownRequest, { movesMax, depth }: Room): Place | undefined {
    this.#steps = BOUNDS.STEPS_MAX;
    const before = this.#holdings.tried;
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
      if (clearing.leave.every((holding) => this.#leave(holding, depth))) return clearing.place;
      this.#holdings.undo(before);
      this.#holdings.release(request, clearing.place);
    }
    return undefined;
  }

  #leave(holding: Holding, depth: number): boolean {
    const holdings = this.#holdings;
    if (holdings.tried >= this.#movesMax) return false;
    const free = tightestPlace(holdings.nodes, holding, this.#price);
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
    this.#placeable = [];
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
    if (cpu > 0 || memory > 0) {
      // Who gives most of what is short, and least of accelerators: those without come first.
      const rest = on.filter((one) => !gone.has(one) && this.#cost(one, depth) < Infinity);
      const gives = ({ request: { milliCpu, memoryMiB } }: Holding): number =>
        Math.min(Math.max(cpu, 0), milliCpu) + Math.min(Math.max(memory, 0), memoryMiB);
      const value = (one: Holding): number => gives(one) / (300 + one.request.wholeMilli);
      rest.sort((a, b) => value(b) - value(a));
      for (const one of rest) {
        if (cpu <= 0 && memory <= 0) break;
        if (gives(one) === 0) continue;
        gone.add(one);
        cpu -= one.request.milliCpu;
        memory -= one.request.memoryMiB;
      }
      if (cpu > 0 || memory > 0) return undefined;
    }
    if (gone.size > BOUNDS.LEAVE_MAX) return undefined;
    let cost = 0;
    for (const one of gone) cost += this.#cost(one, depth);
    // The largest first: the small ones find a place in what is left.
    const leave = [...gone].sort((a, b) => b.request.wholeMilli - a.request.wholeMilli);
    return { place: { node, accelerators }, leave, cost };
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
      const option = this.#option(request.milli, node, at, depth);
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
    milli: number,
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
      if (alone.request.milli >= milli && alone.request.accelerators === 1) return undefined;
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
  #cost({ request, movable }: Holding, depth: number): number {
    if (!movable) return Number.POSITIVE_INFINITY;
    const { id } = request;
    this.#placeable[id] ??= hasPlace(this.#holdings.nodes, request);
    const size = request.wholeMilli / (8 * WHOLE);
    if (this.#placeable[id]) return 1 + size;
    return depth <= 1 ? Number.POSITIVE_INFINITY : 3 + 2 * size;
  }
}

/** Steps are bounded, and so is the search: a broken bound is a bug. */
assert(BOUNDS.TRIES_DEEP_MAX <= BOUNDS.TRIES_MAX, "a deep search tries no more than a flat one");

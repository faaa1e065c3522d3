// Room for wide requests: how often each request for several accelerators of one node would still
// fit, and how often it is still expected. Where the room gets short, whoever takes some of it
// without needing it pays for it (protection.ts).
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { KnownRequest } from "./requests.ts";

/** Expected requests are taken this much more often than reckoned: estimates are rough. */
const MARGIN = 0.1;
/** Wide requests that are watched, the most frequent; the rest are like one of these. */
const WATCHED_MAX = 48;
/** Fewest accelerators of a wide request. */
const WIDE = 2;
/** Nodes whose room is counted with one arrival: some 50 microseconds. */
const COUNTED_AT_ONCE = 256;

interface Watched {
  readonly request: KnownRequest;
  /** So many more would fit now, over all nodes. */
  room: number;
  /** Arrivals so far of this and of all that need at least as much in every way. */
  asked: number;
  expected: number;
  held: number;
}

/** A list of what is watched, with the room counted on the nodes before `counted`. */
interface Watch {
  readonly all: readonly Watched[];
  counted: number;
  /** By request: 1 for each that is watched of which it needs at least as much. */
  readonly needs: (Uint8Array | undefined)[];
}

export class WideRoom {
  readonly #nodes: NodeTable;
  #watch: Watch = { all: [], counted: 0, needs: [] };
  /** The list that is to take its place as soon as all its room is counted. */
  #next: Watch | undefined;
  readonly #held: number[] = [];

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  /** Chooses anew what is watched; it is looked at once `advance` has counted all room. */
  renew(rows: readonly (readonly [request: KnownRequest, count: number])[]): void {
    const all = rows
      .filter(([{ accelerators }]) => accelerators >= WIDE)
      .sort((a, b) => b[1] - a[1] || a[0].id - b[0].id)
      .slice(0, WATCHED_MAX)
      .map(([request]) => ({ request, room: 0, asked: 0, expected: 0, held: 0 }));
    this.#next = { all, counted: 0, needs: [] };
    for (const [request, count] of rows) {
      if (request.accelerators < WIDE) continue;
      const needs = needsOf(this.#next, request);
      for (let at = 0; at < all.length; at += 1) {
        if (needs[at] === 0) continue;
        all[at]!.asked += count;
        all[at]!.held += this.#held[request.id] ?? 0;
      }
    }
  }

  /** Counts room on some more nodes, or on all; true: nothing is left to be counted. */
  advance(everything: boolean): boolean {
    const next = this.#next;
    if (next === undefined) return true;
    const { count } = this.#nodes;
    const to = everything ? count : Math.min(count, next.counted + COUNTED_AT_ONCE);
    for (let node = next.counted; node < to; node += 1) {
      const whole = this.#wholeOf(node);
      if (whole < WIDE) continue;
      for (const watched of next.all) {
        watched.room += this.#room(watched.request, node, whole, 0, 0);
      }
    }
    next.counted = to;
    if (to < count) return false;
    this.#watch = next;
    this.#next = undefined;
    return true;
  }

  learn(request: KnownRequest, times: number): void {
    if (request.accelerators < WIDE) return;
    for (const watch of this.#both()) {
      const needs = needsOf(watch, request);
      for (const [at, watched] of watch.all.entries()) watched.asked += times * needs[at]!;
    }
  }

  /** `scale`: full load over the load so far; `ahead`: weight of the spread of a count. */
  expect(scale: number, ahead: number): void {
    for (const watched of this.#watch.all) {
      watched.expected = watched.asked * scale + ahead * Math.sqrt(watched.asked);
    }
  }

  /** What is short and would be taken from by a request that does not need it. */
  short(request: KnownRequest): readonly Watched[] {
    const { all } = this.#watch;
    let short: Watched[] | undefined;
    for (let at = 0; at < all.length; at += 1) {
      const watched = all[at]!;
      const expected = watched.expected - watched.held;
      if (expected <= 0 || watched.room - expected * (1 + MARGIN) >= 1) continue;
      if (request.accelerators >= WIDE && needsOf(this.#watch, request)[at] === 1) continue;
      short ??= [];
      short.push(watched);
    }
    return short ?? NOTHING;
  }

  /** Accelerators in room that a request takes from what is short, on this node. */
  taken(short: readonly Watched[], request: KnownRequest, node: number, broken: number): number {
    const whole = this.#wholeOf(node);
    if (whole < WIDE) return 0;
    let lost = 0;
    for (const { request: wide } of short) {
      lost += wide.accelerators * this.#lost(wide, request, node, whole, broken);
    }
    return lost;
  }

  /** A node was taken from (`sign` 1), before it changes, or given to (-1), after it changed. */
  placed(request: KnownRequest, node: number, broken: number, sign: 1 | -1): void {
    const isWide = request.accelerators >= WIDE;
    const whole = this.#wholeOf(node);
    for (const watch of this.#both()) {
      if (whole >= WIDE && node < watch.counted) {
        for (const watched of watch.all) {
          watched.room -= sign * this.#lost(watched.request, request, node, whole, broken);
        }
      }
      if (!isWide) continue;
      const needs = needsOf(watch, request);
      for (const [at, watched] of watch.all.entries()) watched.held += sign * needs[at]!;
    }
    if (isWide) this.#held[request.id] = (this.#held[request.id] ?? 0) + sign;
  }

  #both(): readonly Watch[] {
    return this.#next === undefined ? [this.#watch] : [this.#watch, this.#next];
  }

  #lost(
    wide: KnownRequest,
    request: KnownRequest,
    node: number,
    whole: number,
    broken: number,
  ): number {
    const before = this.#room(wide, node, whole, 0, 0);
    if (before === 0) return 0;
    const isShared = request.accelerators === 1 && request.milli < WHOLE;
    const left = whole - (isShared ? broken : request.accelerators);
    return before - this.#room(wide, node, left, request.milliCpu, request.memoryMiB);
  }

  #wholeOf(node: number): number {
    const { free, stride } = this.#nodes;
    let whole = 0;
    for (let at = node * stride; at < (node + 1) * stride; at += 1) {
      if (free[at] === WHOLE) whole += 1;
    }
    return whole;
  }

  /** How often a wide request fits a node with so many whole accelerators free that has given up
   * so much. */
  #room(wide: KnownRequest, node: number, whole: number, cpu: number, memory: number): number {
    if (whole < wide.accelerators) return 0;
    const { kind, freeMilliCpu, freeMemoryMiB } = this.#nodes;
    if (wide.kinds[kind[node]!] === 0) return 0;
    let room = Math.floor(whole / wide.accelerators);
    const milliCpu = freeMilliCpu[node]! - cpu;
    const memoryMiB = freeMemoryMiB[node]! - memory;
    if (milliCpu < room * wide.milliCpu) room = Math.floor(milliCpu / wide.milliCpu);
    if (memoryMiB < room * wide.memoryMiB) room = Math.floor(memoryMiB / wide.memoryMiB);
    return room > 0 ? room : 0;
  }
}

const NOTHING: readonly Watched[] = [];

function needsOf(watch: Watch, request: KnownRequest): Uint8Array {
  const known = watch.needs[request.id];
  if (known !== undefined) return known;
  const needs = Uint8Array.from(watch.all, ({ request: wide }) =>
    needsAtLeast(request, wide) ? 1 : 0,
  );
  watch.needs[request.id] = needs;
  return needs;
}

/** Whether a request needs at least as much as a wide one in every way: it fits nowhere else. */
function needsAtLeast(request: KnownRequest, wide: KnownRequest): boolean {
  return (
    request.accelerators >= wide.accelerators &&
    request.milliCpu >= wide.milliCpu &&
    request.memoryMiB >= wide.memoryMiB &&
    request.kinds.every((fits, kind) => fits <= wide.kinds[kind]!)
  );
}

// Room for wide requests: how often each request for several accelerators of one node would still
// fit, and how often it is still expected. Where the room gets short, whoever takes some of it
// without needing it pays for it (protection.ts).
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { KnownRequest } from "./requests.ts";

/** Expected requests are taken this much more often than reckoned: estimates are rough. */
const MARGIN = 0.1;
/** Wide requests that are watched, the most frequent; the rest are like one of these. */
const WATCHED_MAX = 48;

interface Watched {
  readonly request: KnownRequest;
  readonly count: number;
  /** So many more would fit now, over all nodes. */
  room: number;
  /** Arrivals so far of this and of all that need at least as much in every way. */
  asked: number;
  expected: number;
  held: number;
}

export class WideRoom {
  readonly #nodes: NodeTable;
  #watched: Watched[] = [];
  readonly #held: number[] = [];

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  /** Chooses anew what is watched, and counts all room. */
  renew(rows: readonly (readonly [request: KnownRequest, count: number])[]): void {
    this.#watched = rows
      .filter(([{ accelerators }]) => accelerators > 1)
      .sort((a, b) => b[1] - a[1] || a[0].id - b[0].id)
      .slice(0, WATCHED_MAX)
      .map(([request, count]) => ({ request, count, room: 0, asked: 0, expected: 0, held: 0 }));
    for (const watched of this.#watched) {
      for (const [request, count] of rows) {
        if (needsAtLeast(request, watched.request)) {
          watched.asked += count;
          watched.held += this.#held[request.id] ?? 0;
        }
      }
      for (let node = 0; node < this.#nodes.count; node += 1) {
        watched.room += this.#room(watched.request, node, 0, 0, 0);
      }
    }
  }

  learn(request: KnownRequest, times: number): void {
    if (request.accelerators < 2) return;
    for (const watched of this.#watched) {
      if (needsAtLeast(request, watched.request)) watched.asked += times;
    }
  }

  /** `scale`: full load over the load so far; `ahead`: weight of the spread of a count. */
  expect(scale: number, ahead: number): void {
    for (const watched of this.#watched) {
      watched.expected = watched.asked * scale + ahead * Math.sqrt(watched.asked);
    }
  }

  /** What is short and would be taken from by a request that does not need it. */
  short(request: KnownRequest): readonly Watched[] {
    return this.#watched.filter(
      (watched) =>
        watched.expected > watched.held &&
        watched.room - (watched.expected - watched.held) * (1 + MARGIN) < 1 &&
        !needsAtLeast(request, watched.request),
    );
  }

  /** Accelerators in room that a request takes from what is short, on this node. */
  taken(short: readonly Watched[], request: KnownRequest, node: number, broken: number): number {
    let lost = 0;
    for (const { request: wide } of short) {
      lost += wide.accelerators * this.#lost(wide, request, node, broken);
    }
    return lost;
  }

  placed(request: KnownRequest, node: number, broken: number): void {
    for (const watched of this.#watched) {
      watched.room -= this.#lost(watched.request, request, node, broken);
      if (needsAtLeast(request, watched.request)) watched.held += 1;
    }
    if (request.accelerators > 1) this.#held[request.id] = (this.#held[request.id] ?? 0) + 1;
  }

  #lost(wide: KnownRequest, request: KnownRequest, node: number, broken: number): number {
    const before = this.#room(wide, node, 0, 0, 0);
    if (before === 0) return 0;
    const shared = request.accelerators === 1 && request.milli < WHOLE;
    const whole = shared ? broken : request.accelerators;
    return before - this.#room(wide, node, whole, request.milliCpu, request.memoryMiB);
  }

  /** How often a wide request fits a node that has given up so much. */
  #room(wide: KnownRequest, node: number, taken: number, cpu: number, memory: number): number {
    const { free, stride, kind, freeMilliCpu, freeMemoryMiB } = this.#nodes;
    if (wide.kinds[kind[node]!] === 0) return 0;
    let whole = -taken;
    for (let at = node * stride; at < (node + 1) * stride; at += 1) {
      if (free[at] === WHOLE) whole += 1;
    }
    let room = Math.floor(whole / wide.accelerators);
    if (room <= 0) return 0;
    const milliCpu = freeMilliCpu[node]! - cpu;
    const memoryMiB = freeMemoryMiB[node]! - memory;
    if (wide.milliCpu > 0) room = Math.min(room, Math.floor(milliCpu / wide.milliCpu));
    if (wide.memoryMiB > 0) room = Math.min(room, Math.floor(memoryMiB / wide.memoryMiB));
    return Math.max(0, room);
  }
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

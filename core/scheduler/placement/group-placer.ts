// Places requests one at a time, over groups of equal nodes. For each request and kind of node it
// keeps the groups in a heap, at first by a ceiling of their score: only what comes to the top is
// rated. A decision costs what changed since the same request was last seen, times the logarithm
// of the number of groups; the number of nodes does not enter.

import { CPU_STEP_MILLI, GroupTable } from "./groups.ts";
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { Place } from "./placer.ts";
import type { Price } from "./ranker.ts";
import { fits, type KnownRequest } from "./requests.ts";
import { type Entry, ScoreHeap } from "./score-heap.ts";
import type { StateTable } from "./states.ts";

/** A policy whose score depends on a node's state alone. */
export interface GroupRanker {
  readonly name: string;
  /** One more arrival, placed or not. True: scores given before are void. */
  readonly arrive: (request: KnownRequest) => boolean;
  /** A score that no request rated on this state exceeds. */
  readonly ceiling: (states: StateTable, state: number, request: KnownRequest) => number;
  /** Score of a state on which the request fits; the highest wins. */
  readonly rate: (states: StateTable, state: number, request: KnownRequest) => number;
  /** The accelerator for a shared request, on the node that won. */
  readonly choose: (request: KnownRequest, node: number) => number;
  readonly placed: (request: KnownRequest, node: number) => void;
  readonly price: (request: KnownRequest) => Price;
}

interface Kept {
  /** By kind of node; undefined: the request fits none of them. */
  readonly heaps: readonly (ScoreHeap | undefined)[];
  seen: number;
  epoch: number;
}

export class GroupPlacer {
  readonly nodes: NodeTable;
  readonly #ranker: GroupRanker;
  readonly #groups: GroupTable;
  readonly #kept: (Kept | undefined)[] = [];
  #epoch = 0;
  /** By group: the renewal in which it was last seen. */
  #renewed = new Int32Array(1_024);
  #renewal = 0;
  readonly #entry: Entry = { key: 0, rank: 0, group: 0, version: 0, exact: false };

  constructor(nodes: NodeTable, ranker: GroupRanker) {
    this.nodes = nodes;
    this.#ranker = ranker;
    this.#groups = new GroupTable(nodes);
  }

  /** Finds the place and takes it; undefined: there is no room anywhere. */
  place(request: KnownRequest): Place | undefined {
    if (this.#ranker.arrive(request)) this.#epoch += 1;
    const heaps = this.#renew(request);
    const node = this.#search(request, heaps, this.#ranker.price(request));
    return node < 0 ? undefined : this.#take(request, node);
  }

  /** Gives a place back. */
  release(request: KnownRequest, { node, accelerators }: Place): void {
    const { nodes } = this;
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! += request.milli;
    nodes.freeMilliCpu[node]! += request.milliCpu;
    nodes.freeMemoryMiB[node]! += request.memoryMiB;
    this.#groups.moved(node);
  }

  #renew(request: KnownRequest): readonly (ScoreHeap | undefined)[] {
    const kept = this.#keptOf(request);
    const { changed } = this.#groups;
    const stale = kept.epoch !== this.#epoch || this.#groups.changeAt(kept.seen) === undefined;
    if (stale && (kept.seen < changed || kept.epoch !== this.#epoch)) {
      for (const heap of kept.heaps) heap?.clear();
      for (const group of this.#groups.live) this.#offer(request, kept.heaps, group);
      kept.epoch = this.#epoch;
      kept.seen = changed;
      return kept.heaps;
    }
    this.#renewal += 1;
    for (; kept.seen < changed; kept.seen += 1) {
      const group = this.#groups.changeAt(kept.seen)!;
      if (group >= this.#renewed.length) this.#growRenewed(group);
      if (this.#renewed[group] === this.#renewal) continue;
      this.#renewed[group] = this.#renewal;
      if (this.#groups.lowest(group) >= 0) this.#offer(request, kept.heaps, group);
    }
    return kept.heaps;
  }

  #keptOf(request: KnownRequest): Kept {
    const before = this.#kept[request.id];
    if (before !== undefined) return before;
    const heaps = [...request.kinds].map((fit) => (fit === 1 ? new ScoreHeap() : undefined));
    const kept = { heaps, seen: 0, epoch: -1 };
    this.#kept[request.id] = kept;
    return kept;
  }

  #growRenewed(group: number): void {
    const renewed = new Int32Array(2 * group);
    renewed.set(this.#renewed);
    this.#renewed = renewed;
  }

  /** Puts a group that may have room into its heap, by its ceiling. */
  #offer(request: KnownRequest, heaps: readonly (ScoreHeap | undefined)[], group: number): void {
    const { states } = this.#groups;
    const heap = heaps[states.kind[group]!];
    if (heap === undefined) return;
    if (states.milliCpu[group]! + CPU_STEP_MILLI <= request.milliCpu) return;
    const { accelerators, milli } = request;
    const { stride } = states;
    if (accelerators > 0 && states.free[(group + 1) * stride - accelerators]! < milli) return;
    const entry = this.#entry;
    entry.key = this.#ranker.ceiling(states, group, request);
    entry.rank = this.#groups.lowest(group);
    entry.group = group;
    entry.version = this.#groups.version(group);
    entry.exact = false;
    heap.push(entry);
  }

  #search(request: KnownRequest, heaps: readonly (ScoreHeap | undefined)[], price: Price): number {
    const entry = this.#entry;
    const aside: Entry[] = [];
    let [best, highest, bestRank] = [-1, -Infinity, 0];
    const isRoom = (node: number): boolean => fits(this.nodes, node, request);
    for (;;) {
      const heap = bestHeap(heaps, price);
      if (heap === undefined) break;
      heap.top(entry);
      const { group } = entry;
      const kindPrice = price.kinds[this.#groups.states.kind[group]!]!;
      const key = entry.key - kindPrice;
      if (key < highest || (key === highest && bestRank < entry.rank)) break;
      heap.pop();
      if (entry.version !== this.#groups.version(group)) continue;
      if (!entry.exact) {
        entry.key = this.#ranker.rate(this.#groups.states, group, request);
        entry.exact = true;
        heap.push(entry);
        continue;
      }
      const node = this.#groups.first(group, isRoom);
      if (node < 0) continue;
      aside.push({ ...entry });
      const own = key - (price.node?.(node) ?? 0);
      if (own > highest || (own === highest && entry.rank < bestRank)) {
        [best, highest, bestRank] = [node, own, entry.rank];
      }
      if (own === key) break;
    }
    for (const one of aside) heaps[this.#groups.states.kind[one.group]!]!.push(one);
    return best;
  }

  #take(request: KnownRequest, node: number): Place {
    const { nodes } = this;
    const from = node * nodes.stride;
    const accelerators: number[] = [];
    if (request.accelerators === 1 && request.milli < WHOLE) {
      accelerators.push(this.#ranker.choose(request, node));
    } else {
      for (let at = 0; accelerators.length < request.accelerators; at += 1) {
        if (nodes.free[from + at] === WHOLE) accelerators.push(at);
      }
    }
    const place = { node, accelerators };
    this.take(request, place);
    return place;
  }

  /** Takes a place that has room, whoever chose it. */
  take(request: KnownRequest, { node, accelerators }: Place): void {
    const { nodes } = this;
    this.#ranker.placed(request, node);
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! -= request.milli;
    nodes.freeMilliCpu[node]! -= request.milliCpu;
    nodes.freeMemoryMiB[node]! -= request.memoryMiB;
    this.#groups.moved(node);
  }

  /** What a node has free was changed by others: a move. */
  changed(node: number): void {
    this.#groups.moved(node);
  }
}

/** The heap whose best entry is highest after the price of its kind. */
function bestHeap(heaps: readonly (ScoreHeap | undefined)[], price: Price): ScoreHeap | undefined {
  let best: ScoreHeap | undefined;
  let highest = -Infinity;
  for (const [kind, heap] of heaps.entries()) {
    if (heap === undefined || heap.size === 0) continue;
    const key = heap.topKey() - price.kinds[kind]!;
    if (key > highest) [best, highest] = [heap, key];
  }
  return best;
}

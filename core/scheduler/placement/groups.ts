// Nodes in the same state together: kind, whole cores free, free parts of the accelerators. What is
// said about a group holds for all its nodes, so a pool of a million nodes in a few thousand
// states costs what a few thousand nodes cost.
import { assert } from "../../pool/index.ts";
import type { NodeTable } from "./nodes.ts";
import { fits, type KnownRequest } from "./requests.ts";
import { GROUPS_MAX } from "./score-heap.ts";
import { StateTable, sortInto } from "./states.ts";

/** Processor time is told apart in whole cores: finer steps only make more groups. */
export const CPU_STEP_MILLI = 1_000;

/** Places in a group's heap beyond twice its nodes before those who left are swept out. */
const SWEPT_BEYOND = 32;
/** Nodes of a group that are tried together when the first has no room: the lowest rank among
 * those of them that have is taken. Memory alone sets nodes of a group apart, so few are needed. */
const TRIED_TOGETHER = 64;

/** What there is of a kind of node. */
interface KindChanges {
  /** Groups that have nodes, in no order. */
  readonly live: number[];
  /** Groups that changed, in order; a ring. Whoever has seen less than it holds looks at all live
   * groups again, and those are never more than the nodes: so many changes are enough. */
  readonly ring: Int32Array;
  /** Number of changes so far. */
  changed: number;
}

/** Changes for each live group up to which they are looked at one by one: a group that changed
 * again and again is rated once, and one that did not change not at all. */
const LOOKED_AT_TIMES = 4;
/** Changes of a kind that are kept at most. */
const CHANGES_MAX = 65_536;

export class GroupTable {
  readonly nodes: NodeTable;
  readonly states: StateTable;
  /** By kind of node. */
  readonly #kinds: readonly KindChanges[];
  readonly #groupOf: Int32Array;
  /** By group: ranks of its nodes as a binary heap; some may have left. */
  readonly #members: number[][] = [];
  /** By group: nodes in it; nodes that ever came to it. */
  readonly #size: number[] = [];
  readonly #entered: number[] = [];
  /** By group: its lowest rank, -1 if empty; how often that changed; place in `live`. */
  readonly #lowest: number[] = [];
  readonly #version: number[] = [];
  readonly #place: number[] = [];
  readonly #row: Int16Array;

  constructor(nodes: NodeTable) {
    assert(nodes.count <= GROUPS_MAX, "there are no more nodes than groups can be told apart");
    this.nodes = nodes;
    this.states = new StateTable(nodes);
    this.#row = new Int16Array(nodes.stride);
    this.#groupOf = new Int32Array(nodes.count).fill(-1);
    const counts = nodes.kinds.map(() => 0);
    for (const kind of nodes.kind) counts[kind]! += 1;
    this.#kinds = counts.map((count) => {
      const ring = new Int32Array(2 ** Math.ceil(Math.log2(Math.min(CHANGES_MAX, count + 1))));
      return { live: [], ring, changed: 0 };
    });
    for (let rank = 0; rank < nodes.count; rank += 1) {
      const node = nodes.byRank[rank]!;
      this.#enter(node, this.#find(node));
    }
  }

  lowest(group: number): number {
    return this.#lowest[group]!;
  }

  version(group: number): number {
    return this.#version[group]!;
  }

  /** Grows with every node that comes to a group, or whose memory changes within it. */
  entered(group: number): number {
    return this.#entered[group]!;
  }

  /** Groups of a kind that have nodes, in no order. */
  live(kind: number): readonly number[] {
    return this.#kinds[kind]!.live;
  }

  /** Number of changes among the groups of a kind so far. */
  changed(kind: number): number {
    return this.#kinds[kind]!.changed;
  }

  /** Whether far more has changed since a time than there is to look at, or than is remembered. */
  isOverdue(kind: number, time: number): boolean {
    const { live, ring, changed } = this.#kinds[kind]!;
    return changed - time > Math.min(LOOKED_AT_TIMES * live.length, ring.length);
  }

  /** The group that changed at a time that is not overdue. It may be of another kind by now. */
  changeAt(kind: number, time: number): number {
    const { ring } = this.#kinds[kind]!;
    return ring[time & (ring.length - 1)]!;
  }

  /** What a node has free has changed: it moves to the group of its new state. */
  moved(node: number): void {
    const from = this.#groupOf[node]!;
    const to = this.#find(node);
    if (from === to) {
      this.#entered[to]! += 1;
      return;
    }
    this.#groupOf[node] = -1;
    this.#size[from]! -= 1;
    this.#settle(from);
    this.#enter(node, to);
  }

  /** A node of a group on which a request fits, of low rank; -1: there is none. */
  first(group: number, request: KnownRequest): number {
    const { byRank } = this.nodes;
    const lowest = byRank[this.#lowest[group]!]!;
    if (fits(this.nodes, lowest, request)) return lowest;
    const members = this.#members[group]!;
    let best = this.nodes.count;
    for (let at = 1; at < members.length; at += 1) {
      const rank = members[at]!;
      const node = byRank[rank]!;
      if (rank < best && this.#groupOf[node] === group && fits(this.nodes, node, request)) {
        best = rank;
      }
      if (at % TRIED_TOGETHER === 0 && best < this.nodes.count) break;
    }
    return best === this.nodes.count ? -1 : byRank[best]!;
  }

  #find(node: number): number {
    const { nodes } = this;
    sortInto(this.#row, nodes.free, node * nodes.stride);
    const milliCpu = nodes.freeMilliCpu[node]!;
    const cores = milliCpu - (milliCpu % CPU_STEP_MILLI);
    return this.states.find(nodes.kind[node]!, cores, this.#row);
  }

  #enter(node: number, group: number): void {
    if (group === this.#members.length) {
      this.#members.push([]);
      this.#size.push(0);
      this.#entered.push(0);
      this.#lowest.push(-1);
      this.#version.push(0);
      this.#place.push(-1);
    }
    this.#groupOf[node] = group;
    const members = this.#members[group]!;
    if (members.length > 2 * this.#size[group]! + SWEPT_BEYOND) this.#sweep(group);
    pushRank(members, this.nodes.rank[node]!);
    this.#size[group]! += 1;
    this.#entered[group]! += 1;
    this.#settle(group);
  }

  /** Removes those who left, and those who are listed twice since they left and came back. */
  #sweep(group: number): void {
    const members = this.#members[group]!;
    const { byRank } = this.nodes;
    members.sort((a, b) => a - b);
    let kept = 0;
    for (const rank of members) {
      if (this.#groupOf[byRank[rank]!] !== group || members[kept - 1] === rank) continue;
      members[kept] = rank;
      kept += 1;
    }
    members.length = kept;
  }

  /** Finds the lowest rank anew, and notes whether it changed. */
  #settle(group: number): void {
    const members = this.#members[group]!;
    const { byRank } = this.nodes;
    while (members.length > 0 && this.#groupOf[byRank[members[0]!]!] !== group) popRank(members);
    const lowest = members.length > 0 ? members[0]! : -1;
    if (lowest === this.#lowest[group]) return;
    this.#lowest[group] = lowest;
    this.#version[group]! += 1;
    const kind = this.#kinds[this.states.kind[group]!]!;
    kind.ring[kind.changed & (kind.ring.length - 1)] = group;
    kind.changed += 1;
    const place = this.#place[group]!;
    if (lowest >= 0) {
      if (place < 0) this.#place[group] = kind.live.push(group) - 1;
      return;
    }
    members.length = 0;
    this.states.forget(group);
    this.#place[group] = -1;
    const last = kind.live.pop()!;
    if (last === group) return;
    kind.live[place] = last;
    this.#place[last] = place;
  }
}

function pushRank(heap: number[], rank: number): void {
  let at = heap.push(rank) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above]! <= rank) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = rank;
}

function popRank(heap: number[]): void {
  const last = heap.pop()!;
  const { length } = heap;
  if (length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= length) break;
    if (below + 1 < length && heap[below + 1]! < heap[below]!) below += 1;
    if (heap[below]! >= last) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
}

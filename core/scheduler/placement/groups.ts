// Nodes in the same state together: kind, whole cores free, free parts of the accelerators. What is
// said about a group holds for all its nodes, so a pool of a million nodes in a few thousand
// states costs what a few thousand nodes cost.
import type { NodeTable } from "./nodes.ts";
import { StateTable, sortInto } from "./states.ts";

/** Processor time is told apart in whole cores: finer steps only make more groups. */
export const CPU_STEP_MILLI = 1_000;

/** Changes that are kept; whoever has seen fewer looks at all groups again. */
const CHANGES_MAX = 65_536;

export class GroupTable {
  readonly nodes: NodeTable;
  readonly states: StateTable;
  /** Groups that have nodes, in no order. */
  readonly live: number[] = [];
  /** Groups that changed, in order; a ring. */
  readonly #changes = new Int32Array(CHANGES_MAX);
  /** Number of changes so far. */
  changed = 0;
  readonly #groupOf: Int32Array;
  /** By group: ranks of its nodes as a binary heap; some may have left. */
  readonly #members: number[][] = [];
  /** By group: its lowest rank, -1 if empty; how often that changed; place in `live`. */
  readonly #lowest: number[] = [];
  readonly #version: number[] = [];
  readonly #place: number[] = [];
  readonly #row: Int16Array;

  constructor(nodes: NodeTable) {
    this.nodes = nodes;
    this.states = new StateTable(nodes);
    this.#row = new Int16Array(nodes.stride);
    this.#groupOf = new Int32Array(nodes.count).fill(-1);
    for (let rank = 0; rank < nodes.count; rank += 1) this.#enter(nodes.byRank[rank]!);
  }

  lowest(group: number): number {
    return this.#lowest[group]!;
  }

  version(group: number): number {
    return this.#version[group]!;
  }

  /** The group that changed at a time; undefined: so long ago that it is forgotten. */
  changeAt(time: number): number | undefined {
    return this.changed - time > CHANGES_MAX ? undefined : this.#changes[time % CHANGES_MAX];
  }

  /** What a node has free has changed: it moves to the group of its new state. */
  moved(node: number): void {
    const from = this.#groupOf[node]!;
    this.#groupOf[node] = -1;
    this.#settle(from);
    this.#enter(node);
  }

  /** The node of lowest rank in a group that passes a test; -1: none. */
  first(group: number, test: (node: number) => boolean): number {
    const { byRank } = this.nodes;
    const lowest = byRank[this.#lowest[group]!]!;
    if (test(lowest)) return lowest;
    let best = this.nodes.count;
    for (const rank of this.#members[group]!) {
      const node = byRank[rank]!;
      if (rank < best && this.#groupOf[node] === group && test(node)) best = rank;
    }
    return best === this.nodes.count ? -1 : byRank[best]!;
  }

  #enter(node: number): void {
    const { nodes } = this;
    sortInto(this.#row, nodes.free, node * nodes.stride);
    const milliCpu = nodes.freeMilliCpu[node]! - (nodes.freeMilliCpu[node]! % CPU_STEP_MILLI);
    const group = this.states.find(nodes.kind[node]!, milliCpu, this.#row);
    if (group === this.#members.length) {
      this.#members.push([]);
      this.#lowest.push(-1);
      this.#version.push(0);
      this.#place.push(-1);
    }
    this.#groupOf[node] = group;
    pushRank(this.#members[group]!, nodes.rank[node]!);
    this.#settle(group);
  }

  /** Finds the lowest rank anew, and notes whether it changed. */
  #settle(group: number): void {
    const members = this.#members[group]!;
    const { byRank } = this.nodes;
    while (members.length > 0 && this.#groupOf[byRank[members[0]!]!] !== group) popRank(members);
    const lowest = members[0] ?? -1;
    if (lowest === this.#lowest[group]) return;
    this.#lowest[group] = lowest;
    this.#version[group]! += 1;
    this.#changes[this.changed % CHANGES_MAX] = group;
    this.changed += 1;
    const place = this.#place[group]!;
    if (lowest >= 0 && place < 0) this.#place[group] = this.live.push(group) - 1;
    if (lowest >= 0 || place < 0) return;
    const last = this.live.pop()!;
    this.#place[group] = -1;
    if (last === group) return;
    this.live[place] = last;
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

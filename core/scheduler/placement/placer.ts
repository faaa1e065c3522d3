// Places requests one at a time: feasible, rated, chosen. A score is kept until its node changes,
// so a decision costs what changed since the same request was last seen. It leaves the order of
// requests to others, and never turns a request away for which there is room.
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { Price, Ranker } from "./ranker.ts";
import { fits, type KnownRequest } from "./requests.ts";

export interface Place {
  readonly node: number;
  /** Numbers of the accelerators on the node. */
  readonly accelerators: readonly number[];
}

interface Kept {
  /** Score by node; -Infinity: does not fit. */
  readonly scores: Float32Array;
  /** Changes up to here are in the scores. */
  seen: number;
  epoch: number;
}

/** Changes that are kept; whoever has seen fewer rates all nodes again. */
const CHANGES_MAX = 65_536;

export class Placer {
  readonly nodes: NodeTable;
  readonly ranker: Ranker;
  readonly #kept: (Kept | undefined)[] = [];
  /** Nodes that changed, in order; a ring. */
  readonly #changes = new Int32Array(CHANGES_MAX);
  #changed = 0;
  #epoch = 0;
  /** By node: the request in whose renewal it was last seen. */
  readonly #renewed: Int32Array;
  #renewal = 0;

  constructor(nodes: NodeTable, ranker: Ranker) {
    this.nodes = nodes;
    this.ranker = ranker;
    this.#renewed = new Int32Array(nodes.count);
  }

  /** Finds the place and takes it; undefined: there is no room anywhere. */
  place(request: KnownRequest): Place | undefined {
    if (this.ranker.arrive?.(request) === true) this.#epoch += 1;
    const scores = this.#renew(request);
    const price = this.ranker.price?.(request);
    const node = price === undefined ? this.#best(scores) : this.#cheapest(scores, price);
    return node < 0 ? undefined : this.#take(request, node);
  }

  #renew(request: KnownRequest): Float32Array {
    const kept = this.#kept[request.id];
    const { count } = this.nodes;
    const old = kept === undefined || kept.epoch !== this.#epoch || this.ranker.volatile === true;
    if (old || this.#changed - kept.seen >= CHANGES_MAX) {
      const scores = kept?.scores ?? new Float32Array(count);
      for (let node = 0; node < count; node += 1) scores[node] = this.#rate(request, node);
      this.#kept[request.id] = { scores, seen: this.#changed, epoch: this.#epoch };
      return scores;
    }
    this.#renewal += 1;
    for (; kept.seen < this.#changed; kept.seen += 1) {
      const node = this.#changes[kept.seen % CHANGES_MAX]!;
      if (this.#renewed[node] === this.#renewal) continue;
      this.#renewed[node] = this.#renewal;
      kept.scores[node] = this.#rate(request, node);
    }
    return kept.scores;
  }

  #rate(request: KnownRequest, node: number): number {
    return fits(this.nodes, node, request) ? this.ranker.rate(request, node) : -Infinity;
  }

  #best(scores: Float32Array): number {
    const { byRank, count } = this.nodes;
    let [best, highest] = [-1, -Infinity];
    for (let rank = 0; rank < count; rank += 1) {
      const node = byRank[rank]!;
      if (scores[node]! > highest) [best, highest] = [node, scores[node]!];
    }
    return best;
  }

  #cheapest(scores: Float32Array, { kinds, node: own }: Price): number {
    const { byRank, count, kind } = this.nodes;
    let [best, highest] = [-1, -Infinity];
    for (let rank = 0; rank < count; rank += 1) {
      const node = byRank[rank]!;
      let score = scores[node]!;
      if (score === -Infinity) continue;
      score -= kinds[kind[node]!]!;
      if (score > highest && own !== undefined) score -= own(node);
      if (score > highest) [best, highest] = [node, score];
    }
    return best;
  }

  #take(request: KnownRequest, node: number): Place {
    const { nodes } = this;
    const from = node * nodes.stride;
    const accelerators: number[] = [];
    if (request.accelerators === 1 && request.milli < WHOLE) {
      accelerators.push(this.ranker.choose(request, node));
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
    this.ranker.placed?.(request, node);
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! -= request.milli;
    nodes.freeMilliCpu[node]! -= request.milliCpu;
    nodes.freeMemoryMiB[node]! -= request.memoryMiB;
    this.#note(node);
  }

  /** What a node has free was changed by others: a move. */
  changed(node: number): void {
    this.#note(node);
  }

  #note(node: number): void {
    this.#changes[this.#changed % CHANGES_MAX] = node;
    this.#changed += 1;
  }

  /** Gives a place back. */
  release(request: KnownRequest, { node, accelerators }: Place): void {
    const { nodes } = this;
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! += request.milli;
    nodes.freeMilliCpu[node]! += request.milliCpu;
    nodes.freeMemoryMiB[node]! += request.memoryMiB;
    this.#note(node);
  }
}

// Places requests one at a time, over groups of equal nodes. For each class of requests and kind of
// node it keeps the groups in a heap by their score. A decision costs what changed since a request
// of the same class was last seen, times the logarithm of the number of groups; the number of
// nodes does not enter.
import { CPU_STEP_MILLI, GroupTable } from "./groups.ts";
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { Place } from "./placer.ts";
import type { Price } from "./ranker.ts";
import type { KnownRequest } from "./requests.ts";
import { ScoreHeap } from "./score-heap.ts";
import type { StateTable } from "./states.ts";

/** A policy whose score depends on a node's state alone. */
export interface GroupRanker {
  readonly name: string;
  /** One more arrival, placed or not. True: scores given before are void. */
  readonly arrive: (request: KnownRequest) => boolean;
  /** Score of a state on which the request fits; the highest wins. The same for requests that
   * differ in memory, or in processor time within one core. */
  readonly rate: (states: StateTable, state: number, request: KnownRequest) => number;
  /** The accelerator for a shared request, on the node that won. */
  readonly choose: (request: KnownRequest, node: number) => number;
  /** A place was taken; `nodes` holds the state before. */
  readonly placed: (request: KnownRequest, place: Place) => void;
  /** A place was given back; `nodes` holds the state after. */
  readonly released: (request: KnownRequest, place: Place) => void;
  readonly price: (request: KnownRequest) => Price;
}

/** Why a group was left out: for what request, and what had entered the group by then. */
interface Blocked {
  readonly request: KnownRequest;
  readonly entered: number;
}

/** Requests that every state is worth the same to. */
interface RequestClass {
  readonly kinds: readonly KindClass[];
  /** Groups none of whose nodes had room, though their state has. */
  readonly blocked: Map<number, Blocked>;
}

/** The groups of a kind of node that have room for a class of requests. */
interface KindClass {
  readonly kind: number;
  readonly heap: ScoreHeap;
  /** Changes of the kind that are in the heap. */
  seen: number;
  /** The ranker's scores under which all of it was rated, and its entries then. */
  epoch: number;
  entries: number;
}

/** An entry that was taken out of its heap to see those below it. */
interface Aside {
  readonly heap: ScoreHeap;
  readonly key: number;
  readonly group: number;
}

/** A heap may hold this much more than what was up to date when all of it was rated. */
const ENTRIES_TIMES = 2;
const ENTRIES_MORE = 32;

export class GroupPlacer {
  readonly nodes: NodeTable;
  readonly #ranker: GroupRanker;
  readonly #groups: GroupTable;
  readonly #classOf: (RequestClass | undefined)[] = [];
  readonly #classes = new Map<string, RequestClass>();
  #epoch = 0;
  /** By group: the renewal in which it was last seen. */
  #renewed = new Int32Array(1_024);
  #renewal = 0;

  constructor(nodes: NodeTable, ranker: GroupRanker) {
    this.nodes = nodes;
    this.#ranker = ranker;
    this.#groups = new GroupTable(nodes);
  }

  /** Finds the place and takes it; undefined: there is no room anywhere. */
  place(request: KnownRequest): Place | undefined {
    if (this.#ranker.arrive(request)) this.#epoch += 1;
    const kept = this.#renew(request);
    const node = this.#search(request, kept, this.#ranker.price(request));
    return node < 0 ? undefined : this.#takeOn(request, node);
  }

  /** Gives a place back. */
  release(request: KnownRequest, place: Place): void {
    const { nodes } = this;
    const { node, accelerators } = place;
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! += request.milli;
    nodes.freeMilliCpu[node]! += request.milliCpu;
    nodes.freeMemoryMiB[node]! += request.memoryMiB;
    this.#ranker.released(request, place);
    this.#groups.moved(node);
  }

  #renew(request: KnownRequest): RequestClass {
    const kept = this.#classOf[request.id] ?? this.#learnClass(request);
    for (const one of kept.kinds) {
      const changed = this.#groups.changed(one.kind);
      if (one.epoch !== this.#epoch) this.#rateAll(request, kept, one);
      else if (one.seen === changed) continue;
      else if (this.#isOverdue(one)) this.#rateAll(request, kept, one);
      else this.#rateChanged(request, one, changed);
      one.seen = changed;
    }
    if (kept.blocked.size > 0) this.#unblock(request, kept);
    return kept;
  }

  /** There are less groups than changes, or too many entries that are out of date. */
  #isOverdue({ kind, seen, heap, entries }: KindClass): boolean {
    const most = ENTRIES_TIMES * entries + ENTRIES_MORE;
    return heap.size > most || this.#groups.isOverdue(kind, seen);
  }

  #rateAll(request: KnownRequest, { blocked }: RequestClass, one: KindClass): void {
    one.epoch = this.#epoch;
    one.heap.clear();
    if (blocked.size > 0) {
      const { kind } = this.#groups.states;
      for (const group of blocked.keys()) if (kind[group] === one.kind) blocked.delete(group);
    }
    for (const group of this.#groups.live(one.kind)) this.#offer(request, one.heap, group);
    one.heap.trim();
    one.entries = one.heap.size;
  }

  #rateChanged(request: KnownRequest, { kind, heap, seen }: KindClass, changed: number): void {
    const groups = this.#groups;
    this.#renewal += 1;
    for (let time = seen; time < changed; time += 1) {
      const group = groups.changeAt(kind, time);
      if (group >= this.#renewed.length) this.#growRenewed(group);
      if (this.#renewed[group] === this.#renewal) continue;
      this.#renewed[group] = this.#renewal;
      const isHere = groups.lowest(group) >= 0 && groups.states.kind[group] === kind;
      if (isHere) this.#offer(request, heap, group);
    }
  }

  #learnClass(request: KnownRequest): RequestClass {
    const { milliCpu, accelerators, milli } = request;
    // A group with a core less than asked for may have room, unless whole cores are asked for.
    const cores = Math.ceil(milliCpu / CPU_STEP_MILLI);
    const isRound = milliCpu % CPU_STEP_MILLI === 0;
    const key = `${cores}/${isRound}/${accelerators}/${milli}/${request.kinds.join("")}`;
    let known = this.#classes.get(key);
    if (known === undefined) {
      const kinds = [...request.kinds.keys()]
        .filter((kind) => request.kinds[kind] === 1)
        .map((kind) => ({ kind, heap: new ScoreHeap(), seen: 0, epoch: -1, entries: 0 }));
      known = { kinds, blocked: new Map() };
      this.#classes.set(key, known);
    }
    this.#classOf[request.id] = known;
    return known;
  }

  #growRenewed(group: number): void {
    const renewed = new Int32Array(2 * group);
    renewed.set(this.#renewed);
    this.#renewed = renewed;
  }

  /** Looks again at groups that had no node with room, if they have other nodes now, or if less is
   * asked for: requests of a class differ in memory, and within a core. */
  #unblock(request: KnownRequest, kept: RequestClass): void {
    for (const [group, { request: other, entered }] of kept.blocked) {
      const asksLess = request.memoryMiB < other.memoryMiB || request.milliCpu < other.milliCpu;
      if (!asksLess && this.#groups.entered(group) === entered) continue;
      kept.blocked.delete(group);
      const own = kept.kinds.find(({ kind }) => kind === this.#groups.states.kind[group]);
      if (own !== undefined && this.#groups.lowest(group) >= 0) {
        this.#offer(request, own.heap, group);
      }
    }
  }

  /** Puts a group that may have room into the heap of its kind, by its score. */
  #offer(request: KnownRequest, heap: ScoreHeap, group: number): void {
    const groups = this.#groups;
    const { states } = groups;
    if (states.milliCpu[group]! + CPU_STEP_MILLI <= request.milliCpu) return;
    const { accelerators, milli } = request;
    const { stride } = states;
    if (accelerators > 0 && states.free[(group + 1) * stride - accelerators]! < milli) return;
    const score = this.#ranker.rate(states, group, request);
    heap.push(score, groups.lowest(group), group, groups.version(group));
  }

  #search(request: KnownRequest, kept: RequestClass, price: Price): number {
    const groups = this.#groups;
    let aside: Aside[] | undefined;
    let [best, highest] = [-1, -Infinity];
    for (;;) {
      const next = this.#bestKind(kept, price.kinds);
      if (next === undefined) break;
      const { heap, kind } = next;
      const { topKey, topGroup } = heap;
      const key = topKey - price.kinds[kind]!;
      if (key <= highest) break;
      const node = groups.first(topGroup, request);
      if (node < 0) {
        heap.pop();
        kept.blocked.set(topGroup, { request, entered: groups.entered(topGroup) });
        continue;
      }
      const own = price.node === undefined ? 0 : price.node(node);
      if (key - own > highest) [best, highest] = [node, key - own];
      if (own === 0) break;
      heap.pop();
      aside ??= [];
      aside.push({ heap, key: topKey, group: topGroup });
    }
    if (aside === undefined) return best;
    for (const { heap, key, group } of aside) heap.put(key, group, groups.version(group));
    return best;
  }

  /** The kind whose best entry is highest after its price; undefined: no group has room. */
  #bestKind({ kinds }: RequestClass, prices: Float64Array): KindClass | undefined {
    const groups = this.#groups;
    let best: KindClass | undefined;
    let highest = -Infinity;
    for (const one of kinds) {
      const { heap } = one;
      while (heap.size > 0 && heap.topVersion !== groups.version(heap.topGroup)) heap.pop();
      if (heap.size === 0) continue;
      const key = heap.topKey - prices[one.kind]!;
      if (key > highest) {
        best = one;
        highest = key;
      }
    }
    return best;
  }

  #takeOn(request: KnownRequest, node: number): Place {
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
  take(request: KnownRequest, place: Place): void {
    const { nodes } = this;
    const { node, accelerators } = place;
    this.#ranker.placed(request, place);
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

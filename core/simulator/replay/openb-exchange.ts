// Gathers processor time for a pod that finds free accelerators, but too few cores beside them.
// When processors run out, some cores are left on each node, too few for anybody. Two pods that
// hold equally much of accelerators change places, the one that wants more cores goes to where
// cores are left over: so the rests of many nodes come together on one. Pods that change places
// stop both before either starts again; all else about moves is left to core/scheduler/moves.
import { type Holding, type Holdings, tightestPlace } from "../../scheduler/moves/index.ts";
import {
  type KnownRequest,
  type NodeTable,
  type Place,
  WHOLE,
} from "../../scheduler/placement/index.ts";

/** Nodes that are tried for one pod, those first that lack least. */
const TARGETS_MAX = 12;
/** Pods that change places for one that waits, in pairs. */
const PAIRS_MAX = 12;
/** Less gain than this, in thousandths of a core, is not worth two moves. */
const GAIN_MIN = 50;

interface Target {
  readonly place: Place;
  /** Who has to leave first. */
  readonly leaves?: Holding;
  readonly cost: number;
}

interface Pair {
  readonly here: Holding;
  readonly there: Holding;
  readonly gain: number;
}

export class CoreExchange {
  readonly #holdings: Holdings;
  readonly #nodes: NodeTable;

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
    this.#nodes = holdings.nodes;
  }

  /** Exchanges pods until the request fits at the place that is returned; undefined: it cannot. */
  gather(request: KnownRequest, deep = true): Place | undefined {
    for (const { place, leaves } of this.#targets(request, deep)) {
      const before = this.#holdings.tried;
      this.#holdings.reserve(request, place);
      const done = (leaves === undefined || this.#leave(leaves)) && this.#gatherOn(place);
      if (!done) this.#holdings.undo(before);
      this.#holdings.release(request, place);
      if (done) return place;
    }
    return undefined;
  }

  #leave(holding: Holding): boolean {
    const { request, place } = holding;
    const to = tightestPlace(this.#nodes, request, place.node) ?? this.gather(request, false);
    if (to === undefined) return false;
    this.#holdings.move(holding, to);
    return true;
  }

  /** Places where only cores are short, or a shared pod is in the way, the cheapest first. */
  #targets(request: KnownRequest, deep: boolean): readonly Target[] {
    const { freeMilliCpu, freeMemoryMiB, kind, count } = this.#nodes;
    const free: Target[] = [];
    const held: Target[] = [];
    for (let node = 0; node < count; node += 1) {
      if (request.kinds[kind[node]!] === 0) continue;
      if (freeMemoryMiB[node]! < request.memoryMiB) continue;
      const short = request.milliCpu - freeMilliCpu[node]!;
      const accelerators = this.#parts(request, node);
      if (accelerators !== undefined) {
        const target = { place: { node, accelerators }, cost: Math.max(0, short) };
        free.push(target);
      } else if (deep && request.accelerators === 1) {
        for (const one of this.#inTheWay(request, node)) {
          const cost = Math.max(0, short - one.request.milliCpu) + one.request.milliCpu;
          held.push({ place: { node, accelerators: one.place.accelerators }, leaves: one, cost });
        }
      }
    }
    const first = (list: Target[]): Target[] =>
      list.sort((a, b) => a.cost - b.cost).slice(0, TARGETS_MAX);
    return [...first(free), ...first(held)];
  }

  /** Pods after whose leaving a part is large enough; as large ones if they have more choice. */
  #inTheWay(wanted: KnownRequest, node: number): readonly Holding[] {
    const { free, stride } = this.#nodes;
    return this.#holdings.on(node).filter(({ request, place }) => {
      if (request.accelerators !== 1 || request.milli > wanted.milli) return false;
      if (request.milli === wanted.milli && !hasMoreChoice(request, wanted)) return false;
      return free[node * stride + place.accelerators[0]!]! + request.milli >= wanted.milli;
    });
  }

  /** The accelerators that the request would take, the fullest first. */
  #parts({ accelerators, milli }: KnownRequest, node: number): readonly number[] | undefined {
    if (accelerators === 0) return [];
    const { free, stride } = this.#nodes;
    const from = node * stride;
    const fit: number[] = [];
    for (let at = 0; at < stride; at += 1) if (free[from + at]! >= milli) fit.push(at);
    if (fit.length < accelerators) return undefined;
    if (milli < WHOLE) fit.sort((a, b) => free[from + a]! - free[from + b]!);
    return fit.slice(0, accelerators);
  }

  /** Gathers cores on a node until what is reserved there is sound. */
  #gatherOn(place: Place): boolean {
    const { node } = place;
    for (let pairs = 0; pairs < PAIRS_MAX; pairs += 1) {
      const short = -this.#nodes.freeMilliCpu[node]!;
      if (short <= 0) return this.#holdings.isSound(place);
      const pair = this.#bestPair(node, short);
      if (pair === undefined) return false;
      this.#holdings.exchange(pair.here, pair.there);
    }
    return this.#holdings.isSound(place);
  }

  /** The pair that gains most; of those that suffice, the one that gains least. */
  #bestPair(node: number, short: number): Pair | undefined {
    const { freeMilliCpu, count } = this.#nodes;
    let best: Pair | undefined;
    const sorts = new Map<KnownRequest, Holding>();
    for (const one of this.#holdings.on(node)) sorts.set(one.request, one);
    for (let other = 0; other < count; other += 1) {
      const rest = freeMilliCpu[other]!;
      if (other === node || rest < GAIN_MIN) continue;
      for (const there of this.#holdings.on(other)) {
        for (const here of sorts.values()) {
          const gain = here.request.milliCpu - there.request.milliCpu;
          if (gain < GAIN_MIN || gain > rest) continue;
          if (best !== undefined && !isBetter(gain, best.gain, short)) continue;
          if (this.#mayExchange(here, there)) best = { here, there, gain };
        }
      }
    }
    return best;
  }

  #mayExchange(a: Holding, b: Holding): boolean {
    if (a.request.accelerators !== b.request.accelerators) return false;
    if (a.request.milli !== b.request.milli) return false;
    // Where something is reserved that is not free yet nobody changes places.
    if (!this.#holdings.isSound(b.place)) return false;
    const { kind, freeMemoryMiB } = this.#nodes;
    if (a.request.kinds[kind[b.place.node]!] === 0) return false;
    if (b.request.kinds[kind[a.place.node]!] === 0) return false;
    const memoryMiB = a.request.memoryMiB - b.request.memoryMiB;
    return freeMemoryMiB[b.place.node]! >= memoryMiB && freeMemoryMiB[a.place.node]! >= -memoryMiB;
  }
}

function isBetter(gain: number, than: number, short: number): boolean {
  if (gain >= short && than >= short) return gain < than;
  return gain > than;
}

/** Whether a request may go to some kind of node where the other may not. */
const hasMoreChoice = (request: KnownRequest, than: KnownRequest): boolean =>
  request.kinds.some((can, kind) => can === 1 && than.kinds[kind] === 0);

// Protection of what is scarce: kinds of nodes that some requests alone can use, and groups of
// whole accelerators on one node that wide requests need. What will still be asked for is
// reckoned from the mix, scaled to a load of 100 %; while that is more than what is free, others
// pay a price for it, and go elsewhere if they can. Nothing is ever refused for it.
// The rule for kinds grew from protection levels in revenue management (Littlewood 1972) and the
// reference's type guard; that it sees kinds of nodes, not models, is ours: a request for 120
// cores and 8 accelerators is as bound to few nodes as one that names a model.
import type { NodeTable } from "./nodes.ts";
import { WHOLE } from "./nodes.ts";
import type { Price } from "./ranker.ts";
import type { KnownRequest, RequestTable } from "./requests.ts";
import { WideRoom } from "./wide.ts";

/** Widths of groups that are kept. */
const WIDTHS = [2, 4, 8] as const;
/** A request is bound if it can use less than this part of all accelerators. */
const BOUND_PART = 0.5;
/** Parts of what is free that count as not usable. */
const UNUSABLE_PART = 0.05;
/** From this part of the pressure on, a kind has a small price; from 1 on the full one. */
const PRICED_FROM = 0.5;
/** Score points: the full price, beyond any difference between nodes; the small one at most. */
const FULL_PRICE = 1_000;
const SMALL_PRICE = 20;
/** Price of each accelerator that a group of whole ones loses, at all times. */
const GROUP_PRICE = 0.1;
/** Growth of what was asked for at which the expectation is reckoned anew: half a per cent moves
 * no price by more than that. */
const EXPECTED_AGAIN_AT = 1.005;
/** Accelerators of one request, and cores beside each, for the spread of an estimate. */
const CORES_PER_ACCELERATOR = 12;
/** The processor time that a group must have beside it: enough for this part of the requests. */
const GROUP_CPU_QUANTILE = 0.8;

interface Group {
  readonly width: number;
  /** Processor time without which a group is of no use to wide requests. */
  milliCpu: number;
}

/** Sums by kind of node. */
interface Kinds {
  readonly accelerators: Float64Array;
  readonly freeMilli: Float64Array;
  readonly freeMilliCpu: Float64Array;
  /** Asked for by bound requests so far; expected until full load; held by them. */
  readonly askedMilli: Float64Array;
  readonly askedMilliCpu: Float64Array;
  readonly expectedMilli: Float64Array;
  readonly expectedMilliCpu: Float64Array;
  readonly heldMilli: Float64Array;
  readonly heldMilliCpu: Float64Array;
}

const kindsOf = (count: number): Kinds => {
  const sums = (): Float64Array => new Float64Array(count);
  return {
    accelerators: sums(),
    freeMilli: sums(),
    freeMilliCpu: sums(),
    askedMilli: sums(),
    askedMilliCpu: sums(),
    expectedMilli: sums(),
    expectedMilliCpu: sums(),
    heldMilli: sums(),
    heldMilliCpu: sums(),
  };
};

export class Protection {
  readonly #nodes: NodeTable;
  readonly #requests: RequestTable;
  readonly #kinds: Kinds;
  readonly #groups: readonly Group[];
  readonly #wide: WideRoom;
  readonly #bound: boolean[] = [];
  readonly #prices: Float64Array;
  /** The price of a decision that takes no room that is short. */
  readonly #plain: Price;
  /** By request: how often it arrived. */
  readonly #counts: number[] = [];
  #askedMilli = 0;
  /** Thousandths asked for when the expectation is next reckoned anew. */
  #expectAt = 0;
  /** The whole mix is known: its estimates have no spread. */
  readonly #known: boolean;

  constructor(nodes: NodeTable, requests: RequestTable, known: boolean) {
    this.#nodes = nodes;
    this.#requests = requests;
    this.#known = known;
    this.#kinds = kindsOf(nodes.kinds.length);
    this.#prices = new Float64Array(nodes.kinds.length);
    this.#plain = { kinds: this.#prices };
    for (let node = 0; node < nodes.count; node += 1) {
      const kind = nodes.kind[node]!;
      this.#kinds.accelerators[kind]! += nodes.accelerators(node);
      this.#kinds.freeMilli[kind]! += nodes.freeMilli(node);
      this.#kinds.freeMilliCpu[kind]! += nodes.freeMilliCpu[node]!;
    }
    this.#groups = WIDTHS.map((width) => ({ width, milliCpu: 0 }));
    this.#wide = new WideRoom(nodes);
  }

  /** One request more in the mix, `times` times. */
  learn(request: KnownRequest, times: number): void {
    this.#counts[request.id] = (this.#counts[request.id] ?? 0) + times;
    this.#askedMilli += times * request.wholeMilli;
    this.#wide.learn(request, times);
    if (this.#isBound(request)) this.#ask(request, times);
  }

  /** A bound request will take of each kind that it can use in proportion to its size. */
  #ask({ kinds: usable, wholeMilli, milliCpu }: KnownRequest, times: number): void {
    const { accelerators, askedMilli, askedMilliCpu } = this.#kinds;
    let all = 0;
    for (let kind = 0; kind < usable.length; kind += 1) all += usable[kind]! * accelerators[kind]!;
    if (all === 0) return;
    for (let kind = 0; kind < usable.length; kind += 1) {
      const part = (times * usable[kind]! * accelerators[kind]!) / all;
      askedMilli[kind]! += part * wholeMilli;
      askedMilliCpu[kind]! += part * milliCpu;
    }
  }

  #isBound(request: KnownRequest): boolean {
    const known = this.#bound[request.id];
    if (known !== undefined) return known;
    const { accelerators } = this.#kinds;
    let [usable, all] = [0, 0];
    for (const [kind, count] of accelerators.entries()) {
      all += count;
      usable += request.kinds[kind]! * count;
    }
    const bound = request.accelerators > 0 && usable < BOUND_PART * all;
    this.#bound[request.id] = bound;
    return bound;
  }

  /** Reckons anew what will be asked for until the load is 100 %, if enough has come since. */
  expect(): void {
    if (this.#askedMilli < this.#expectAt || this.#askedMilli === 0) return;
    this.#expectAt = this.#askedMilli * EXPECTED_AGAIN_AT;
    const scale = this.#nodes.wholeMilli / this.#askedMilli;
    // The spread of a count is its root; of it, the part that lies ahead is uncertain.
    const ahead = this.#known ? 0 : scale * Math.max(0, 1 - 1 / scale);
    const { askedMilli, askedMilliCpu, expectedMilli, expectedMilliCpu } = this.#kinds;
    for (const [kind, asked] of askedMilli.entries()) {
      const spread = ahead * Math.sqrt(asked * WHOLE);
      expectedMilli[kind] = asked * scale + spread;
      expectedMilliCpu[kind] = askedMilliCpu[kind]! * scale + CORES_PER_ACCELERATOR * spread;
    }
    this.#wide.expect(scale, ahead);
  }

  /** Begins to find anew what wide requests need; `advance` until it is done. */
  renew(): void {
    for (const group of this.#groups) group.milliCpu = this.#cpuOf(group.width);
    this.#wide.renew(
      this.#requests.all.flatMap((request) => {
        const count = this.#counts[request.id] ?? 0;
        return count > 0 ? [[request, count] as const] : [];
      }),
    );
  }

  /** Goes on with a renewal, a bounded step or all of it; true: it is done. */
  advance(everything: boolean): boolean {
    if (!this.#wide.advance(everything)) return false;
    this.#expectAt = 0;
    this.expect();
    return true;
  }

  #cpuOf(width: number): number {
    const wide = this.#requests.all
      .filter(({ id, accelerators }) => accelerators >= width && (this.#counts[id] ?? 0) > 0)
      .map(({ id, milliCpu, accelerators }) => ({
        milliCpu: milliCpu / Math.floor(accelerators / width),
        count: this.#counts[id]!,
      }))
      .sort((a, b) => a.milliCpu - b.milliCpu);
    let left = GROUP_CPU_QUANTILE * wide.reduce((sum, { count }) => sum + count, 0);
    for (const { milliCpu, count } of wide) {
      left -= count;
      if (left <= 0) return milliCpu;
    }
    return 0;
  }

  /** Price of what groups of whole accelerators lose, at all times; part of a state's score.
   * `free[from]` to before `free[to]` are sorted; `leftMilliCpu` is what the request leaves of
   * `milliCpu`; a shared request breaks `broken` whole ones, 0 or 1. */
  groupPrice(
    request: KnownRequest,
    free: Int16Array,
    from: number,
    to: number,
    milliCpu: number,
    leftMilliCpu: number,
    broken: number,
  ): number {
    let whole = 0;
    while (to - whole > from && free[to - 1 - whole] === WHOLE) whole += 1;
    if (whole < WIDTHS[0]) return 0;
    const shared = request.accelerators === 1 && request.milli < WHOLE;
    const left = whole - (shared ? broken : request.accelerators);
    let lost = 0;
    for (const group of this.#groups) {
      if (request.accelerators >= group.width || whole < group.width) continue;
      const after = grouped(group, left, leftMilliCpu);
      lost += Math.max(0, grouped(group, whole, milliCpu) - after);
    }
    return GROUP_PRICE * lost;
  }

  /** Prices of this decision. `broken`: whether a shared request would break a whole one. */
  price(request: KnownRequest, broken: (node: number) => number): Price {
    const kinds = this.#prices;
    if (this.#isBound(request)) kinds.fill(0);
    else {
      for (let kind = 0; kind < kinds.length; kind += 1) {
        kinds[kind] = this.#kindPrice(request, kind);
      }
    }
    const short = this.#wide.short(request);
    if (short.length === 0) return this.#plain;
    return {
      kinds,
      node: (node) => FULL_PRICE * this.#wide.taken(short, request, node, broken(node)),
    };
  }

  #kindPrice(request: KnownRequest, kind: number): number {
    const sums = this.#kinds;
    const milli = sums.expectedMilli[kind]! - sums.heldMilli[kind]!;
    const milliCpu = sums.expectedMilliCpu[kind]! - sums.heldMilliCpu[kind]!;
    if (milli <= 0 && milliCpu <= 0) return 0;
    const usable = 1 - UNUSABLE_PART;
    const cpuLeft = Math.max(1, usable * (sums.freeMilliCpu[kind]! - request.milliCpu));
    const left = Math.max(1, usable * (sums.freeMilli[kind]! - request.wholeMilli));
    const pressure = Math.max(milliCpu / cpuLeft, request.accelerators > 0 ? milli / left : 0);
    if (pressure > 1) return FULL_PRICE;
    if (pressure <= PRICED_FROM) return 0;
    return (SMALL_PRICE * (pressure - PRICED_FROM)) / (1 - PRICED_FROM);
  }

  /** A node was taken from (`sign` 1), before it changes, or given to (-1), after it changed. */
  placed(request: KnownRequest, node: number, broken: number, sign: 1 | -1): void {
    const kind = this.#nodes.kind[node]!;
    const sums = this.#kinds;
    sums.freeMilli[kind]! -= sign * request.wholeMilli;
    sums.freeMilliCpu[kind]! -= sign * request.milliCpu;
    if (this.#isBound(request)) {
      sums.heldMilli[kind]! += sign * request.wholeMilli;
      sums.heldMilliCpu[kind]! += sign * request.milliCpu;
    }
    this.#wide.placed(request, node, broken, sign);
  }
}

/** Accelerators of a node that stand in whole groups with processor time beside them. */
function grouped({ width, milliCpu }: Group, whole: number, freeMilliCpu: number): number {
  let groups = Math.floor(whole / width);
  if (groups * milliCpu > freeMilliCpu) groups = Math.floor(freeMilliCpu / milliCpu);
  return groups > 0 ? groups * width : 0;
}

// The default: the node that loses least of its worth in the end (filling.ts), with prices on
// what is scarce (protection.ts). Both learn the mix from the arrivals.
import { Filling } from "../filling.ts";
import type { GroupRanker } from "../group-placer.ts";
import { CPU_STEP_MILLI } from "../groups.ts";
import { type Mix, Renewal } from "../mix.ts";
import { type NodeTable, WHOLE } from "../nodes.ts";
import type { Place } from "../placer.ts";
import { Protection } from "../protection.ts";
import type { Price } from "../ranker.ts";
import type { KnownRequest, RequestTable } from "../requests.ts";
import { type StateTable, sortInto } from "../states.ts";

/** Thousandths of an accelerator that make one point of score: nodes within the same point count
 * as equal, so that the order of the nodes packs them. */
const POINT_MILLI = 50;

const FIRST_STATES = 256;

/** Where the requests come from: `known` if `mix` holds all that will come; else it learns. */
export interface SaturationInput {
  readonly nodes: NodeTable;
  readonly requests: RequestTable;
  readonly mix: Mix;
  readonly known: boolean;
}

/** The default policy. Its scores are points of 50 thousandths of an accelerator. */
export class SaturationRanker implements GroupRanker {
  readonly name: string;
  readonly #nodes: NodeTable;
  readonly #mix: Mix;
  readonly #known: boolean;
  readonly #filling: Filling;
  readonly #protection: Protection;
  readonly #renewal = new Renewal();
  readonly #free: Int16Array;
  /** By kind of node: where its accelerators begin in a sorted row. */
  readonly #first: Int32Array;
  /** The mix is being learned anew, a step with each arrival: none is to take long. */
  #isRenewing = false;
  /** Worth by state of a table of states; NaN: not computed under this mix. */
  #states: StateTable | undefined;
  #worths = new Float64Array(0);
  /** By state: when its worth was computed, in births of its number. */
  #bornAt = new Int32Array(0);

  constructor({ nodes, requests, mix, known }: SaturationInput) {
    this.name = known ? "saturation-known" : "saturation";
    this.#nodes = nodes;
    this.#mix = mix;
    this.#known = known;
    this.#filling = new Filling(nodes, mix);
    this.#protection = new Protection(nodes, requests, known);
    this.#free = new Int16Array(nodes.stride);
    this.#first = Int32Array.from(nodes.kinds, ({ accelerators }) => nodes.stride - accelerators);
    if (!known) return;
    for (const [request, count] of mix.rows()) this.#protection.learn(request, count);
    this.#begin();
    this.#advance(true);
  }

  #begin(): void {
    this.#isRenewing = true;
    this.#filling.renew();
    this.#protection.renew();
  }

  /** Goes on with a renewal; true: it is done, and all scores before are void. */
  #advance(everything: boolean): boolean {
    const isFilled = this.#filling.advance(everything);
    const isProtected = this.#protection.advance(everything);
    if (!isFilled || !isProtected) return false;
    this.#isRenewing = false;
    this.#worths.fill(Number.NaN);
    return true;
  }

  arrive(request: KnownRequest): boolean {
    if (this.#known) return false;
    this.#mix.add(request);
    this.#protection.learn(request, 1);
    this.#protection.expect();
    if (this.#renewal.due(this.#mix.total)) this.#begin();
    return this.#isRenewing && this.#advance(false);
  }

  rate(states: StateTable, state: number, request: KnownRequest): number {
    const { stride, free } = states;
    const kind = states.kind[state]!;
    const milliCpu = states.milliCpu[state]!;
    const from = state * stride + this.#first[kind]!;
    const to = (state + 1) * stride;
    const { accelerators, milli } = request;
    const isShared = accelerators === 1 && milli < WHOLE;
    const left = leftOf(milliCpu, request);
    // Whole accelerators stand last in a row: what is left of it are those before.
    const after = isShared
      ? this.#filling.best(kind, left, milli, free, from, to)
      : this.#filling.value(kind, left, free, from, to - accelerators);
    const lost = after + request.wholeMilli - this.#worthOf(states, state);
    const broken = isShared && this.#filling.part === WHOLE ? 1 : 0;
    const price = this.#protection.groupPrice(request, free, from, to, milliCpu, left, broken);
    return Math.round(lost / POINT_MILLI) - price;
  }

  #worthOf(states: StateTable, state: number): number {
    const { stride, free, kind, milliCpu } = states;
    if (states !== this.#states) {
      this.#worths = new Float64Array(0);
      this.#states = states;
    }
    if (state >= this.#worths.length) this.#grow(state);
    const known = this.#worths[state]!;
    if (this.#bornAt[state] === states.born[state] && !Number.isNaN(known)) return known;
    const from = state * stride + this.#first[kind[state]!]!;
    const to = (state + 1) * stride;
    const worth = this.#filling.value(kind[state]!, milliCpu[state]!, free, from, to);
    this.#worths[state] = worth;
    this.#bornAt[state] = states.born[state]!;
    return worth;
  }

  #grow(state: number): void {
    const rows = 2 * state + FIRST_STATES;
    const worths = new Float64Array(rows).fill(Number.NaN);
    worths.set(this.#worths);
    this.#worths = worths;
    const bornAt = new Int32Array(rows);
    bornAt.set(this.#bornAt.subarray(0, rows));
    this.#bornAt = bornAt;
  }

  choose(request: KnownRequest, node: number): number {
    const part = this.#partOf(request, node);
    const from = node * this.#nodes.stride;
    return this.#nodes.free.indexOf(part, from) - from;
  }

  price(request: KnownRequest): Price {
    return this.#protection.price(request, (node) => this.#broken(request, node));
  }

  placed(request: KnownRequest, place: Place): void {
    this.#protection.placed(request, place.node, this.#isWhole(request, place), 1);
  }

  released(request: KnownRequest, place: Place): void {
    this.#protection.placed(request, place.node, this.#isWhole(request, place), -1);
  }

  /** 1 if a shared request has its place on an accelerator that is otherwise free, else 0. */
  #isWhole({ milli }: KnownRequest, { node, accelerators }: Place): number {
    const [at] = accelerators;
    if (at === undefined || milli === WHOLE) return 0;
    return this.#nodes.free[node * this.#nodes.stride + at] === WHOLE ? 1 : 0;
  }

  /** Free part of a node that a shared request takes at best. */
  #partOf(request: KnownRequest, node: number): number {
    const { stride, free, freeMilliCpu, kind } = this.#nodes;
    const [own, row] = [kind[node]!, this.#free];
    sortInto(row, free, node * stride);
    const milliCpu = freeMilliCpu[node]!;
    const left = leftOf(milliCpu - (milliCpu % CPU_STEP_MILLI), request);
    this.#filling.best(own, left, request.milli, row, this.#first[own]!, stride);
    return this.#filling.part;
  }

  /** 1 if a shared request would break a whole accelerator of the node, else 0. */
  #broken(request: KnownRequest, node: number): number {
    if (request.accelerators !== 1 || request.milli === WHOLE) return 0;
    return this.#partOf(request, node) === WHOLE ? 1 : 0;
  }
}

/** Processor time that a request leaves, in whole cores; none if it uses one rounded off. */
function leftOf(milliCpu: number, request: KnownRequest): number {
  const left = milliCpu - request.milliCpu;
  return left <= 0 ? 0 : left - (left % CPU_STEP_MILLI);
}

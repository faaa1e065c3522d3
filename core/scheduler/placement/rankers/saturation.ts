// The default: the node that loses least of its worth in the end (saturation.ts), with prices on
// what is scarce (protection.ts). Both learn the mix from the arrivals.
import type { GroupRanker } from "../group-placer.ts";
import { type Mix, Renewal } from "../mix.ts";
import { type NodeTable, WHOLE } from "../nodes.ts";
import { Protection } from "../protection.ts";
import type { Price } from "../ranker.ts";
import type { KnownRequest, RequestTable } from "../requests.ts";
import { Saturation } from "../saturation.ts";
import { type StateTable, sortInto, takeFrom } from "../states.ts";

/** Thousandths of an accelerator that make one point of score: nodes within the same point count
 * as equal, so that the order of the nodes packs them. */
const POINT_MILLI = 50;

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
  readonly #worth: Saturation;
  readonly #protection: Protection;
  readonly #renewal = new Renewal();
  readonly #row: Int16Array;
  readonly #free: Int16Array;
  /** Free part that a shared request takes at best, after `#look`. */
  #part = 0;

  constructor({ nodes, requests, mix, known }: SaturationInput) {
    this.name = known ? "saturation-known" : "saturation";
    this.#nodes = nodes;
    this.#mix = mix;
    this.#known = known;
    this.#worth = new Saturation(nodes, mix);
    this.#protection = new Protection(nodes, requests, known);
    this.#row = new Int16Array(nodes.stride);
    this.#free = new Int16Array(nodes.stride);
    if (!known) return;
    for (const [request, count] of mix.rows()) this.#protection.learn(request, count);
    this.#renew();
  }

  #renew(): void {
    this.#worth.renew();
    this.#protection.renew();
  }

  arrive(request: KnownRequest): boolean {
    if (this.#known) return false;
    this.#mix.add(request);
    this.#protection.learn(request, 1);
    this.#protection.expect();
    if (!this.#renewal.due(this.#mix.total)) return false;
    this.#renew();
    return true;
  }

  /** No request gains more than what the node is expected to leave unused. */
  ceiling(states: StateTable, state: number, request: KnownRequest): number {
    if (request.accelerators === 0) return 1;
    this.#load(states, state);
    let free = 0;
    for (const milli of this.#free) free += milli;
    const worth = this.#worth.value(states.kind[state]!, states.milliCpu[state]!, this.#free);
    return Math.ceil((free - worth) / POINT_MILLI);
  }

  rate(states: StateTable, state: number, request: KnownRequest): number {
    this.#load(states, state);
    const milliCpu = states.milliCpu[state]!;
    const score = this.#look(request, states.kind[state]!, milliCpu);
    const broken = this.#part === WHOLE ? 1 : 0;
    return score - this.#protection.groupPrice(request, this.#free, milliCpu, broken);
  }

  choose(request: KnownRequest, node: number): number {
    this.#lookAt(request, node);
    const from = node * this.#nodes.stride;
    return this.#nodes.free.indexOf(this.#part, from) - from;
  }

  price(request: KnownRequest): Price {
    return this.#protection.price(request, (node) => this.#broken(request, node));
  }

  placed(request: KnownRequest, node: number): void {
    this.#protection.placed(request, node, this.#broken(request, node));
  }

  #load({ free, stride }: StateTable, state: number): void {
    for (let at = 0; at < stride; at += 1) this.#free[at] = free[state * stride + at]!;
  }

  #lookAt(request: KnownRequest, node: number): void {
    sortInto(this.#free, this.#nodes.free, node * this.#nodes.stride);
    this.#look(request, this.#nodes.kind[node]!, this.#nodes.freeMilliCpu[node]!);
  }

  /** Best score of a request where `#free` is free; sets `#part` for a shared one. */
  #look(request: KnownRequest, kind: number, freeMilliCpu: number): number {
    const row = this.#row;
    const before = this.#worth.value(kind, freeMilliCpu, this.#free);
    const milliCpu = Math.max(0, freeMilliCpu - request.milliCpu);
    const { accelerators, milli } = request;
    if (accelerators !== 1 || milli === WHOLE) {
      row.set(this.#free);
      takeFrom(row, accelerators, milli, row.length - 1);
      const after = this.#worth.value(kind, milliCpu, row);
      return Math.round((after + request.wholeMilli - before) / POINT_MILLI);
    }
    let highest = -Infinity;
    for (let place = 0; place < row.length; place += 1) {
      const free = this.#free[place]!;
      if (free < milli || (place > 0 && this.#free[place - 1] === free)) continue;
      row.set(this.#free);
      takeFrom(row, 1, milli, place);
      const after = this.#worth.value(kind, milliCpu, row);
      const score = Math.round((after + milli - before) / POINT_MILLI);
      if (score > highest) [highest, this.#part] = [score, free];
    }
    return highest;
  }

  /** 1 if a shared request would break a whole accelerator of the node, else 0. */
  #broken(request: KnownRequest, node: number): number {
    if (request.accelerators !== 1 || request.milli === WHOLE) return 0;
    this.#lookAt(request, node);
    return this.#part === WHOLE ? 1 : 0;
  }
}

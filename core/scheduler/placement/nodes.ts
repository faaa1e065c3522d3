// The nodes that requests are placed on, in flat arrays: what each has and what of it is free.
// It knows nothing about who is better placed where; that is the rankers' business.
import { assert } from "../../pool/index.ts";

/** What a node is when it is empty. */
export interface NodeShape {
  /** Model of its accelerators; empty if it has none. */
  readonly model: string;
  readonly accelerators: number;
  readonly milliCpu: number;
  readonly memoryMiB: number;
}

/** A whole accelerator, in thousandths. */
export const WHOLE = 1_000;
/** Accelerators of one node. A mask of them must fit an integer; machines of today have 16. */
export const ACCELERATORS_PER_NODE_MAX = 16;

/** Nodes of equal shape are of one kind; a request fits all of a kind when empty, or none. */
export class NodeTable {
  readonly count: number;
  readonly kinds: readonly NodeShape[];
  /** Index into `kinds`, by node. */
  readonly kind: Uint16Array;
  readonly freeMilliCpu: Int32Array;
  readonly freeMemoryMiB: Int32Array;
  /** Free thousandths of accelerator `a` of node `n` at `n * stride + a`. */
  readonly free: Int16Array;
  readonly stride: number;
  /** Nodes of equal score are told apart by their rank, the lowest first. */
  readonly rank: Int32Array;
  /** Nodes by rank. */
  readonly byRank: Int32Array;
  /** Thousandths of all accelerators together. */
  readonly wholeMilli: number;

  /** `rank` is a permutation of the nodes' numbers; absent: the order given. */
  constructor(shapes: readonly NodeShape[], rank?: readonly number[]) {
    this.count = shapes.length;
    this.stride = shapes.reduce((most, { accelerators }) => Math.max(most, accelerators), 1);
    assert(this.stride <= ACCELERATORS_PER_NODE_MAX, "a node has at most 16 accelerators");
    const kinds: NodeShape[] = [];
    const known = new Map<string, number>();
    this.kind = new Uint16Array(this.count);
    this.freeMilliCpu = Int32Array.from(shapes, ({ milliCpu }) => milliCpu);
    this.freeMemoryMiB = Int32Array.from(shapes, ({ memoryMiB }) => memoryMiB);
    this.free = new Int16Array(this.count * this.stride);
    let wholeMilli = 0;
    for (const [node, shape] of shapes.entries()) {
      const { model, accelerators, milliCpu, memoryMiB } = shape;
      const key = `${model}/${accelerators}/${milliCpu}/${memoryMiB}`;
      if (!known.has(key)) known.set(key, kinds.push(shape) - 1);
      this.kind[node] = known.get(key)!;
      this.free.fill(WHOLE, node * this.stride, node * this.stride + accelerators);
      wholeMilli += WHOLE * accelerators;
    }
    this.kinds = kinds;
    this.wholeMilli = wholeMilli;
    this.rank = Int32Array.from(shapes, (_, node) => rank?.[node] ?? node);
    this.byRank = new Int32Array(this.count);
    for (let node = 0; node < this.count; node += 1) this.byRank[this.rank[node]!] = node;
  }

  accelerators(node: number): number {
    return this.kinds[this.kind[node]!]!.accelerators;
  }

  /** Free thousandths of all accelerators of a node. */
  freeMilli(node: number): number {
    let sum = 0;
    const from = node * this.stride;
    for (let at = from; at < from + this.stride; at += 1) sum += this.free[at]!;
    return sum;
  }
}

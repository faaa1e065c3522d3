// Nodes in the same state are worth the same: kind, free processor time, and the free parts of
// the accelerators in ascending order. Each distinct state has a number, so that what is computed
// about it is computed once. Memory is left out: it decides whether a request fits, never how well.
import type { NodeTable } from "./nodes.ts";

/** Multipliers of the hash: FNV-1a's prime, and one to spread the low bits. */
const PRIME = 16_777_619;
const SPREAD = 0x9e3779b1;
const FIRST_ROWS = 256;

/** Rows of `stride` free parts each, found again by their content. */
export class StateTable {
  readonly stride: number;
  /** Numbers that were ever given, the spare ones too. */
  count = 0;
  kind: Uint16Array;
  milliCpu: Int32Array;
  /** Ascending; accelerators that a kind does not have stand first, as 0. */
  free: Int16Array;
  /** How often the number was given to a state; who keeps something by number compares it. */
  born: Int32Array;
  #slots: Int32Array;
  /** Numbers that were given back. */
  readonly #spare: number[] = [];

  constructor(nodes: NodeTable) {
    this.stride = nodes.stride;
    this.kind = new Uint16Array(FIRST_ROWS);
    this.milliCpu = new Int32Array(FIRST_ROWS);
    this.free = new Int16Array(FIRST_ROWS * this.stride);
    this.born = new Int32Array(FIRST_ROWS);
    this.#slots = new Int32Array(4 * FIRST_ROWS).fill(-1);
  }

  /** The number of a state. `row` holds its free parts, ascending, `stride` of them. */
  find(kind: number, milliCpu: number, row: Int16Array): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(kind, milliCpu, row, 0) & mask;
    for (; this.#slots[slot] !== -1; slot = (slot + 1) & mask) {
      const state = this.#slots[slot]!;
      if (this.#same(state, kind, milliCpu, row)) return state;
    }
    if (this.#spare.length === 0 && this.count === this.kind.length) {
      this.#grow();
      return this.find(kind, milliCpu, row);
    }
    const state = this.#spare.pop() ?? this.count++;
    this.born[state]! += 1;
    this.#slots[slot] = state;
    this.kind[state] = kind;
    this.milliCpu[state] = milliCpu;
    this.free.set(row, state * this.stride);
    return state;
  }

  /** Gives the number of a state back: it may be given to another one. */
  forget(state: number): void {
    const mask = this.#slots.length - 1;
    let hole = this.#hashOf(state) & mask;
    while (this.#slots[hole] !== state) hole = (hole + 1) & mask;
    this.#spare.push(state);
    // Whoever stands behind and would be looked for from the hole or before it moves up.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const other = this.#slots[slot]!;
      if (other < 0) break;
      const home = this.#hashOf(other) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = other;
      hole = slot;
    }
    this.#slots[hole] = -1;
  }

  #hashOf(state: number): number {
    return this.#hash(this.kind[state]!, this.milliCpu[state]!, this.free, state * this.stride);
  }

  #hash(kind: number, milliCpu: number, row: Int16Array, from: number): number {
    let hash = Math.imul(kind + 1, SPREAD) ^ milliCpu;
    for (let at = from; at < from + this.stride; at += 1) {
      hash = Math.imul(hash ^ row[at]!, PRIME);
    }
    return Math.imul(hash ^ (hash >>> 15), SPREAD) >>> 7;
  }

  #same(state: number, kind: number, milliCpu: number, row: Int16Array): boolean {
    if (this.kind[state] !== kind || this.milliCpu[state] !== milliCpu) return false;
    const from = state * this.stride;
    for (let at = 0; at < this.stride; at += 1) {
      if (this.free[from + at] !== row[at]) return false;
    }
    return true;
  }

  #grow(): void {
    const rows = 2 * this.kind.length;
    const { kind, milliCpu, free } = this;
    this.kind = new Uint16Array(rows);
    this.kind.set(kind);
    this.milliCpu = new Int32Array(rows);
    this.milliCpu.set(milliCpu);
    this.free = new Int16Array(rows * this.stride);
    this.free.set(free);
    const { born } = this;
    this.born = new Int32Array(rows);
    this.born.set(born);
    const slots = new Int32Array(4 * rows).fill(-1);
    for (let state = 0; state < this.count; state += 1) {
      let slot = this.#hashOf(state) & (slots.length - 1);
      while (slots[slot] !== -1) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = state;
    }
    this.#slots = slots;
  }
}

/** Copies free parts in ascending order into `row`. Insertion sort: they are nearly sorted. */
export function sortInto(row: Int16Array, free: Int16Array, from: number): void {
  for (let at = 0; at < row.length; at += 1) {
    const milli = free[from + at]!;
    let to = at;
    for (; to > 0 && row[to - 1]! > milli; to -= 1) row[to] = row[to - 1]!;
    row[to] = milli;
  }
}

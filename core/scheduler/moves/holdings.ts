// Who runs where, on the same flat tables that the placer uses: what a search for moves reads and
// changes. It keeps the books and undoes what was tried; what to move is the search's business.
import { assert } from "../../pool/index.ts";
import type { NodeTable } from "../placement/nodes.ts";
import type { Place } from "../placement/placer.ts";
import type { KnownRequest } from "../placement/requests.ts";

/** Something that runs. */
export interface Holding {
  readonly request: KnownRequest;
  /** False for what must stay where it is. */
  readonly movable: boolean;
  place: Place;
}

/** A holding goes from one place to another, which is free when its turn comes. */
export interface Move {
  readonly holding: Holding;
  readonly from: Place;
  readonly to: Place;
}

/** Told of every node whose free parts change. */
export type Changed = (node: number) => void;

export class Holdings {
  readonly nodes: NodeTable;
  /** By node. */
  readonly #at: Holding[][];
  readonly #changed: Changed;
  readonly #moves: Move[] = [];

  constructor(nodes: NodeTable, changed: Changed = () => {}) {
    this.nodes = nodes;
    this.#changed = changed;
    this.#at = Array.from({ length: nodes.count }, () => []);
  }

  /** Notes what already has its place: the tables hold it as taken. */
  add(request: KnownRequest, place: Place, movable = true): Holding {
    const holding: Holding = { request, movable, place };
    this.#at[place.node]!.push(holding);
    return holding;
  }

  /** Forgets what has ended; its place is given back by whoever took it. */
  remove(holding: Holding): void {
    const there = this.#at[holding.place.node]!;
    const index = there.indexOf(holding);
    assert(index >= 0, "what is removed was held");
    there.splice(index, 1);
  }

  on(node: number): readonly Holding[] {
    return this.#at[node]!;
  }

  /** Moves that were made and not undone or taken yet. */
  get tried(): number {
    return this.#moves.length;
  }

  /** Moves a holding; beside what it gives back itself, `to` must be free now. */
  move(holding: Holding, to: Place): void {
    const from = holding.place;
    assert(holding.movable, "only what may move is moved");
    this.#book(holding.request, from, 1);
    this.#book(holding.request, to, -1);
    assert(this.isSound(to), "no part is given twice");
    this.#put(holding, to);
    this.#moves.push({ holding, from, to });
  }

  /** Two holdings change places: both leave before either arrives. */
  exchange(a: Holding, b: Holding): void {
    const [from, to] = [a.place, b.place];
    assert(a.movable && b.movable, "only what may move is moved");
    this.#book(a.request, from, 1);
    this.#book(b.request, to, 1);
    this.#book(a.request, to, -1);
    this.#book(b.request, from, -1);
    assert(this.isSound(to), "no part is given twice");
    this.#put(a, to);
    this.#put(b, from);
    this.#moves.push({ holding: a, from, to }, { holding: b, from: to, to: from });
  }

  /**
   * Takes a place that is not all free yet: what is missing is below nothing until others have
   * moved away, so nothing of it is given to anybody meanwhile.
   */
  reserve(request: KnownRequest, place: Place): void {
    this.#book(request, place, -1);
  }

  /** Takes a reservation back. */
  release(request: KnownRequest, place: Place): void {
    this.#book(request, place, 1);
  }

  /** Undoes the latest moves until only so many are left. */
  undo(left: number): void {
    while (this.#moves.length > left) {
      const { holding, from, to } = this.#moves.pop()!;
      this.#book(holding.request, to, 1);
      this.#book(holding.request, from, -1);
      this.#put(holding, from);
    }
  }

  /** The moves made since the last call, in order: they are final. */
  take(): readonly Move[] {
    const moves = this.#moves.splice(0);
    for (const { from, to } of moves) {
      this.#changed(from.node);
      if (to.node !== from.node) this.#changed(to.node);
    }
    return moves;
  }

  #put(holding: Holding, place: Place): void {
    this.remove(holding);
    holding.place = place;
    this.#at[place.node]!.push(holding);
  }

  #book(request: KnownRequest, { node, accelerators }: Place, sign: 1 | -1): void {
    const { nodes } = this;
    for (const at of accelerators) nodes.free[node * nodes.stride + at]! += sign * request.milli;
    nodes.freeMilliCpu[node]! += sign * request.milliCpu;
    nodes.freeMemoryMiB[node]! += sign * request.memoryMiB;
  }

  /** Whether nothing of a place is given twice. */
  isSound({ node, accelerators }: Place): boolean {
    const { free, stride, freeMilliCpu, freeMemoryMiB } = this.nodes;
    if (freeMilliCpu[node]! < 0 || freeMemoryMiB[node]! < 0) return false;
    return accelerators.every((at) => free[node * stride + at]! >= 0);
  }
}

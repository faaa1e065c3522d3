// What a node is still worth: how much of its accelerators gets used in the end, if requests drawn
// from the mix are tried on it one after another, each put into the tightest accelerator that has
// room, until nothing more comes. The mean over a few such streams sees at once that parts will
// stay unused, that processor time runs out before the accelerators, and how rare what would fit
// still is. All nodes see the same streams, so differences between nodes are not noise.
// The idea is ours: FGD looks one request ahead, this looks to the end.
import { type Chance, chanceOf } from "../../pool/index.ts";
import { CPU_STEP_MILLI } from "./groups.ts";
import type { Mix } from "./mix.ts";
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { KnownRequest } from "./requests.ts";
import { StateTable } from "./states.ts";

/** Streams that are averaged over. With 8 the choices are nearly as good, with 32 no better. */
const STREAMS = 16;
/** Requests of a stream: several times what an empty node of 8 accelerators takes. */
const STREAM_REQUESTS = 60;
const SEED = 7;
/** Fields of a request in a stream, as it lies in the flat array. */
const FIELDS = 4;

/** Value of node states under a mix, each computed once. Thousandths of accelerators. */
export class Saturation {
  readonly #nodes: NodeTable;
  readonly #mix: Mix;
  readonly #states: StateTable;
  readonly #chance: Chance = chanceOf(SEED);
  #values = new Float64Array(0);
  /** Streams one after another; milliCpu, milli, accelerators and request number of each. */
  #streams = new Int32Array(0);
  /** By kind and request number: whether the kind's model is allowed. */
  #allowed: readonly Uint8Array[] = [];
  /** Least that any request with an accelerator asks for: below, nothing more is used. */
  #leastMilli = 0;
  #leastMilliCpu = 0;
  readonly #row: Int16Array;

  constructor(nodes: NodeTable, mix: Mix) {
    this.#nodes = nodes;
    this.#mix = mix;
    this.#states = new StateTable(nodes);
    this.#row = new Int16Array(nodes.stride);
  }

  /** Draws the streams anew from the mix as it is now; all values before are void. */
  renew(): void {
    const rows = this.#mix.rows();
    const ends: number[] = [];
    let sum = 0;
    for (const [, count] of rows) {
      sum += count;
      ends.push(sum);
    }
    const draw = (): KnownRequest => {
      const at = this.#chance.next() * sum;
      let [low, high] = [0, ends.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ends[middle]! > at) high = middle;
        else low = middle + 1;
      }
      return rows[low]![0];
    };
    this.#streams = new Int32Array(STREAMS * STREAM_REQUESTS * FIELDS);
    for (let at = 0; at < this.#streams.length; at += FIELDS) {
      const { milliCpu, milli, accelerators, id } = draw();
      this.#streams.set([milliCpu, milli, accelerators, id], at);
    }
    const using = rows.map(([request]) => request).filter(({ accelerators }) => accelerators > 0);
    this.#leastMilli = Math.min(...using.map(({ milli }) => milli));
    this.#leastMilliCpu = Math.min(...using.map(({ milliCpu }) => milliCpu));
    this.#allowed = this.#nodes.kinds.map((_, kind) => {
      const allowed = new Uint8Array(1 + Math.max(0, ...rows.map(([{ id }]) => id)));
      for (const [{ id, models01 }] of rows) allowed[id] = models01[kind]!;
      return allowed;
    });
    this.#values.fill(Number.NaN);
  }

  /** Value of a node of a kind with so much free; `row` is sorted. 0 before the first mix. */
  value(kind: number, milliCpu: number, row: Int16Array): number {
    if (this.#streams.length === 0 || row[row.length - 1]! < this.#leastMilli) return 0;
    const cores = milliCpu - (milliCpu % CPU_STEP_MILLI);
    const state = this.#states.find(kind, cores, row);
    if (state >= this.#values.length) {
      const values = new Float64Array(2 * state + 1_024).fill(Number.NaN);
      values.set(this.#values);
      this.#values = values;
    }
    const known = this.#values[state]!;
    if (!Number.isNaN(known)) return known;
    const value = this.#compute(kind, cores, row);
    this.#values[state] = value;
    return value;
  }

  #compute(kind: number, milliCpu: number, row: Int16Array): number {
    let used = 0;
    for (let stream = 0; stream < STREAMS; stream += 1) {
      used += this.#fill(stream * STREAM_REQUESTS * FIELDS, kind, milliCpu, row);
    }
    return used / STREAMS;
  }

  /** Thousandths that one stream uses. The parts stay sorted, so the tightest is the first. */
  #fill(from: number, kind: number, freeMilliCpu: number, free: Int16Array): number {
    const row = this.#row;
    row.set(free);
    const streams = this.#streams;
    const allowed = this.#allowed[kind]!;
    const { length } = row;
    const end = from + STREAM_REQUESTS * FIELDS;
    let milliCpu = freeMilliCpu;
    let used = 0;
    for (let at = from; at < end; at += FIELDS) {
      const needed = streams[at]!;
      if (needed > milliCpu) continue;
      const accelerators = streams[at + 2]!;
      if (accelerators > 0) {
        const milli = streams[at + 1]!;
        if (row[length - accelerators]! < milli || allowed[streams[at + 3]!] === 0) continue;
        if (milli === WHOLE) takeWhole(row, accelerators);
        else takePart(row, milli);
        used += milli * accelerators;
        if (row[length - 1]! < this.#leastMilli) break;
      }
      milliCpu -= needed;
      if (milliCpu < this.#leastMilliCpu) break;
    }
    return used;
  }
}

/** Takes the last accelerators of a sorted row. */
function takeWhole(row: Int16Array, accelerators: number): void {
  for (let at = row.length - 1; at >= accelerators; at -= 1) row[at] = row[at - accelerators]!;
  for (let at = 0; at < accelerators; at += 1) row[at] = 0;
}

/** Takes a part from the tightest place of a sorted row; the last has room. */
function takePart(row: Int16Array, milli: number): void {
  let place = 0;
  while (row[place]! < milli) place += 1;
  const left = row[place]! - milli;
  for (; place > 0 && row[place - 1]! > left; place -= 1) row[place] = row[place - 1]!;
  row[place] = left;
}

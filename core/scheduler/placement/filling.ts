// What a node is still worth, in closed form: how much of its free accelerator parts gets used if
// requests drawn from the mix come until one of them ends the series. Each part is looked at alone,
// with its share of the node's free processor time, so the worth of a node is a sum over a table
// that is computed once for each mix. saturation.ts plays whole nodes through and is more exact;
// this is a hundred times as fast, and what the placement of single requests uses.
import type { Mix } from "./mix.ts";
import { type NodeTable, WHOLE } from "./nodes.ts";
import type { KnownRequest } from "./requests.ts";

/** Steps of the table: thousandths of an accelerator, and cores beside one part. */
const STEP_MILLI = 10;
const CORE_MILLI = 1_000;
/** Columns: a part with 24 cores beside it hardly ever runs out of them. */
const COLUMNS = 25;
const ROWS = WHOLE / STEP_MILLI + 1;
const CORES_MAX = COLUMNS - 1.001;
/** Requests tried on an accelerator before the series ends, in the mean, shared by all of a node:
 * what fits too rarely never comes. */
const TRIES = 100;
/** What a part may count on beyond its share of the processor time, on a node of very many: some
 * parts need less than theirs. Nothing on a node with a single accelerator. */
const SHARED_CORES_PART = 0.6;

/** Offset of the row of so many thousandths. */
const ROW_OF = Uint16Array.from(
  { length: WHOLE + 1 },
  (_, milli) => COLUMNS * Math.floor(milli / STEP_MILLI),
);

/** The table before the first mix: nothing is worth anything. */
const NOTHING_KNOWN = new Float64Array(ROWS * COLUMNS + 1);

/** Requests that are alike to one part. */
interface Size {
  readonly row: number;
  readonly cores: number;
  readonly milli: number;
  share: number;
}

/** Tables that are being computed: what comes to each, how often it ends, and whose they are. */
interface Next {
  readonly plans: readonly (readonly Size[])[];
  readonly ends: readonly number[];
  readonly tables: Float64Array[];
  readonly tableOfKind: readonly number[];
}

/** Worth of node states under a mix, in thousandths of accelerators. */
export class Filling {
  readonly #nodes: NodeTable;
  readonly #mix: Mix;
  /** By kind of node. */
  #tables: readonly Float64Array[];
  #next: Next | undefined;
  /** By kind of node: cores that a part may count on, over its share of them. */
  readonly #shared: Float64Array;
  /** Free part that `best` would take. */
  part = 0;

  constructor(nodes: NodeTable, mix: Mix) {
    this.#nodes = nodes;
    this.#mix = mix;
    this.#tables = nodes.kinds.map(() => NOTHING_KNOWN);
    this.#shared = Float64Array.from(
      nodes.kinds,
      ({ accelerators }) => 1 + SHARED_CORES_PART * (1 - 1 / Math.max(1, accelerators)),
    );
  }

  /** Begins to compute the tables anew from the mix as it is now; until `advance` is through with
   * them, the old ones hold. */
  renew(): void {
    const rows = this.#mix.rows();
    const known = new Map<string, number>();
    const plans: Size[][] = [];
    const ends: number[] = [];
    const tableOfKind = this.#nodes.kinds.map(({ accelerators }, kind) => {
      const key = `${accelerators}/${rows.map(([{ models01 }]) => models01[kind]).join("")}`;
      if (!known.has(key)) {
        known.set(key, plans.push(sizesOf(rows, kind)) - 1);
        ends.push(Math.max(1, accelerators) / TRIES);
      }
      return known.get(key)!;
    });
    this.#next = { plans, ends, tables: [], tableOfKind };
  }

  /** Computes the next table, or all; true: the new tables hold, all values before are void. */
  advance(everything: boolean): boolean {
    const next = this.#next;
    if (next === undefined) return true;
    do {
      const at = next.tables.length;
      next.tables.push(tableOf(next.plans[at]!, next.ends[at]!));
    } while (everything && next.tables.length < next.plans.length);
    if (next.tables.length < next.plans.length) return false;
    this.#tables = next.tableOfKind.map((table) => next.tables[table]!);
    this.#next = undefined;
    return true;
  }

  /** Worth of a node of a kind whose free parts are `free[from]` to before `free[to]`. */
  value(kind: number, milliCpu: number, free: Int16Array, from: number, to: number): number {
    let sum = 0;
    for (let at = from; at < to; at += 1) sum += free[at]!;
    if (sum === 0) return 0;
    return total(this.#tables[kind]!, this.#coresPerMilli(kind, milliCpu, sum), free, from, to);
  }

  /** Highest worth after a part is given `milli`, which one of them can; `part` is set to the free
   * thousandths of the one. `milliCpu` is what is left of the processor time. */
  best(
    kind: number,
    milliCpu: number,
    milli: number,
    free: Int16Array,
    from: number,
    to: number,
  ): number {
    let sum = -milli;
    for (let at = from; at < to; at += 1) sum += free[at]!;
    const table = this.#tables[kind]!;
    const cores = sum === 0 ? 0 : this.#coresPerMilli(kind, milliCpu, sum);
    const before = total(table, cores, free, from, to);
    let highest = -Infinity;
    let last = -1;
    for (let at = from; at < to; at += 1) {
      const part = free[at]!;
      if (part < milli || part === last) continue;
      last = part;
      const change = worth(table, part - milli, cores) - worth(table, part, cores);
      if (before + change <= highest) continue;
      highest = before + change;
      this.part = part;
    }
    return highest;
  }

  #coresPerMilli(kind: number, milliCpu: number, freeMilli: number): number {
    return (this.#shared[kind]! * milliCpu) / (CORE_MILLI * freeMilli);
  }
}

/** Worth of one part with so many cores beside each thousandth. */
function worth(table: Float64Array, part: number, cores: number): number {
  let beside = cores * part;
  if (beside > CORES_MAX) beside = CORES_MAX;
  const whole = beside | 0;
  const at = ROW_OF[part]! + whole;
  const low = table[at]!;
  return low + (beside - whole) * (table[at + 1]! - low);
}

function total(
  table: Float64Array,
  cores: number,
  free: Int16Array,
  from: number,
  to: number,
): number {
  let sum = 0;
  let last = 0;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const part = free[at]!;
    if (part === 0) continue;
    if (part !== last) value = worth(table, part, cores);
    last = part;
    sum += value;
  }
  return sum;
}

/** What may come to a part of a node of a kind, and how often, as a share of all that comes. A
 * request for several accelerators comes to each of them. */
function sizesOf(
  rows: readonly (readonly [request: KnownRequest, count: number])[],
  kind: number,
): Size[] {
  const sizes = new Map<number, Size>();
  let all = 0;
  for (const [, count] of rows) all += count;
  for (const [{ accelerators, milli, milliCpu, models01 }, count] of rows) {
    if (models01[kind] === 0) continue;
    const each = Math.max(1, accelerators);
    const row = accelerators === 0 ? 0 : Math.ceil(milli / STEP_MILLI);
    const cores = Math.round(milliCpu / each / CORE_MILLI);
    if ((row === 0 && cores === 0) || cores >= COLUMNS) continue;
    const key = row * COLUMNS + cores;
    const share = (each * count) / all;
    const known = sizes.get(key);
    if (known === undefined) sizes.set(key, { row, cores, milli: row === 0 ? 0 : milli, share });
    else known.share += share;
  }
  return [...sizes.values()];
}

/** Expected use of a part, by its free thousandths and the cores beside it: of the requests that
 * fit, one comes next, unless the series ends first (`end`: its weight beside their shares). */
function tableOf(sizes: readonly Size[], end: number): Float64Array {
  const table = new Float64Array(ROWS * COLUMNS + 1);
  const withoutPart = sizes.filter(({ row }) => row === 0);
  const withPart = sizes.filter(({ row }) => row > 0).sort((a, b) => a.row - b.row);
  const fitting = new Float64Array(COLUMNS).fill(end);
  for (const { cores, share } of withoutPart) addFrom(fitting, cores, share);
  const used = new Float64Array(COLUMNS);
  let known = 0;
  for (let row = 0; row < ROWS; row += 1) {
    for (; known < withPart.length && withPart[known]!.row <= row; known += 1) {
      addFrom(fitting, withPart[known]!.cores, withPart[known]!.share);
    }
    used.fill(0);
    for (let size = 0; size < known; size += 1) use(table, used, withPart[size]!, row);
    for (let column = 0; column < COLUMNS; column += 1) {
      let sum = used[column]!;
      for (const { cores, share } of withoutPart) {
        if (cores <= column) sum += share * table[row * COLUMNS + column - cores]!;
      }
      table[row * COLUMNS + column] = sum / fitting[column]!;
    }
  }
  return table;
}

/** Adds a share to all columns that have so many cores. */
function addFrom(columns: Float64Array, cores: number, share: number): void {
  for (let column = cores; column < COLUMNS; column += 1) columns[column]! += share;
}

/** Adds what a request uses if it comes next to a part of this row, and what comes after it. */
function use(table: Float64Array, used: Float64Array, size: Size, row: number): void {
  const { cores, share, milli } = size;
  const after = (row - size.row) * COLUMNS - cores;
  for (let column = cores; column < COLUMNS; column += 1) {
    used[column]! += share * (milli + table[after + column]!);
  }
}

// The fairest division of several kinds of accelerator: the shares of time X[job, kind] for which
// the job that comes off worst gets as much as possible. This is the linear program of LAS-Gavel
// (OSDI'20). It has a row for every job, so it is not solved as a whole: for a given level each job
// finds its cheapest shares at given prices of the kinds, and a tiny program with one row per kind
// mixes such answers and sets the prices (Dantzig-Wolfe). What is done with X is left to gavel.ts.

export interface MaxMinInput {
  /** Accelerators of each kind. */
  readonly count: readonly number[];
  /** Width of each job. */
  readonly gpus: readonly number[];
  /** `rate[job * kinds + kind]`: speed over the job's mean speed. 0: it cannot run there. */
  readonly rate: Float64Array;
}

export interface MaxMin {
  /** What the job that comes off worst gets: the smallest width x mean rate. */
  readonly level: number;
  /** `share[job * kinds + kind]`: the part of the time on a kind. */
  readonly share: Float64Array;
}

/** Levels that are closer than this, relatively, count as equal. */
const LEVEL_TOLERANCE = 1e-3;
const LEVEL_STEPS_MAX = 40;
/** A price is right when no job's answer could lower the load by more than this, relatively. */
const LOAD_TOLERANCE = 1e-4;
const COLUMNS_MAX = 60;

/** Maximises the level. Every job must have a positive rate on some kind. */
export function maxMinShares(input: MaxMinInput): MaxMin {
  const { gpus, count, rate } = input;
  const kinds = count.length;
  if (gpus.length === 0) return { level: 0, share: new Float64Array(0) };
  let high = Infinity;
  gpus.forEach((width, job) => {
    const best = Math.max(...rate.subarray(job * kinds, (job + 1) * kinds));
    high = Math.min(high, width * best);
  });
  let best = leastLoad(input, high);
  if (best.load <= 1) return { level: high, share: best.share };
  // The load is convex in the level and 0 at 0, so a level divided by its load is always feasible.
  let low = (high * (1 - LOAD_TOLERANCE)) / best.load;
  best = leastLoad(input, low);
  for (let step = 0; step < LEVEL_STEPS_MAX && high - low > LEVEL_TOLERANCE * low; step += 1) {
    const level = (low + high) / 2;
    const answer = leastLoad(input, level);
    if (answer.load <= 1) [low, best] = [level, answer];
    else high = level;
  }
  return { level: low, share: best.share };
}

interface Column {
  readonly share: Float64Array;
  /** Accelerators used of each kind, over those that there are. */
  readonly load: readonly number[];
}

/** The shares that reach a level with the least load on the busiest kind. */
function leastLoad(input: MaxMinInput, level: number): { load: number; share: Float64Array } {
  const kinds = input.count.length;
  const columns: Column[] = [
    cheapest(
      input,
      level,
      input.count.map(() => 1 / kinds),
    ),
  ];
  for (;;) {
    const { value, mix, prices } = mixColumns(columns.map(({ load }) => load));
    const next = cheapest(input, level, prices);
    const bound = next.load.reduce((sum, load, kind) => sum + load * prices[kind]!, 0);
    if (bound >= value * (1 - LOAD_TOLERANCE) || columns.length === COLUMNS_MAX) {
      const share = new Float64Array(input.rate.length);
      columns.forEach((column, at) => {
        const part = mix[at]!;
        if (part > 0)
          for (let i = 0; i < share.length; i += 1) share[i]! += part * column.share[i]!;
      });
      return { load: value, share };
    }
    columns.push(next);
  }
}

/** Each job's cheapest shares that reach the level, at prices per part of a kind. */
function cheapest({ count, gpus, rate }: MaxMinInput, level: number, prices: readonly number[]) {
  const kinds = count.length;
  const share = new Float64Array(rate.length);
  const load = count.map(() => 0);
  const price = prices.map((each, kind) => each / count[kind]!);
  gpus.forEach((width, job) => {
    const base = job * kinds;
    const need = level / width;
    let [cost, from, to, part] = [Infinity, -1, 0, 1];
    for (let b = 0; b < kinds; b += 1) {
      const high = rate[base + b]!;
      if (high < need * (1 - 1e-12)) continue;
      // With a slower kind, or with idling (-1), in between: both reach the need on average.
      for (let a = -1; a < kinds; a += 1) {
        const [low, lowPrice] = a < 0 ? [0, 0] : [rate[base + a]!, price[a]!];
        if (low >= need && low > 0) continue;
        const onHigh = Math.min(1, (need - low) / (high - low));
        const sum = onHigh * price[b]! + (1 - onHigh) * lowPrice;
        if (sum < cost) [cost, from, to, part] = [sum, a, b, onHigh];
      }
    }
    share[base + to] = part;
    load[to]! += (width * part) / count[to]!;
    if (from < 0) return;
    share[base + from] = 1 - part;
    load[from]! += (width * (1 - part)) / count[from]!;
  });
  return { share, load };
}

/**
 * The mix of columns whose largest load is least, by the simplex method: with v the value and
 * y = mix / v, maximise the sum of y such that no kind's load exceeds 1. Prices are its duals.
 */
function mixColumns(loads: readonly (readonly number[])[]) {
  const [rows, columns] = [loads[0]!.length, loads.length];
  const width = columns + rows + 1;
  const table = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, at) => {
      if (at < columns) return loads[at]![row]!;
      return at === columns + row || at === width - 1 ? 1 : 0;
    }),
  );
  const goal = Array.from({ length: width }, (_, at) => (at < columns ? -1 : 0));
  const basis = Array.from({ length: rows }, (_, row) => columns + row);
  for (;;) {
    // The lowest number that gains enters (Bland's rule), so the method always ends.
    const enter = goal.findIndex((gain, at) => at < width - 1 && gain < -1e-12);
    if (enter < 0) break;
    let leave = -1;
    for (let row = 0; row < rows; row += 1) {
      if (table[row]![enter]! <= 1e-12) continue;
      const ratio = table[row]![width - 1]! / table[row]![enter]!;
      const least = leave < 0 ? Infinity : table[leave]![width - 1]! / table[leave]![enter]!;
      if (ratio < least) leave = row;
    }
    if (leave < 0) throw new Error("Invariant broken: every column loads some kind");
    pivot(table, goal, leave, enter);
    basis[leave] = enter;
  }
  const value = 1 / goal[width - 1]!;
  const mix = new Array<number>(columns).fill(0);
  basis.forEach((column, row) => {
    if (column < columns) mix[column] = table[row]![width - 1]! * value;
  });
  return { value, mix, prices: loads[0]!.map((_, row) => goal[columns + row]! * value) };
}

function pivot(table: number[][], goal: number[], leave: number, enter: number): void {
  const row = table[leave]!;
  const head = row[enter]!;
  for (let at = 0; at < row.length; at += 1) row[at]! /= head;
  for (const other of [...table, goal]) {
    const factor = other[enter]!;
    if (other === row || factor === 0) continue;
    for (let at = 0; at < row.length; at += 1) other[at]! -= factor * row[at]!;
  }
}

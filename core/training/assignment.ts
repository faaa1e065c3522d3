/**
 * Who trains on which windows. A pass is one walk over the permuted windows of the corpus;
 * ranges of positions are handed out, and lost ones come back and go out first. So each window
 * counts once per pass, whatever the churn. Plain data, changed only through these functions.
 */
import { assert } from "../pool/index.ts";
import { permute } from "./permutation.ts";

/** Positions from (included) to (excluded) of one pass. */
export interface WindowRange {
  readonly pass: number;
  readonly from: number;
  readonly to: number;
}

/** What is still to be handed out. */
export interface WindowPool {
  /** Windows of the corpus. */
  readonly windows: number;
  /** Seed of the permutation, the same for all sites of a run. */
  readonly seed: number;
  /** The pass and position from which fresh windows come. */
  readonly pass: number;
  readonly next: number;
  /** Lost ranges, in order and never touching each other. */
  readonly returned: readonly WindowRange[];
}

/** A pool at the start of pass 0. */
export function newPool(windows: number, seed: number): WindowPool {
  assert(Number.isInteger(windows) && windows > 0, "a corpus has windows");
  return { windows, seed, pass: 0, next: 0, returned: [] };
}

/** Windows in these ranges. */
export const windowCount = (ranges: readonly WindowRange[]): number =>
  ranges.reduce((sum, range) => sum + range.to - range.from, 0);

/** Takes so many windows: returned ones first, oldest pass first, then fresh ones. */
export function takeWindows(
  pool: WindowPool,
  count: number,
): { readonly ranges: readonly WindowRange[]; readonly pool: WindowPool } {
  const [first, rest] = splitRanges(pool.returned, count);
  const ranges = [...first];
  let { pass, next } = pool;
  for (let left = count - windowCount(first); left > 0; ) {
    const size = Math.min(left, pool.windows - next);
    if (size > 0) ranges.push({ pass, from: next, to: next + size });
    left -= size;
    next += size;
    if (next === pool.windows) {
      pass += 1;
      next = 0;
    }
  }
  return { ranges: merged(ranges), pool: { ...pool, pass, next, returned: rest } };
}

/** Puts lost ranges back. They must have been taken and not been trained on. */
export const returnWindows = (pool: WindowPool, ranges: readonly WindowRange[]): WindowPool => ({
  ...pool,
  returned: merged([...pool.returned, ...ranges]),
});

/** The first `count` windows of the ranges, and the others. */
export function splitRanges(
  ranges: readonly WindowRange[],
  count: number,
): readonly [readonly WindowRange[], readonly WindowRange[]] {
  const first: WindowRange[] = [];
  const rest: WindowRange[] = [];
  let left = count;
  for (const range of ranges) {
    const size = Math.min(left, range.to - range.from);
    if (size > 0) first.push({ ...range, to: range.from + size });
    if (range.from + size < range.to) rest.push({ ...range, from: range.from + size });
    left -= size;
  }
  return [first, rest];
}

/** In order, with touching neighbours joined. Throws when two overlap: one was given twice. */
function merged(ranges: readonly WindowRange[]): readonly WindowRange[] {
  const out: WindowRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.pass - b.pass || a.from - b.from)) {
    const last = out.at(-1);
    if (last === undefined || last.pass !== range.pass || last.to < range.from) {
      out.push(range);
      continue;
    }
    assert(last.to === range.from, "no window is handed out twice in a pass");
    out[out.length - 1] = { ...last, to: range.to };
  }
  return out;
}

/** Whether two lists name the same ranges. */
export const sameRanges = (a: readonly WindowRange[], b: readonly WindowRange[]): boolean =>
  a.length === b.length &&
  a.every((range, i) => {
    const other = b[i]!;
    return range.pass === other.pass && range.from === other.from && range.to === other.to;
  });

/** The windows of the corpus that the ranges stand for, in the order of training. */
export function* windowsOf(
  pool: Pick<WindowPool, "windows" | "seed">,
  ranges: readonly WindowRange[],
): Generator<number, void> {
  for (const { pass, from, to } of ranges) {
    for (let at = from; at < to; at += 1) yield permute(pool.seed, pass, pool.windows, at);
  }
}

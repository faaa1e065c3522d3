/**
 * Median-norm clip: no delta counts for more than the middle one of its round. It bounds size,
 * not direction; for that there is the loss gate (`gate.ts`).
 */

/** Values whose squares are summed first: of a coded block that sum is exact in fp64, since a code
 * times its scale has 18 bits, so the codes alone give the same bits. */
const NORM_BLOCK = 256;

/** Values whose sum stands alone: the norm is the same whoever summed which of them. */
export const NORM_SEGMENT = 65_536;

/** A sum of squares in fp64 and those of more values, block by block. */
export function addSquares(before: number, vector: Float32Array): number {
  let total = before;
  for (let from = 0; from < vector.length; from += NORM_BLOCK) {
    const to = Math.min(from + NORM_BLOCK, vector.length);
    let sum = 0;
    for (let i = from; i < to; i += 1) sum += vector[i]! * vector[i]!;
    total += sum;
  }
  return total;
}

/** Euclidean norm: the root of the sum of its segments' sums of squares. */
export function norm(vector: Float32Array): number {
  const squares: number[] = [];
  for (let from = 0; from < vector.length; from += NORM_SEGMENT) {
    squares.push(addSquares(0, vector.subarray(from, from + NORM_SEGMENT)));
  }
  return normOfSquares(squares);
}

/** The norm of which these are the sums of squares, segment by segment. */
export const normOfSquares = (squares: readonly number[]): number =>
  Math.sqrt(squares.reduce((sum, one) => sum + one, 0));

/** The middle value; of an even number of values the lower one. Undefined when there is none. */
export function lowerMedian(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** The smallest value that, with all below it, holds half of the weight: for equal weights the
 * lower median. Values without weight do not count unless there are no others. */
function weightedMedian(values: readonly number[], weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total <= 0) return lowerMedian(values) ?? 0;
  const order = values.map((value, i) => ({ value, weight: weights[i]! }));
  order.sort((a, b) => a.value - b.value);
  let below = 0;
  for (const { value, weight } of order) {
    below += weight;
    if (2 * below >= total) return value;
  }
  return order.at(-1)!.value;
}

/**
 * f = min(1, median / norm) for each norm (training reference, 3.6), with the lower median, so
 * that of two sites the smaller one sets the size. A delta of norm 0 keeps factor 1.
 * The median is taken by weight: a site that had time for one step sends a delta of a tenth of
 * the size, and three such sites would clip the ones that did the work to a tenth.
 */
export function clipFactors(
  norms: readonly number[],
  weights: readonly number[] = norms.map(() => 1),
): readonly number[] {
  const median = weightedMedian(norms, weights);
  return norms.map((size) => (size > median ? median / size : 1));
}

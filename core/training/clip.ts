/**
 * Median-norm clip: no delta counts for more than the middle one of its round. It bounds size,
 * not direction; for that there is the loss gate (`gate.ts`).
 */

/** Euclidean norm, summed in fp64. */
export function norm(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i += 1) sum += vector[i]! * vector[i]!;
  return Math.sqrt(sum);
}

/** The middle value; of an even number of values the lower one. Undefined when there is none. */
export function lowerMedian(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/**
 * f = min(1, median / norm) for each norm (training reference, 3.6), with the lower median, so
 * that of two sites the smaller one sets the size. A delta of norm 0 keeps factor 1.
 */
export function clipFactors(norms: readonly number[]): readonly number[] {
  const median = lowerMedian(norms) ?? 0;
  return norms.map((size) => (size > median ? median / size : 1));
}

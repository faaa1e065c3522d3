// The distribution of some run times of which a part is censored: the estimator of Kaplan and
// Meier (1958), made by handing the weight of each censored time to the longer ones (Efron 1967).
// Only ranks count, so a few absurd values move a quantile by a few ranks and no further.

/** Whole run times, ascending, with their share of all; what is left lies beyond the last. */
export interface Spread {
  readonly values: readonly number[];
  /** Share of the runs that take at most as long as each of the values. */
  readonly upTo: readonly number[];
  /** All times, censored ones included, ascending by their length. */
  readonly sizes: readonly number[];
}

/** A quantile, or on which side of all that was seen it lies. */
export type Quantile =
  | { readonly at: "value"; readonly value: number }
  | { readonly at: "below"; readonly first: number }
  | { readonly at: "above"; readonly last: number }
  | { readonly at: "unknown" };

/** `samples` as the history keeps them: below 0 is censored. */
export function spreadOf(samples: readonly number[]): Spread {
  // A censored time counts as longer than a whole one of the same length.
  const sorted = [...samples].sort((a, b) => Math.abs(a) - Math.abs(b) || b - a);
  const values: number[] = [];
  const upTo: number[] = [];
  let each = 1 / sorted.length;
  let sum = 0;
  sorted.forEach((sample, i) => {
    const after = sorted.length - 1 - i;
    if (sample < 0) {
      // Beyond the last one nothing is known: then the weight stays beyond.
      each = after === 0 ? each : each * (1 + 1 / after);
      return;
    }
    sum += each;
    values.push(sample);
    upTo.push(Math.min(1, sum));
  });
  return { values, upTo, sizes: sorted.map((sample) => Math.abs(sample)) };
}

/**
 * The quantile `p` of the runs that take longer than `longerThan`. With n of them the i-th stands
 * for i / (n + 1), so that a new run falls between two of them as often as it should (Weibull's
 * plotting position); what lies outside is not guessed at.
 */
export function quantileOf(spread: Spread, p: number, longerThan: number): Quantile {
  const { values, upTo, sizes } = spread;
  const from = firstAbove(values, longerThan);
  const runs = sizes.length - firstAbove(sizes, longerThan);
  const gone = from === 0 ? 0 : upTo[from - 1]!;
  if (from === values.length || runs === 0 || gone >= 1) {
    return runs === 0 ? { at: "unknown" } : { at: "above", last: sizes.at(-1)! };
  }
  const place = (i: number): number => ((upTo[i]! - gone) / (1 - gone)) * (runs / (runs + 1));
  if (p < place(from)) return { at: "below", first: values[from]! };
  let [low, high] = [from, values.length - 1];
  if (p > place(high)) return { at: "above", last: values[high]! };
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (place(middle) <= p) low = middle;
    else high = middle - 1;
  }
  const value = values[low]!;
  if (low === values.length - 1) return { at: "value", value };
  const [here, next] = [place(low), place(low + 1)];
  const part = next > here ? (p - here) / (next - here) : 0;
  return { at: "value", value: value + part * (values[low + 1]! - value) };
}

/** Index of the first of the ascending values that is above `bound`. */
function firstAbove(values: readonly number[], bound: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

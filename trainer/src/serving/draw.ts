/** Draws the next token from a row of logits, by temperature and nucleus. Pure: the number that
 * decides comes in. */

/**
 * One token id.
 * @param uniform a number in [0, 1)
 * @param temperature 0: always the likeliest, of equals the smaller id
 * @param topP draws among the likeliest tokens that together have this probability; 1: all
 */
export function drawToken(
  logits: Float32Array,
  uniform: number,
  temperature: number,
  topP: number,
): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) if (logits[id]! > logits[best]!) best = id;
  if (temperature <= 0) return best;
  const weights = Float64Array.from(logits, (logit) => {
    return Math.exp((logit - logits[best]!) / temperature);
  });
  const order = Int32Array.from(weights, (_, id) => id);
  if (topP < 1) order.sort((a, b) => weights[b]! - weights[a]! || a - b);
  const kept = topP < 1 ? nucleus(order, weights, topP) : order;
  let rest = uniform * kept.reduce((sum, id) => sum + weights[id]!, 0);
  for (const id of kept) {
    rest -= weights[id]!;
    if (rest < 0) return id;
  }
  return best;
}

/** The shortest beginning of the order that has `topP` of all weight, at least one token. */
function nucleus(order: Int32Array, weights: Float64Array, topP: number): Int32Array {
  const enough = topP * weights.reduce((sum, weight) => sum + weight, 0);
  let [sum, count] = [0, 0];
  while (count < order.length && (count === 0 || sum < enough)) {
    sum += weights[order[count]!]!;
    count += 1;
  }
  return order.subarray(0, count);
}

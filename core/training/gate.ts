/**
 * The loss gate: a contribution counts only if the model after it is not noticeably worse on
 * held-out text. Who computes the losses, and on which text, is the shell's business; the text
 * must be neither trained on nor reported.
 */

/** Nats by which one contribution may worsen the loss (training reference, 3.6, measured). */
export const GATE_THRESHOLD_NATS = 0.02;

/**
 * How far each contribution is tried: its weight over the mean weight, at most 1. Equal sites are
 * tried whole, as in the reference measurements. A site with a small batch sends a noisy delta
 * that counts for little; tried whole, it would fail for its noise and not for what it does.
 * Weights of 0 (quarantine) are tried whole: such a site has to prove itself.
 */
export function gateShares(weights: readonly number[]): readonly number[] {
  const counted = weights.filter((weight) => weight > 0);
  const mean = counted.reduce((sum, weight) => sum + weight, 0) / Math.max(1, counted.length);
  return weights.map((weight) => (weight > 0 ? Math.min(1, weight / mean) : 1));
}

/** Whether a contribution passes. NaN and infinite losses fail by themselves. */
export const gatePasses = (
  lossBefore: number,
  lossAfter: number,
  thresholdNats = GATE_THRESHOLD_NATS,
): boolean => lossAfter < lossBefore + thresholdNats;

/**
 * The loss gate: a contribution counts only if the model after it is not noticeably worse on
 * held-out text. Who computes the losses, and on which text, is the shell's business; the text
 * must be neither trained on nor reported.
 */

/** Nats by which one contribution may worsen the loss (training reference, 3.6, measured). */
export const GATE_THRESHOLD_NATS = 0.02;

/** No contribution is tried further than this: a site alone is a noisy iterate, too. */
const GATE_STEP_MAX = 0.5;

/**
 * How far each contribution is tried: as far as it would move the model in a plain average, at
 * most half. The threshold shrinks with the step, so a wrong direction is refused as before; but
 * the noise of one site's end point, which the merge averages away and which grows with the square
 * of the step, no longer counts against it. Tried whole, honest sites with a high learning rate or
 * a small batch were refused whenever the average was better than any of them.
 * A contribution of weight 0 (quarantine) is tried as one of equals.
 */
export function gateSteps(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) =>
    Math.min(GATE_STEP_MAX, weight > 0 ? weight / total : 1 / weights.length),
  );
}

/** Whether a contribution passes. NaN and infinite losses fail by themselves. */
export const gatePasses = (
  lossBefore: number,
  lossAfter: number,
  thresholdNats = GATE_THRESHOLD_NATS,
): boolean => lossAfter < lossBefore + thresholdNats;

/**
 * The loss gate: a contribution counts only if the model after it is not noticeably worse on
 * held-out text. Who computes the losses, and on which text, is the shell's business; the text
 * must be neither trained on nor reported.
 */

/** Nats by which one contribution may worsen the loss (training reference, 3.6, measured). */
export const GATE_THRESHOLD_NATS = 0.02;

/** Whether a contribution passes. NaN and infinite losses fail by themselves. */
export const gatePasses = (
  lossBefore: number,
  lossAfter: number,
  thresholdNats = GATE_THRESHOLD_NATS,
): boolean => lossAfter < lossBefore + thresholdNats;

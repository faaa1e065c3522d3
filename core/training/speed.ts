/**
 * How fast a site is: a time model t(b) = a + c b of one inner step (a: fixed cost, c: cost of a
 * batch row), fitted to what the site reports, and the time of one exchange. What follows for
 * the size of a stretch is in `sizing.ts`. Plain data, so it can lie in the run's state.
 */
import type { Link } from "../pool/index.ts";
import { assert } from "../pool/index.ts";

/** Exponentially weighted fit of t(b). Times in ms, batches in rows. */
export interface SpeedModel {
  /** Observations so far. */
  readonly count: number;
  readonly meanBatch: number;
  readonly meanMs: number;
  /** Weighted variance of the batch, and covariance of batch and time. */
  readonly variance: number;
  readonly covariance: number;
  /** a / c: the fixed cost, expressed in batch rows. Zero until two batch sizes were seen. */
  readonly overheadRows: number;
}

/** Weight of the newest observation (training reference, 3.3). */
export const OBSERVATION_WEIGHT = 0.3;

/** Batches must differ by 5 % of their mean, else noise alone would decide the slope. */
const SPREAD_MIN = 0.05;

/** A step whose fixed cost equals more rows than this is timed wrongly. */
const OVERHEAD_ROWS_MAX = 1_024;

/** The model of a site that says how many tokens it does in a second, before any observation. */
export function speedFromHint(tokensPerSecond: number, context: number): SpeedModel {
  assert(tokensPerSecond > 0 && context > 0, "speed and context are positive");
  const meanMs = (1_000 * context) / tokensPerSecond;
  return { count: 0, meanBatch: 1, meanMs, variance: 0, covariance: 0, overheadRows: 0 };
}

/**
 * The model after one more stretch. Weighted means, variance and covariance are updated by
 * West's method; the slope is their quotient. While only one batch size was seen the fixed cost
 * of the last good fit is kept, and at first it is 0: time in proportion to the batch.
 */
export function observeStep(
  before: SpeedModel | undefined,
  batch: number,
  stepMs: number,
): SpeedModel {
  assert(batch > 0 && stepMs > 0, "batch and step time are positive");
  if (before === undefined || before.count === 0) {
    const overheadRows = before?.overheadRows ?? 0;
    return { count: 1, meanBatch: batch, meanMs: stepMs, variance: 0, covariance: 0, overheadRows };
  }
  const weight = OBSERVATION_WEIGHT;
  const offBatch = batch - before.meanBatch;
  const offMs = stepMs - before.meanMs;
  const meanBatch = before.meanBatch + weight * offBatch;
  const meanMs = before.meanMs + weight * offMs;
  const variance = (1 - weight) * (before.variance + weight * offBatch * offBatch);
  const covariance = (1 - weight) * (before.covariance + weight * offBatch * offMs);
  const slope = covariance / variance;
  const fits = Math.sqrt(variance) > SPREAD_MIN * meanBatch && slope > 0;
  const overheadRows = fits
    ? Math.min(OVERHEAD_ROWS_MAX, Math.max(0, meanMs / slope - meanBatch))
    : before.overheadRows;
  return { count: before.count + 1, meanBatch, meanMs, variance, covariance, overheadRows };
}

/** Expected time of one inner step in ms. The line runs through the weighted means. */
export const stepMs = (model: SpeedModel, batch: number): number =>
  (model.meanMs * (model.overheadRows + batch)) / (model.overheadRows + model.meanBatch);

/** Tokens per second at a batch. */
export const tokensPerSecond = (model: SpeedModel, batch: number, context: number): number =>
  (1_000 * batch * context) / stepMs(model, batch);

/** Round trips of one exchange: announce and put, then get (training reference, 3.11). */
const ROUND_TRIPS = 2;

/** Time of one exchange from the link alone, in ms. */
export const linkMs = (link: Link, bytesUp: number, bytesDown: number): number =>
  (8 * bytesUp) / (1_000 * link.upMbitPerS) +
  (8 * bytesDown) / (1_000 * link.downMbitPerS) +
  ROUND_TRIPS * link.rttMs;

/**
 * tau of a site in ms: what the link promises until the first exchange was measured, then the
 * weighted mean of the measured ones, which know the owner's caps and the neighbours' traffic.
 */
export const observeTransfer = (before: number | undefined, measuredMs: number): number =>
  before === undefined ? measuredMs : before + OBSERVATION_WEIGHT * (measuredMs - before);

/**
 * How fast a site is: a time model t(b) = a + c b of one inner step (a: fixed cost, c: cost of a
 * batch row), fitted to what the site reports, and the time of one exchange. What follows for
 * the size of a stretch is in `sizing.ts`. Plain data, so it can lie in the run's state.
 */
import type { Link } from "../pool/index.ts";
import { assert } from "../pool/index.ts";

/** Exponentially weighted fit of t(b) = scaleMs (overheadRows + b). Batches in rows. */
export interface SpeedModel {
  /** Observations so far. */
  readonly count: number;
  /** c: time of one batch row, ms. */
  readonly scaleMs: number;
  /** a / c: the fixed cost, expressed in rows. Null until two batch sizes were seen. */
  readonly overheadRows: number | null;
  /** The newest observation. */
  readonly lastBatch: number;
  readonly lastMs: number;
}

/** Weight of the newest observation (training reference, 3.3). */
export const OBSERVATION_WEIGHT = 0.3;

/** Two batches tell the fixed cost only if one is a fifth larger; else noise would. */
const RATIO_MIN = 1.2;

/** A step whose fixed cost equals more rows than this is timed wrongly. */
const OVERHEAD_ROWS_MAX = 1_024;

/** The model of a site that says how many tokens it does in a second, before any observation. */
export function speedFromHint(tokensPerSecond: number, context: number): SpeedModel {
  assert(tokensPerSecond > 0 && context > 0, "speed and context are positive");
  const scaleMs = (1_000 * context) / tokensPerSecond;
  return { count: 0, scaleMs, overheadRows: null, lastBatch: 1, lastMs: scaleMs };
}

/** A model that has seen one step only: time in proportion to the batch. */
export function speedFromStep(batch: number, stepMs: number): SpeedModel {
  assert(batch > 0 && stepMs > 0, "batch and step time are positive");
  const scaleMs = stepMs / batch;
  return { count: 1, scaleMs, overheadRows: null, lastBatch: batch, lastMs: stepMs };
}

/**
 * The model after one more stretch. Fixed cost and scale are fitted apart. The fixed cost comes
 * from the ratio of two consecutive times at different batches, where a site that has just
 * become slower as a whole cancels out; a joint least-squares fit would take that for a slope.
 */
export function observeStep(
  before: SpeedModel | undefined,
  batch: number,
  stepMs: number,
): SpeedModel {
  if (before === undefined || before.count === 0) return speedFromStep(batch, stepMs);
  assert(batch > 0 && stepMs > 0, "batch and step time are positive");
  const seen = overheadOf(before, batch, stepMs);
  const old = before.overheadRows;
  const overheadRows =
    seen === undefined || old === null ? (seen ?? old) : old + OBSERVATION_WEIGHT * (seen - old);
  // The prediction at the last batch stays what it was under the new fixed cost.
  const rows = (overheadRows ?? 0) + before.lastBatch;
  const scaleMs = (before.scaleMs * ((old ?? 0) + before.lastBatch)) / rows;
  const observed = stepMs / ((overheadRows ?? 0) + batch);
  return {
    count: before.count + 1,
    scaleMs: scaleMs + OBSERVATION_WEIGHT * (observed - scaleMs),
    overheadRows,
    lastBatch: batch,
    lastMs: stepMs,
  };
}

/** Solves t1 / t2 = (o + b1) / (o + b2) for o; undefined if the two tell nothing. */
function overheadOf(before: SpeedModel, batch: number, stepMs: number): number | undefined {
  const { lastBatch, lastMs } = before;
  const wide = Math.max(batch, lastBatch) >= RATIO_MIN * Math.min(batch, lastBatch);
  const ratio = stepMs / lastMs;
  if (!wide || ratio === 1 || batch > lastBatch !== ratio > 1) return undefined;
  const rows = (batch - ratio * lastBatch) / (ratio - 1);
  return Math.min(OVERHEAD_ROWS_MAX, Math.max(0, rows));
}

/** Expected time of one inner step in ms. */
export const stepMs = (model: SpeedModel, batch: number): number =>
  model.scaleMs * ((model.overheadRows ?? 0) + batch);

/** Tokens per second at a batch. */
export const tokensPerSecond = (model: SpeedModel, batch: number, context: number): number =>
  (1_000 * batch * context) / stepMs(model, batch);

/** Round trips of one exchange: announce and put, then get (training reference, 3.11). */
const ROUND_TRIPS = 2;

/** What of a way up may be used, Mbit/s. */
export const upMbitPerS = (link: Pick<Link, "upMbitPerS" | "upCapMbitPerS">): number =>
  Math.min(link.upMbitPerS, link.upCapMbitPerS ?? Infinity);

const downMbitPerS = ({ downMbitPerS: down, downCapMbitPerS: cap }: Link): number =>
  Math.min(down, cap ?? Infinity);

/** Time of one exchange from the link alone and the owner's bounds on it, in ms. */
export const linkMs = (link: Link, bytesUp: number, bytesDown: number): number =>
  (8 * bytesUp) / (1_000 * upMbitPerS(link)) +
  (8 * bytesDown) / (1_000 * downMbitPerS(link)) +
  ROUND_TRIPS * link.rttMs;

/**
 * tau: the time of one exchange, ms: as measured, or what the link promises; and never shorter
 * than the owner's bounds of this hour allow, which earlier exchanges cannot know.
 */
export function exchangeMs(
  measuredMs: number | null,
  link: Link,
  bytesUp: number,
  bytesDown: number,
): number {
  if (measuredMs === null) return linkMs(link, bytesUp, bytesDown);
  const upMs = (8 * bytesUp) / (1_000 * (link.upCapMbitPerS ?? Infinity));
  return Math.max(
    measuredMs,
    upMs + (8 * bytesDown) / (1_000 * (link.downCapMbitPerS ?? Infinity)),
  );
}

/**
 * tau of a site in ms: what the link promises until the first exchange was measured, then the
 * weighted mean of the measured ones, which know the owner's caps and the neighbours' traffic.
 */
export const observeTransfer = (before: number | undefined, measuredMs: number): number =>
  before === undefined ? measuredMs : before + OBSERVATION_WEIGHT * (measuredMs - before);

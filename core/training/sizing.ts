/**
 * Sizes of stretches: every site does the same number of inner steps, with a batch that makes it
 * end together with the others (training reference, 3.3 and 4.4). Speeds and transfer times come
 * in measured (`speed.ts`); data ranges and learning rates are added by the round machine.
 */
import { assert } from "../pool/index.ts";
import { type SpeedModel, stepMs } from "./speed.ts";

/** A site as sizing sees it. */
export interface SizingSite {
  readonly siteId: string;
  readonly speed: SpeedModel;
  /** tau: time of one exchange, ms. */
  readonly transferMs: number;
}

/** What all sites of a run have in common. */
export interface SizingRules {
  readonly innerSteps: number;
  readonly referenceBatch: number;
  /** Batches that sites have graphs for, any order. */
  readonly batchSizes: readonly number[];
  readonly maxBatch: number;
}

/** One planned stretch. */
export interface Stretch {
  readonly siteId: string;
  readonly innerSteps: number;
  readonly batch: number;
  /** Computing plus exchange, ms. */
  readonly expectedMs: number;
}

/** Everybody ends within this share of the target time (training reference, 3.3). */
export const FINISH_TOLERANCE = 0.1;

/**
 * The target time R of a round in ms: what the fastest site needs for H steps at the reference
 * batch, plus its exchange. Sites must not be empty.
 */
export function targetRoundMs(sites: readonly SizingSite[], rules: SizingRules): number {
  assert(sites.length > 0, "a round has at least one site");
  const speedOf = (site: SizingSite) => stepMs(site.speed, rules.referenceBatch);
  const fastest = sites.reduce((best, site) => (speedOf(site) < speedOf(best) ? site : best));
  return rules.innerSteps * speedOf(fastest) + fastest.transferMs;
}

/** The batches that may be used, smallest first. */
const allowedBatches = (rules: SizingRules): readonly number[] =>
  rules.batchSizes.filter((batch) => batch <= rules.maxBatch).toSorted((a, b) => a - b);

/**
 * The stretch of a site that should end after `targetMs`: of the allowed batches the one whose
 * end is nearest to the target and not more than 10 % past it. If even the smallest takes
 * longer, it keeps that batch and does fewer steps. Undefined when not a single step fits.
 */
export function planStretch(
  site: SizingSite,
  rules: SizingRules,
  targetMs: number,
): Stretch | undefined {
  const batches = allowedBatches(rules);
  const smallest = batches[0];
  assert(smallest !== undefined, "a run allows at least one batch size");
  const { innerSteps } = rules;
  const endMs = (batch: number) => innerSteps * stepMs(site.speed, batch) + site.transferMs;
  const latestMs = targetMs * (1 + FINISH_TOLERANCE);
  const fitting = batches.filter((batch) => endMs(batch) <= latestMs);
  const distance = (batch: number) => Math.abs(targetMs - endMs(batch));
  const batch = fitting.reduce<number | undefined>(
    (best, next) => (best === undefined || distance(next) <= distance(best) ? next : best),
    undefined,
  );
  const { siteId } = site;
  if (batch !== undefined) return { siteId, innerSteps, batch, expectedMs: endMs(batch) };
  const oneStepMs = stepMs(site.speed, smallest);
  const steps = Math.floor((targetMs - site.transferMs) / oneStepMs);
  if (steps < 1) return undefined;
  const expectedMs = steps * oneStepMs + site.transferMs;
  return { siteId, innerSteps: Math.min(steps, innerSteps), batch: smallest, expectedMs };
}

/** The stretch of one site that trains alone, for warm-up: so many steps at one batch. */
export function fixedStretch(site: SizingSite, innerSteps: number, batch: number): Stretch {
  const expectedMs = innerSteps * stepMs(site.speed, batch) + site.transferMs;
  return { siteId: site.siteId, innerSteps, batch, expectedMs };
}

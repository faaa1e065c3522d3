// How jobs may pass a blocked one: a setting of the pool. What it does is the scheduler's business.

export const BACKFILL_MODES = ["easy", "conservative", "none"] as const;

/**
 * `easy`: the first blocked job of each site keeps its place; `conservative`: every blocked job
 * that is looked at; `none`: nobody passes a blocked job on the sites where it could run.
 */
export type BackfillMode = (typeof BACKFILL_MODES)[number];

export const BACKFILL_DEFAULT: BackfillMode = "easy";

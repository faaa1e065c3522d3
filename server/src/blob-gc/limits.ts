// The times and sizes of looking after the blobs, each with its reason. Operators set the grace
// and the period; the quotas' defaults stand with the pool's limits in core/pool.

/** A blob that nothing names is removed after it was found so for this long without being used:
 * one day, in which a site that was cut off comes back with what it had sent. */
export const GRACE_MS = 86_400_000;

/** From the end of one pass to the next. A pass over 100,000 blobs is a hundred listings. */
export const PASS_EVERY_MS = 3_600_000;

/** The first pass; it counts the blobs for the quotas and removes nothing. */
export const FIRST_PASS_MS = 1_000;

/** Rows of one page of a pass. */
export const PAGE_ROWS = 500;

/** Rest between two pages, so that a pass is never what a disk or bucket is busy with. */
export const PAGE_REST_MS = 100;

/** Jobs whose description is looked through at one go: about 10 ms. */
export const JOBS_PER_SLICE = 5_000;

/** Runs that are looked through at one go: each has up to 500 rounds of some tens of rows. */
export const RUNS_PER_SLICE = 10;

/** Unnamed blobs that are remembered with the time since when. The rest wait for a later pass. */
export const CANDIDATES_MAX = 1_000_000;

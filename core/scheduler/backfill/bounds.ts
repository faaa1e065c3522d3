// Bounds of backfilling, each with its reason.

export const BACKFILL = {
  /** By so much a reserved job may start after what the time limits alone would have promised it,
   * if every estimate was wrong: one day, the limit of jobs that name none. */
  SLACK_MS: 86_400_000,
  /** So many jobs that were let in before a reserved job and outlived their estimate are borne;
   * then only time limits count before it. */
  OVERRUNS_MAX: 2,
} as const;

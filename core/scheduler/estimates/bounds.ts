// Bounds of what is learned of run times, each with its reason.

export const ESTIMATES = {
  /** Series kept at one time, the one not touched for longest goes first: about 1.5 MB. */
  SERIES_MAX: 4_096,
  /** Run times of one job name. What a job did 32 runs ago says little of the next one. */
  SAMPLES_OF_NAME: 32,
  /** Run times of a user, a project or the pool: these mix many jobs, so more are needed. */
  SAMPLES_OF_MANY: 128,
  /** Characters of a name that tell jobs apart; ids and settings often follow. */
  NAME_CHARS: 40,
  /** Parts of a time limit in which users, projects and the pool count: a million. */
  LIMIT_PARTS: 1_000_000,
} as const;

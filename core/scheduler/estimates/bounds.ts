// Bounds of what is learned of run times, each with its reason.

export const ESTIMATES = {
  /** Series kept at one time, the one not touched for longest goes first: about 2 MB. */
  SERIES_MAX: 4_096,
  /** Run times of one job name. What a job did 32 runs ago says little of the next one. */
  SAMPLES_OF_NAME: 32,
  /** Run times of a user, a project or the pool: these mix many jobs, so more are needed. */
  SAMPLES_OF_MANY: 256,
  /** Of those one in so many is kept once there are enough: they reach back 2,048 runs. */
  KEPT_ONE_OF_MANY: 8,
  /** Characters of a name that tell jobs apart; ids and settings often follow. */
  NAME_CHARS: 40,
  /** Parts of a time limit in which users, projects and the pool count: a million. */
  LIMIT_PARTS: 1_000_000,
  /** Times that the queue is played through for one start interval: 60 give the tenth and the
   * ninetieth percentile to a few hundredths, in some tens of milliseconds. */
  DRAWS: 60,
  /** Any number; the same one gives the same interval for the same question. */
  DRAWS_SEED: 20_261,
  /** Share of a user's jobs that in one play all deviate alike from what they took before: what
   * changes in one job of a sweep changes in the others. */
  DRAWS_SHARED: 0.3,
  /** How far the work of a whole queue is off what its jobs took before, as the deviation of its
   * logarithm: bursts of jobs are not like the past. On Philly's trace it is about 0.85. */
  QUEUE_SPREAD: 0.8,
  /** Run times drawn for jobs that are alike and far ahead: enough for their sum. */
  DRAWS_OF_MANY: 16,
  /** Kinds of jobs far ahead that are looked at; those of most jobs first. */
  FURTHER_KINDS_MAX: 256,
  /** Leases that are played one by one, over all sites; of more, some that end one after the other
   * count as one. The error is a part in 2,000 of a run, and a play stays below some 10 ms. */
  RUNS_PLAYED_MAX: 2_000,
  /** Jobs ahead that are played one by one; of the others the work is summed up. */
  AHEAD_PLAYED_MAX: 256,
} as const;

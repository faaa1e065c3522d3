// Bounds of one scheduling pass that concern nobody outside the scheduler, each with its reason.

export const BOUNDS = {
  /** Of a lease's remaining time this much counts as used already when projects are compared:
   * enough that one project does not take a whole pass, too little to punish long time limits. */
  COMMITMENT_MS: 3_600_000,
  /** Thousandths of a core that count as one device where a task holds no accelerator. */
  MILLI_CPU_PER_DEVICE: 16_000,
  /** Different blocked requests for which one pass looks for a future start; each costs about
   * one placement for every halving of the list of leases. */
  FORECASTS_MAX: 64,
  /** Ends of leases that are tried for one blocked job one after the other, beside reservations;
   * then only the last one is. Each costs one placement. */
  FORECAST_MOMENTS_MAX: 16,
  /** Jobs for which one pass chooses leases to preempt; more would stop half the pool at once. */
  PREEMPTORS_MAX: 32,
  /** Looks at nodes in the search for a gang of unlike groups on one site before it gives up:
   * about 10 ms. A gang of 100 tasks on 1,000 nodes needs 100,000 if nothing stands in its way. */
  GANG_STEPS_MAX: 100_000,
  /** The same when a job is about to be refused for ever, which deserves a longer look. */
  GANG_STEPS_EVER_MAX: 2_000_000,
  /** Job ids that an explanation lists as being ahead. */
  AHEAD_LISTED_MAX: 20,
} as const;

// How waiting raises a priority, so that nobody waits for ever behind a stream of more important
// work. What the raised priority means for the order is left to the scheduler.

export interface Ageing {
  /** Each full stretch of this length that a job has waited is one point. */
  readonly pointMs: number;
  /** Points that waiting earns at most. */
  readonly pointsMax: number;
}

/**
 * What holds until an operator says otherwise: a point an hour, so a job passes priorities that
 * are 100 higher after four days; and the whole range of priorities at most, so in the end it
 * passes all of them (after 42 days).
 */
export const AGEING_DEFAULT: Ageing = { pointMs: 3_600_000, pointsMax: 1_000 };

/** The priority with what waiting has added; `ageing` null: nothing. */
export function agedPriority(priority: number, waitedMs: number, ageing: Ageing | null): number {
  if (ageing === null || waitedMs < ageing.pointMs) return priority;
  return priority + Math.min(ageing.pointsMax, Math.floor(waitedMs / ageing.pointMs));
}

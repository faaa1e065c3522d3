// How big a simulated world is, and how harsh: a whole one, and one short enough to be lived again
// and again. What happens in it is world.ts's.

/** How big a world is. */
export interface Scale {
  /** Faults happen for so long; then the world gets time to come to rest. */
  readonly faultsMs: number;
  readonly sitesMax: number;
  readonly jobsMin: number;
  readonly jobsMax: number;
  readonly runsMin: number;
  readonly runsMax: number;
  readonly strikesMax: number;
  /** Longest time that the tasks of a job take. */
  readonly taskMsMax: number;
  /** Without: the network is good and the control plane only crashes where it is told to. */
  readonly noise: boolean;
}

export const WHOLE: Scale = {
  faultsMs: 20 * 60_000,
  sitesMax: 5,
  jobsMin: 5,
  jobsMax: 40,
  runsMin: 0,
  runsMax: 2,
  strikesMax: 12,
  taskMsMax: 240_000,
  noise: true,
};

/** Short enough to be repeated for a crash at each of its steps. */
export const SHORT: Scale = {
  faultsMs: 30_000,
  sitesMax: 2,
  jobsMin: 1,
  jobsMax: 2,
  runsMin: 1,
  runsMax: 1,
  strikesMax: 1,
  taskMsMax: 10_000,
  noise: false,
};

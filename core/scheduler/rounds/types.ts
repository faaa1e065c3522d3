// The nouns of scheduling in rounds: a pool of accelerators of several kinds, and jobs that can be
// stopped and moved between rounds and run at another speed on each kind. Columns are flat arrays
// indexed by job number; how long a job is does not stand in them. Orders and choices are in the
// other files of this folder.

/** Jobs as columns. Job numbers count arrivals from 0. */
export interface RoundJobs {
  /** Accelerators of a job; it takes all of them of one kind. */
  readonly gpus: Int32Array;
  /** Steps a second of the whole job: `speed[job * kinds + kind]`. 0: it cannot run there. */
  readonly speed: Float64Array;
  /** The largest of a job's speeds. */
  readonly bestSpeed: Float64Array;
  readonly arrivalS: Float64Array;
  /** Accelerator-seconds that a job has received in its rounds. */
  readonly serviceGpuS: Float64Array;
  /** Steps that a job has made. */
  readonly doneSteps: Float64Array;
  /** The kind that a job ran on last, or NO_KIND. */
  readonly lastKind: Int8Array;
  /** The kind that the current round gives a job, or NO_KIND. Policies write here, nothing else. */
  readonly kind: Int8Array;
}

export interface Kinds {
  /** Accelerators of each kind. */
  readonly count: readonly number[];
}

/** Not running, or never ran. */
export const NO_KIND = -1;

/** What a policy gets at a round boundary. */
export interface Round {
  readonly nowS: number;
  /** Jobs that have arrived and not ended, ascending. */
  readonly active: readonly number[];
  readonly jobs: RoundJobs;
  readonly kinds: Kinds;
}

/**
 * Chooses who runs in the next round by writing `jobs.kind` of every active job. A policy may
 * remember things between rounds; it is told of arrivals and ends.
 */
export interface RoundPolicy {
  readonly choose: (round: Round) => void;
  readonly arrived?: (job: number, nowS: number, jobs: RoundJobs) => void;
  readonly ended?: (job: number, nowS: number, jobs: RoundJobs) => void;
}

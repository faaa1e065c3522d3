// Counts jobs by what became of them, from the durable events: a scrape must not walk a million
// jobs. The only walk is the one at the start.
import type { State } from "@tequio/core/controller";
import type { JobOutcome } from "@tequio/core/pool";
import type { Committed } from "../pump.ts";

/** Every outcome, so that one that has not happened yet is shown as 0. */
export const JOB_OUTCOMES = [
  "completed",
  "failed",
  "cancelled",
  "timeout",
  "lost",
  "deadline",
  "dependency",
] as const satisfies readonly JobOutcome[];

export class JobTally {
  #submitted = 0;
  #ended = 0;
  readonly #outcomes = new Map<JobOutcome, number>(JOB_OUTCOMES.map((one) => [one, 0]));

  constructor(state: State) {
    for (const one of JOB_OUTCOMES) {
      const gone = state.archived.outcomes[one] ?? 0;
      this.#submitted += gone;
      this.#ended += gone;
      this.#outcomes.set(one, gone);
    }
    for (const { outcome } of state.jobs.values()) {
      this.#submitted += 1;
      if (outcome !== null) this.#end(outcome);
    }
  }

  take({ event }: Committed): void {
    if (event.type === "job.submitted") this.#submitted += 1;
    else if (event.type === "array.submitted") this.#submitted += event.indices.length;
    else if (event.type === "job.ended") this.#end(event.outcome);
  }

  get submitted(): number {
    return this.#submitted;
  }

  /** Jobs that are queued or active. */
  get open(): number {
    return this.#submitted - this.#ended;
  }

  endedAs(outcome: JobOutcome): number {
    return this.#outcomes.get(outcome) ?? 0;
  }

  #end(outcome: JobOutcome): void {
    this.#ended += 1;
    this.#outcomes.set(outcome, this.endedAs(outcome) + 1);
  }
}

/**
 * Jobs that wait for their first lease or wait again. A run that already trains may also stand in
 * the queue, for another site; it is no queued job.
 */
export function queuedJobs(state: State): number {
  let queued = state.queue.size;
  for (const jobId of state.runs.keys()) {
    if (state.queue.has(jobId) && state.jobs.get(jobId)?.stage !== "queued") queued -= 1;
  }
  return queued;
}

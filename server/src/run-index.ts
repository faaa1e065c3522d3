// The ids of all spanning runs, oldest first: among a million batch jobs they would be slow to
// find. Kept from the durable events, never ahead of them.
import type { State } from "@tequio/core/controller";
import type { Committed } from "./pump.ts";

export interface RunIndex {
  readonly ids: readonly string[];
  readonly take: (events: readonly Committed[]) => void;
}

/** The index of a state whose events are all durable. */
export function makeRunIndex(state: State): RunIndex {
  const ids: string[] = [];
  for (const job of state.jobs.values()) if (job.spec.run !== undefined) ids.push(job.jobId);
  return {
    ids,
    take(events) {
      for (const { event } of events) {
        if (event.type === "job.submitted" && event.spec.run !== undefined) ids.push(event.jobId);
      }
    },
  };
}

// The moment by which a job must have ended, and what follows for its start. Who waits for it, and
// what happens when it has passed, is left to the scheduler and the controller.
import type { JobSpec } from "./job.ts";

/** When a job with this description must have ended; Infinity without a deadline. */
export function deadlineMs({ deadline }: JobSpec, submittedAtMs: number): number {
  if (deadline === undefined) return Infinity;
  return "atMs" in deadline ? deadline.atMs : submittedAtMs + deadline.afterMs;
}

/** The last moment at which it may start: its whole time limit must fit before the deadline. */
export const latestStartMs = (spec: JobSpec, submittedAtMs: number): number =>
  deadlineMs(spec, submittedAtMs) - spec.walltimeMs;

// A job says that its work so far is safe: what is lost if it is preempted counts from then on, so
// that the scheduler stops those first that lose least. What a checkpoint is, and where it lies, is
// the job's own business.
import { LIMITS, type Outcome, ok, refuse } from "../pool/index.ts";
import { openLeasesOf, theJob } from "./lookup.ts";
import type { Step } from "./step.ts";

/** Notes the moment for all running leases of a job; more often than the limit is not noted. */
export function checkpoint(step: Step, jobId: string): Outcome<unknown> {
  const { state, atMs } = step;
  if (!state.jobs.has(jobId)) {
    return refuse("NOT_FOUND", `There is no job ${jobId}.`, "List jobs with `tequio jobs`.");
  }
  const running = openLeasesOf(state, theJob(state, jobId)).filter(
    ({ startedAtMs }) => startedAtMs !== null,
  );
  if (running.length === 0) {
    const hint = "A checkpoint is told of a job while it runs.";
    return refuse("WRONG_STATE", `Job ${jobId} does not run.`, hint);
  }
  for (const { lease, checkpointAtMs = -Infinity } of running) {
    if (atMs - checkpointAtMs < LIMITS.CHECKPOINT_EVERY_MS) continue;
    step.emit({ type: "lease.checkpointed", leaseId: lease.leaseId });
  }
  return ok({ jobId, atMs });
}

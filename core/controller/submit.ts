// Decisions about jobs: admission, cancelling, dependencies that can never be satisfied.
import { type Dependency, type JobSpec, LIMITS, type Outcome, ok, refuse } from "../pool/index.ts";
import { endLate, tooLate } from "./deadlines.ts";
import { deadByPast, dependencyState } from "./dependencies.ts";
import { feasible } from "./feasible.ts";
import type { Input, PastJob } from "./input.ts";
import { openLeasesOf, theJob } from "./lookup.ts";
import { queueCap } from "./queue-cap.ts";
import { queueOf } from "./queue-index.ts";
import type { JobState, KeyState, State } from "./state.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";

type Submit = Extract<Input, { type: "submit" }>;

/** Admits a job or refuses it with a reason; an admitted one is in the returned events. */
export function submit(step: Step, input: Submit): Outcome<unknown> {
  const { state } = step;
  const { spec, array, key } = input;
  if (key !== null) {
    const known = state.keys.get(key.key);
    if (known !== undefined) return repeated(state, key, known);
  }
  const past = input.past ?? [];
  const refused = admissible(state, spec, array?.indices.length ?? 1, past);
  if (!refused.ok) return refused;
  const jobId = String(state.nextJob);
  if (array === null) {
    step.emit({ type: "job.submitted", jobId, spec, place: null, key });
  } else {
    const { indices, maxRunning } = array;
    step.emit({ type: "array.submitted", arrayId: jobId, spec, indices, maxRunning, key });
  }
  const dead = past.length === 0 ? undefined : deadByPast(spec.dependencies, past);
  const ids = state.arrays.get(jobId) ?? [jobId];
  // Nothing in the state tells of a job that has left it: this is the moment to decide.
  if (dead !== undefined) for (const id of ids) endUnmet(step, id, dead);
  return ok({ jobId, tasks: ids.length });
}

function repeated(
  state: State,
  key: NonNullable<Submit["key"]>,
  known: KeyState,
): Outcome<unknown> {
  if (known.digest !== key.digest) {
    return refuse(
      "IDEMPOTENCY_MISMATCH",
      "The idempotency key was used with another request.",
      "Use a new key for a new job.",
    );
  }
  // The id of a task begins with that of its array, which may have left the state.
  const jobId = known.jobId.split("_")[0]!;
  return ok({ jobId, tasks: known.tasks ?? state.arrays.get(jobId)?.length ?? 1 });
}

function admissible(
  state: State,
  spec: JobSpec,
  tasks: number,
  past: readonly PastJob[],
): Outcome<unknown> {
  if (state.queue.size + tasks > LIMITS.QUEUE_JOBS_MAX) {
    return refuse("TOO_MANY", `${state.queue.size} jobs wait already.`, "Try again later.");
  }
  if (!state.projects.has(spec.project)) {
    return refuse(
      "PROJECT_UNKNOWN",
      `The project ${spec.project} does not exist.`,
      `Known projects: ${[...state.projects.keys()].slice(0, 10).join(", ")}.`,
      "project",
    );
  }
  const late = tooLate(spec, state.nowMs);
  if (late !== undefined) return late;
  const full = queueCap(state, spec, tasks);
  if (full !== undefined) return full;
  for (const { jobId } of spec.dependencies) {
    if (state.jobs.has(jobId) || state.arrays.has(jobId)) continue;
    if (past.some((one) => one.jobId === jobId)) continue;
    return refuse(
      "DEPENDENCY_UNKNOWN",
      `There is no job ${jobId} to depend on.`,
      "Name a job that was submitted before.",
      "after",
    );
  }
  for (const name of [...spec.constraints.members, ...spec.constraints.excludeMembers]) {
    if (state.members.has(name)) continue;
    return refuse(
      "NOT_FOUND",
      `There is no member ${name}.`,
      `Known members: ${[...state.members.keys()].slice(0, 10).join(", ") || "none"}.`,
      "members",
    );
  }
  return feasible(state, spec);
}

/** Cancels one job, or every task of an array; `why`, if nobody asked for the job itself. */
export function cancel(step: Step, jobId: string, why?: string): Outcome<unknown> {
  const { state } = step;
  const ids = state.arrays.get(jobId) ?? (state.jobs.has(jobId) ? [jobId] : []);
  if (ids.length === 0) {
    return refuse("NOT_FOUND", `There is no job ${jobId}.`, "List jobs with `tequio jobs`.");
  }
  const cancelled: string[] = [];
  for (const id of ids) {
    const job = theJob(state, id);
    if (job.stage === "ended" || job.cancelled) continue;
    cancelled.push(id);
    step.emit({ type: "job.cancelled", jobId: id });
    const open = openLeasesOf(state, job);
    for (const lease of open) {
      stopLease(step, lease.lease.leaseId, "cancelled", why ?? "the job was cancelled");
    }
    if (open.length === 0) endCancelled(step, job, why);
  }
  return ok({ cancelled });
}

function endCancelled({ emit }: Step, { jobId, startedAtMs }: JobState, why?: string): void {
  const when = startedAtMs === null ? "cancelled before it started" : "cancelled while it waited";
  const message = why === undefined ? when : `${when}: ${why}`;
  emit({ type: "job.ended", jobId, outcome: "cancelled", exitCode: null, message });
}

/**
 * Ends jobs whose deadlines have become impossible, or whose dependencies can never be satisfied: a
 * wait without an end is no answer. True when a job waits that others' starts set free: a start
 * alone does not call for the scheduler.
 */
export function tickJobs(step: Step): boolean {
  const { state } = step;
  let free = endLate(step);
  for (const job of [...queueOf(state).singles]) {
    if (job.stage !== "queued") continue;
    const { jobId } = job;
    const { dependencies } = job.spec;
    if (dependencies.length === 0) continue;
    const dead = dependencies.find((one) => dependencyState(state, one) === "never");
    if (dead === undefined) {
      free ||= dependencies.some((one) => one.kind === "after") && isFree(state, dependencies);
      continue;
    }
    endUnmet(step, jobId, dead);
  }
  return free;
}

function endUnmet({ emit }: Step, jobId: string, dead: Dependency): void {
  const message = `${dead.kind}:${dead.jobId} can never be satisfied`;
  emit({ type: "job.ended", jobId, outcome: "dependency", exitCode: null, message });
}

const isFree = (state: State, dependencies: JobSpec["dependencies"]): boolean =>
  dependencies.every((one) => dependencyState(state, one) === "satisfied");

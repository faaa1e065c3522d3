// Whether what a job waits for has come about, and whether it still can. A job that has left the
// state for the archive has ended; nobody waits for it in vain, since such a wait is ended before
// the job leaves, and at submission. So whoever waits for one that is not here waits no longer.
import type { Dependency, JobOutcome } from "../pool/index.ts";
import type { PastJob } from "./input.ts";
import { theJob } from "./lookup.ts";
import type { JobState, State } from "./state.ts";

export type DependencyState = "satisfied" | "waiting" | "never";

/** Where one dependency stands. An array counts as ended when all its tasks have. */
export function dependencyState(state: State, dependency: Dependency): DependencyState {
  const { jobId, kind } = dependency;
  const tasks = state.arrays.get(jobId);
  if (tasks === undefined && !state.jobs.has(jobId)) return "satisfied";
  const jobs = (tasks ?? [jobId]).map((id) => theJob(state, id));
  return together(jobs.map((job) => oneDependency(kind, job)));
}

function together(each: readonly DependencyState[]): DependencyState {
  if (each.includes("never")) return "never";
  return each.includes("waiting") ? "waiting" : "satisfied";
}

/** The first dependency that jobs of the archive make impossible. */
export const deadByPast = (
  dependencies: readonly Dependency[],
  past: readonly PastJob[],
): Dependency | undefined =>
  dependencies.find(({ kind, jobId }) =>
    past
      .find((one) => one.jobId === jobId)
      ?.outcomes.some((outcome) => afterEnd(kind, outcome) === "never"),
  );

const afterEnd = (kind: Dependency["kind"], outcome: JobOutcome): DependencyState =>
  oneDependency(kind, { stage: "ended", outcome, startedAtMs: null });

function oneDependency(
  kind: Dependency["kind"],
  job: Pick<JobState, "stage" | "outcome" | "startedAtMs">,
): DependencyState {
  const ended = job.stage === "ended";
  const done = job.outcome === "completed";
  switch (kind) {
    case "after":
      return ended || job.startedAtMs !== null ? "satisfied" : "waiting";
    case "afterany":
      return ended ? "satisfied" : "waiting";
    case "afterok":
      if (!ended) return "waiting";
      return done ? "satisfied" : "never";
    case "afternotok":
      if (!ended) return "waiting";
      return done ? "never" : "satisfied";
    default:
      return kind satisfies never;
  }
}

// Whether what a job waits for has come about, and whether it still can.
import type { Dependency } from "../pool/index.ts";
import { theJob } from "./lookup.ts";
import type { JobState, State } from "./state.ts";

export type DependencyState = "satisfied" | "waiting" | "never";

/** Where one dependency stands. An array counts as ended when all its tasks have. */
export function dependencyState(state: State, dependency: Dependency): DependencyState {
  const ids = state.arrays.get(dependency.jobId) ?? [dependency.jobId];
  const jobs = ids.map((id) => theJob(state, id));
  const each = jobs.map((job) => oneDependency(dependency.kind, job));
  if (each.includes("never")) return "never";
  return each.includes("waiting") ? "waiting" : "satisfied";
}

function oneDependency(kind: Dependency["kind"], job: JobState): DependencyState {
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

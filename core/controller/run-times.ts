// The history of run times as part of the state: what the end of a lease adds to it, and how it is
// made of the leases that are at hand where an older snapshot did not have it.
import { learnRun, type RunHistory } from "../scheduler/index.ts";
import { theJob } from "./lookup.ts";
import type { LeaseState, State } from "./state.ts";

/** An ended lease has shown how long its job runs; one whose time is only estimated has not yet. */
export function learnRunTime(state: State, lease: LeaseState): void {
  learn(state, state.runTimes, lease);
}

function learn(state: State, history: RunHistory, held: LeaseState): void {
  const { lease, startedAtMs, end, estimated } = held;
  if (end === null || startedAtMs === null || estimated) return;
  const job = theJob(state, lease.jobId).spec;
  // A site's part of a run ends when the run does: it says nothing of the next one.
  if (job.run !== undefined) return;
  const { outcome, usage } = end;
  learnRun(history, { job, ranMs: usage.ranMs, walltimeMs: lease.walltimeMs, outcome });
}

/** The history of the ended leases that a state still has, for a snapshot that came without. */
export function historyOfLeases(state: State): RunHistory {
  const history: RunHistory = new Map();
  const ended = [...state.leases.values()].filter(({ endedAtMs }) => endedAtMs !== null);
  ended.sort((a, b) => a.endedAtMs! - b.endedAtMs!);
  for (const lease of ended) learn(state, history, lease);
  return history;
}

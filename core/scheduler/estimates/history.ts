// What is kept of run times: a bounded row of the last ones for each job name, user, project and
// for the pool. The controller folds it from the ends of leases; it is plain data of its state.
// What follows from it for a job is worked out in run-times.ts.
import type { JobSpec, LeaseOutcome } from "../../pool/index.ts";
import { ESTIMATES } from "./bounds.ts";

/**
 * The last run times by series, the one touched last at the end. A job name's are in milliseconds,
 * all others in millionths of the job's time limit. One below 0 is censored: the run was stopped
 * from outside after that time, so it would have taken longer.
 */
export type RunHistory = Map<string, RunSeries>;

/** Never changed: a new one takes its place, so what was worked out of it stays true of it. */
export interface RunSeries {
  /** Runs in all, also those that are not kept. */
  readonly seen: number;
  readonly samples: readonly number[];
}

/** How a job is recognised: by what does not change from one submission to the next. */
export type RunKey = Pick<JobSpec, "project" | "user" | "name">;

/** A lease that has ended. */
export interface EndedRun {
  readonly job: RunKey;
  readonly ranMs: number;
  readonly walltimeMs: number;
  readonly outcome: LeaseOutcome;
}

/** The series that a job belongs to, narrowest first: its name, its user, its project, the pool. */
export function seriesOf({ project, user, name }: RunKey): readonly string[] {
  // Numbers in a name count something; the rest says which job it is.
  const stem = name.replaceAll(/[0-9]+/g, "").slice(0, ESTIMATES.NAME_CHARS);
  return [`${project}\n${user}\n${stem}`, `${project}\n${user}`, project, ""];
}

/**
 * Adds what a lease has shown. One that ended by itself, well or badly, shows its whole run time.
 * One that was preempted, recalled, cancelled or lost, or has met its limit, is kept as censored.
 * Others never ran. Figures that cannot be are put within the time limit, or left out.
 */
export function learnRun(history: RunHistory, { job, ranMs, walltimeMs, outcome }: EndedRun): void {
  if (!Number.isFinite(ranMs) || !(walltimeMs > 0) || !Number.isFinite(walltimeMs)) return;
  if (outcome === "refused" || outcome === "released") return;
  const whole = outcome === "completed" || outcome === "failed";
  const ran = Math.min(Math.max(0, ranMs), walltimeMs);
  const sign = whole ? 1 : -1;
  seriesOf(job).forEach((key, level) => {
    const value = level === 0 ? ran : (ran / walltimeMs) * ESTIMATES.LIMIT_PARTS;
    add(history, key, level, sign * Math.round(value));
  });
}

function add(history: RunHistory, key: string, level: number, value: number): void {
  // Stopped at once: that it would have run longer says nothing.
  if (Object.is(value, -0)) return;
  const most = level === 0 ? ESTIMATES.SAMPLES_OF_NAME : ESTIMATES.SAMPLES_OF_MANY;
  const { seen, samples } = history.get(key) ?? { seen: 0, samples: [] };
  // One sweep of a thousand jobs must not be all that is known of a project.
  const kept = level === 0 || samples.length < most || seen % ESTIMATES.KEPT_ONE_OF_MANY === 0;
  const series = { seen: seen + 1, samples: kept ? [...samples, value].slice(-most) : samples };
  history.delete(key);
  history.set(key, series);
  if (history.size <= ESTIMATES.SERIES_MAX) return;
  for (const oldest of history.keys()) {
    history.delete(oldest);
    return;
  }
}

// Deadlines of jobs that wait: what cannot be over in time any more does not begin. A job that runs
// is in time by its time limit, give or take the moments that its site needs to start it.
import { deadlineMs, type JobSpec, latestStartMs, type Refusal, refuse } from "../pool/index.ts";
import { moment } from "./lending.ts";
import { queueOf } from "./queue-index.ts";
import type { JobState } from "./state.ts";
import type { Step } from "./step.ts";

/** The refusal of a job that could not be in time even if it began now. */
export function tooLate(spec: JobSpec, nowMs: number): Refusal | undefined {
  if (latestStartMs(spec, nowMs) >= nowMs) return undefined;
  return refuse(
    "DEADLINE_TOO_SOON",
    `The time limit does not fit between now and the deadline, ${endOf(spec, nowMs)}.`,
    "Give a later deadline or a shorter time limit.",
    "deadline",
  );
}

/** Ends waiting jobs that are too late now. True if some were: others may have waited for them. */
export function endLate(step: Step): boolean {
  const { lines, singles } = queueOf(step.state);
  const late: JobState[] = [];
  for (const job of singles) if (isLate(job, step.atMs)) late.push(job);
  for (const { due, jobs, head } of lines.values()) {
    // The earliest deadline stands first, so the first that is in time ends the search.
    for (let at = head; due && at < jobs.length; at += 1) {
      const job = jobs[at]!;
      if (job.stage !== "queued") continue;
      if (!isLate(job, step.atMs)) break;
      late.push(job);
    }
  }
  for (const { jobId, spec, submittedAtMs } of late) {
    const message = `it cannot end before its deadline any more, ${endOf(spec, submittedAtMs)}`;
    step.emit({ type: "job.ended", jobId, outcome: "deadline", exitCode: null, message });
  }
  return late.length > 0;
}

const isLate = ({ stage, spec, submittedAtMs }: JobState, nowMs: number): boolean =>
  stage === "queued" && latestStartMs(spec, submittedAtMs) < nowMs;

const endOf = (spec: JobSpec, submittedAtMs: number): string =>
  moment(deadlineMs(spec, submittedAtMs));

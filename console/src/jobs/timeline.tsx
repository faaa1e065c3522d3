// The steps that a job has taken and the one that it is at.
import type { JobDetail } from "@tequio/contract";
import { dateTime, duration } from "../format.ts";
import { TEXTS } from "../texts.ts";
import { newestLease } from "./newest-lease.ts";

interface Step {
  readonly name: string;
  readonly atMs: number | undefined;
}

/**
 * Steps by the job itself and its newest lease; those not reached have no time. The leases of a run
 * are members that come and go: it goes on since the first.
 */
function stepsOf(job: JobDetail): readonly Step[] {
  const lease = job.kind === "run" ? job.leases[0] : newestLease(job);
  const waits = job.state === "queued";
  return [
    { name: TEXTS.timeline.submitted, atMs: job.submittedAtMs },
    { name: TEXTS.timeline.leased, atMs: waits ? undefined : lease?.grantedAtMs },
    {
      name: TEXTS.timeline.started,
      atMs: waits ? undefined : (lease?.startedAtMs ?? job.startedAtMs),
    },
    { name: job.outcome ?? TEXTS.timeline.ended, atMs: job.endedAtMs },
  ];
}

/** The timeline of a job. */
export function Timeline(props: { readonly job: JobDetail }) {
  const steps = stepsOf(props.job);
  return (
    <ol className="timeline" aria-label={TEXTS.timeline.label}>
      {steps.map((step, i) => {
        const before = steps[i - 1]?.atMs;
        const gap = step.atMs !== undefined && before !== undefined && step.atMs - before;
        return (
          <li key={step.name} className={step.atMs === undefined ? "ahead" : "reached"}>
            <b>{TEXTS.states[step.name] ?? step.name}</b>
            <span>{step.atMs === undefined ? TEXTS.none : dateTime(step.atMs)}</span>
            {gap !== false && <small>{TEXTS.timeline.after(duration(gap))}</small>}
          </li>
        );
      })}
    </ol>
  );
}

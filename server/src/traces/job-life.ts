// One trace for the life of a job: submitted, queued, leased, running, ended. Its spans are made
// from the durable events when each stretch is over, and their ids from the job's: so a restart or
// a takeover of the control plane loses none of them. The job carries its trace as TRACEPARENT.
import { hash } from "node:crypto";
import type { LeaseOrder } from "@tequio/contract";
import type { JobState, State } from "@tequio/core/controller";
import type { JobSpec } from "@tequio/core/pool";
import type { Committed } from "../pump.ts";
import { parseTraceparent, type SpanPlace, traceparentOf } from "./traceparent.ts";
import { spanNowMs, type Traces } from "./traces.ts";

/** Name of the variable; https://opentelemetry.io/docs/specs/otel/context/env-carriers/. */
export const TRACEPARENT = "TRACEPARENT";
const SPAN_DIGITS = 16;

/** The job as it is journalled: with the trace that it belongs to, unless it names one itself. */
export function withTraceparent(spec: JobSpec, traceparent: string | undefined): JobSpec {
  if (traceparent === undefined) return spec;
  const groups = spec.groups.map((group) =>
    TRACEPARENT in group.env
      ? group
      : { ...group, env: { ...group.env, [TRACEPARENT]: traceparent } },
  );
  return { ...spec, groups };
}

/** Under which span a job was submitted. */
const submittedUnder = (spec: JobSpec): SpanPlace | undefined =>
  parseTraceparent(spec.groups[0]?.env[TRACEPARENT]);

/** A span of a job, with an id that everybody who knows the job finds. */
const spanOf = ({ traceId, sampled }: SpanPlace, what: string): SpanPlace => ({
  ...{ traceId, sampled },
  spanId: hash("sha256", `tequio:${traceId}:${what}`).slice(0, SPAN_DIGITS),
});

const jobSpan = (under: SpanPlace, jobId: string): SpanPlace => spanOf(under, `job ${jobId}`);
const runSpan = (under: SpanPlace, leaseId: string): SpanPlace => spanOf(under, `run ${leaseId}`);

/** The order with the span of its own attempt in the environment of its tasks. */
export function tracedOrder(order: LeaseOrder): LeaseOrder {
  const { leaseId, start } = order;
  if (start === undefined) return order;
  const tasks = start.tasks.map((task) => {
    const under = parseTraceparent(task.env[TRACEPARENT]);
    if (under === undefined) return task;
    return { ...task, env: { ...task.env, [TRACEPARENT]: traceparentOf(runSpan(under, leaseId)) } };
  });
  return { ...order, start: { ...start, tasks } };
}

export interface JobLives {
  /** Takes durable events. */
  readonly take: (events: readonly Committed[]) => void;
  /** Orders have left for a site. */
  readonly ordered: (orders: readonly LeaseOrder[], siteId: string, sinceMs: number) => void;
}

/** Records the lives of the jobs of `state()`. */
export function makeJobLives(traces: Traces, state: () => State): JobLives {
  const find = (jobId: string): { job: JobState; under: SpanPlace } | undefined => {
    const job = state().jobs.get(jobId);
    const under = job && submittedUnder(job.spec);
    return job === undefined || under?.sampled !== true ? undefined : { job, under };
  };
  return {
    take(events) {
      for (const { event } of events) {
        if (event.type === "lease.granted") queued(traces, state(), event.lease.leaseId, find);
        else if (event.type === "lease.ended") held(traces, state(), event.leaseId, find);
        else if (event.type === "job.ended") over(traces, event.jobId, find);
      }
    },
    ordered(orders, siteId, sinceMs) {
      for (const { jobId, leaseId, attempt, want } of orders) {
        const under = find(jobId)?.under;
        if (under === undefined) continue;
        const parent = jobSpan(under, jobId);
        traces.record(traces.begin(parent), {
          ...{ name: "lease.order", kind: "producer", parent },
          ...{ startMs: sinceMs, endMs: spanNowMs() },
          attributes: {
            ...{ "tequio.job.id": jobId, "tequio.lease.id": leaseId },
            ...{ "tequio.attempt": attempt, "tequio.site.id": siteId, "tequio.order": want },
          },
        });
      }
    },
  };
}

type Find = (jobId: string) => { readonly job: JobState; readonly under: SpanPlace } | undefined;

/** The wait before a lease: since the submission, or since the attempt before was over. */
function queued(traces: Traces, { leases }: State, leaseId: string, find: Find): void {
  const lease = leases.get(leaseId)?.lease;
  const found = lease && find(lease.jobId);
  if (lease === undefined || found === undefined) return;
  const { job, under } = found;
  const before = job.leaseIds[job.leaseIds.indexOf(leaseId) - 1];
  const sinceMs = before === undefined ? job.submittedAtMs : leases.get(before)?.endedAtMs;
  if (sinceMs == null) return; // A further site of a run that goes on: it did not wait.
  traces.record(spanOf(under, `queued ${leaseId}`), {
    ...{ name: "job.queued", parent: jobSpan(under, job.jobId) },
    ...{ startMs: sinceMs, endMs: lease.grantedAtMs },
    attributes: attributesOf(job.jobId, lease),
  });
}

/** What a lease was used for: on its way to the site, then running. */
function held(traces: Traces, { leases }: State, leaseId: string, find: Find): void {
  const lease = leases.get(leaseId);
  const found = lease && find(lease.lease.jobId);
  if (lease === undefined || found === undefined || lease.endedAtMs === null) return;
  const { job, under } = found;
  const { endedAtMs } = lease;
  const ranMs = lease.end?.usage.ranMs ?? 0;
  const { grantedAtMs } = lease.lease;
  // A job that is over in a moment ends before its site has said that it runs.
  const ranFromMs = ranMs > 0 ? Math.max(grantedAtMs, endedAtMs - ranMs) : null;
  const startedAtMs = lease.startedAtMs ?? ranFromMs;
  const parent = jobSpan(under, job.jobId);
  const outcome = lease.end?.outcome ?? "unknown";
  const attributes = { ...attributesOf(job.jobId, lease.lease), "tequio.outcome": outcome };
  traces.record(spanOf(under, `leased ${leaseId}`), {
    ...{ name: "job.leased", parent, attributes },
    ...{ startMs: grantedAtMs, endMs: startedAtMs ?? endedAtMs },
  });
  if (startedAtMs === null) return;
  traces.record(runSpan(under, leaseId), {
    ...{ name: "job.running", parent, attributes, startMs: startedAtMs, endMs: endedAtMs },
    failed: outcome === "failed",
  });
}

/** The whole life. */
function over(traces: Traces, jobId: string, find: Find): void {
  const found = find(jobId);
  if (found === undefined) return;
  const { job, under } = found;
  traces.record(jobSpan(under, jobId), {
    ...{ name: "job", parent: under, startMs: job.submittedAtMs },
    endMs: job.endedAtMs ?? spanNowMs(),
    attributes: {
      ...{ "tequio.job.id": jobId, "tequio.attempts": job.attempts },
      ...{ "tequio.outcome": job.outcome ?? "unknown" },
      ...(job.exitCode === null ? {} : { "tequio.exit_code": job.exitCode }),
    },
    failed: job.outcome === "failed",
  });
}

const attributesOf = (
  jobId: string,
  lease: { readonly leaseId: string; readonly attempt: number; readonly siteId: string },
): Record<string, string | number> => ({
  ...{ "tequio.job.id": jobId, "tequio.lease.id": lease.leaseId },
  ...{ "tequio.attempt": lease.attempt, "tequio.site.id": lease.siteId },
});

// Jobs: submitting, listing, showing, cancelling, explaining.
import { createHash } from "node:crypto";
import { type JobParsed, toJobSpec } from "@tequio/contract";
import type { JobState, State } from "@tequio/core/controller";
import { type Outcome, ok, type Permission, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { jobDetail, jobStateName, jobView, whyView } from "../../views/jobs.ts";
import { isCursor, jobPage } from "../../views/pages.ts";
import { hiddenValues } from "../../views/private.ts";
import type { Caller } from "../caller.ts";
import { refuseJob, refuseUnless, visibleJobs } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";

/** The job by its id. Refuses NOT_FOUND, with a hint for an array. */
export function findJob(state: State, id: string): Outcome<JobState> {
  const job = state.jobs.get(id);
  if (job !== undefined) return ok(job);
  const tasks = state.arrays.get(id);
  if (tasks === undefined) {
    return refuse("NOT_FOUND", `There is no job ${id}.`, "List jobs with `tequio jobs`.");
  }
  const hint = `Name one of its tasks, e.g. ${tasks[0]}.`;
  return refuse("NOT_FOUND", `${id} is an array of ${tasks.length} jobs.`, hint);
}

/** The job by its id, if the caller may do this to it. Refuses NOT_FOUND and FORBIDDEN. */
export function permittedJob(
  context: Context,
  caller: Caller,
  what: Permission,
  id: string,
): Outcome<JobState> {
  const job = findJob(context.pump.state, id);
  if (!job.ok) return job;
  return refuseJob(context, caller, what, job.value) ?? job;
}

/** A cursor that this server has given out, or a refusal. */
export function checkCursor(cursor: string | undefined): Outcome<string | undefined> {
  if (cursor === undefined || isCursor(cursor)) return ok(cursor);
  const hint = "Use the `nextCursor` of the page before, unchanged.";
  return refuse("INVALID_REQUEST", `\`cursor\`: ${cursor} is not one of ours.`, hint, "cursor");
}

/** The same request gives the same digest, however its fields were ordered. */
export const digestOfRequest = (body: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(sorted(body)))
    .digest("hex");

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, one]) => [name, sorted(one)]));
}

type JobEndpoints = "submitJob" | "listJobs" | "getJob" | "cancelJob" | "whyJob";

export const jobHandlers: Handlers<JobEndpoints> = {
  async submitJob({ context, caller, body, idempotencyKey }) {
    const user = userOf(caller);
    const submission = toJobSpec(body as JobParsed, user);
    if (!submission.ok) return submission;
    const { spec, array } = submission.value;
    const target = { project: spec.project, owner: user };
    const refused = refuseUnless(context, caller, "jobs.submit", target);
    if (refused !== undefined) return refused;
    // Two users may have the same idea of a key.
    const key =
      idempotencyKey === undefined
        ? null
        : { key: `${user} ${idempotencyKey}`, digest: digestOfRequest(body) };
    const taken = await context.pump.submit({ type: "submit", spec, array: array ?? null, key });
    if (!taken.ok) return taken;
    const { jobId, tasks } = taken.value as { jobId: string; tasks: number };
    const { state } = context.pump;
    const job = state.jobs.get(jobId);
    return ok({ id: jobId, tasks, state: job === undefined ? "queued" : jobStateName(state, job) });
  },

  listJobs({ context, caller, query }) {
    const { state, plan } = context.pump;
    const cursor = checkCursor(query.cursor);
    if (!cursor.ok) return cursor;
    const { arrayId } = query;
    if (arrayId !== undefined && !state.arrays.has(arrayId)) {
      return refuse("NOT_FOUND", `There is no array ${arrayId}.`, "List jobs without it.");
    }
    const filter = { ...query, visible: visibleJobs(context, caller, "jobs.read") };
    const { jobs, nextCursor } = jobPage(state, filter, query.limit, cursor.value);
    const rows = jobs.map((job) => jobView(state, plan, job));
    return ok(nextCursor === undefined ? { rows } : { rows, nextCursor });
  },

  getJob({ context, caller, params }) {
    const { state, plan } = context.pump;
    const job = permittedJob(context, caller, "jobs.read", params.id);
    if (!job.ok) return job;
    const detail = jobDetail(state, plan, job.value);
    const inside = refuseJob(context, caller, "logs.read", job.value) === undefined;
    return ok(inside ? detail : { ...detail, env: hiddenValues(detail.env) });
  },

  async cancelJob({ context, caller, params }) {
    const { state } = context.pump;
    // The tasks of an array have one user and one project.
    const job = state.jobs.get(state.arrays.get(params.id)?.[0] ?? params.id);
    const refused = job && refuseJob(context, caller, "jobs.cancel", job);
    if (refused !== undefined) return refused;
    const cancelled = await context.pump.submit({
      type: "cancel",
      jobId: params.id,
      by: userOf(caller),
    });
    return cancelled as Outcome<{ cancelled: string[] }>;
  },

  whyJob({ context, caller, params }) {
    const { state, plan } = context.pump;
    const job = permittedJob(context, caller, "jobs.read", params.id);
    return job.ok ? ok(whyView(state, plan, job.value, context.now())) : job;
  },
};

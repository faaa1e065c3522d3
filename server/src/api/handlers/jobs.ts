// Jobs: submitting, listing, showing, cancelling, explaining.
import { createHash } from "node:crypto";
import { type JobParsed, toJobSpec } from "@tequio/contract";
import type { JobState, State } from "@tequio/core/controller";
import { assert, type Outcome, ok, type Permission, type Refusal, refuse } from "@tequio/core/pool";
import { refuseOwn } from "../../aggregator/own-model.ts";
import type { Context } from "../../context.ts";
import type { FoundJob } from "../../history/history.ts";
import { withTraceparent } from "../../traces/job-life.ts";
import { jobDetail, jobStateName, jobView } from "../../views/jobs.ts";
import { isCursor } from "../../views/pages.ts";
import { hiddenValues } from "../../views/private.ts";
import { telling, whyView } from "../../views/why.ts";
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

/** The same for a job that may have left the state; with the state to look up its leases in. */
export async function permittedPast(
  context: Context,
  caller: Caller,
  what: Permission,
  id: string,
): Promise<Outcome<FoundJob>> {
  const found = await context.history.find(id);
  if (!found.ok) return found;
  if (found.value === undefined) {
    const task = await context.history.findTask(id);
    if (!task.ok) return task;
    const known = findJob(task.value?.state ?? context.pump.state, id);
    assert(!known.ok, "a job that is in the state was found there");
    return known;
  }
  const { state, job } = found.value;
  return refuseJob({ pump: { state } }, caller, what, job) ?? ok(found.value);
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

/** Why the caller may not serve this run; undefined if it may, or serves none. */
function refuseServing(
  context: Context,
  caller: Caller,
  runId: string | undefined,
): Refusal | undefined {
  if (runId === undefined) return undefined;
  const run = permittedJob(context, caller, "runs.sample", runId);
  if (!run.ok) return { ...run, at: "serve" };
  if (run.value.spec.run !== undefined) return refuseOwn(run.value);
  const hint = "List runs with `tequio runs`.";
  return refuse("NOT_FOUND", `Job ${runId} is no run.`, hint, "serve");
}

type JobEndpoints =
  | ("submitJob" | "listJobs" | "getJob" | "cancelJob" | "whyJob")
  | "checkpointJob";

export const jobHandlers: Handlers<JobEndpoints> = {
  async submitJob({ context, caller, body, idempotencyKey, traceparent }) {
    const user = userOf(caller);
    const submission = toJobSpec(body as JobParsed, user);
    if (!submission.ok) return submission;
    const { array } = submission.value;
    const spec = withTraceparent(submission.value.spec, traceparent);
    const target = { project: spec.project, owner: user };
    const refused = refuseUnless(context, caller, "jobs.submit", target);
    if (refused !== undefined) return refused;
    const unserved = refuseServing(context, caller, spec.serves);
    if (unserved !== undefined) return unserved;
    // Two users may have the same idea of a key.
    const key =
      idempotencyKey === undefined
        ? null
        : { key: `${user} ${idempotencyKey}`, digest: digestOfRequest(body) };
    const past = await context.history.past(spec);
    if (!past.ok) return past;
    const taken = await context.pump.submit({
      ...{ type: "submit", spec, array: array ?? null, key },
      ...(past.value.length === 0 ? {} : { past: past.value }),
    });
    if (!taken.ok) return taken;
    const { jobId, tasks } = taken.value as { jobId: string; tasks: number };
    const { state } = context.pump;
    const job = state.jobs.get(jobId);
    if (job !== undefined) return ok({ id: jobId, tasks, state: jobStateName(state, job) });
    // An array is more than one of its tasks; a repeated submission may find its job long over.
    return ok({ id: jobId, tasks, state: state.arrays.has(jobId) ? "queued" : "ended" });
  },

  async listJobs({ context, caller, query }) {
    const { state, plan } = context.pump;
    const cursor = checkCursor(query.cursor);
    if (!cursor.ok) return cursor;
    const { arrayId } = query;
    if (arrayId !== undefined && !state.arrays.has(arrayId)) {
      const task = await context.history.findTask(arrayId);
      if (!task.ok) return task;
      if (task.value === undefined)
        return refuse("NOT_FOUND", `There is no array ${arrayId}.`, "List jobs without it.");
    }
    const filter = { ...query, visible: visibleJobs(context, caller, "jobs.read") };
    const page = await context.history.page(filter, query.limit, cursor.value);
    if (!page.ok) return page;
    const { nextCursor } = page.value;
    const rows = page.value.rows.map(({ state: of, job }) => jobView(of, plan, job));
    return ok(nextCursor === undefined ? { rows } : { rows, nextCursor });
  },

  async getJob({ context, caller, params }) {
    const found = await permittedPast(context, caller, "jobs.read", params.id);
    if (!found.ok) return found;
    const { state, job } = found.value;
    const detail = jobDetail(state, context.pump.plan, job);
    const inside = refuseJob({ pump: { state } }, caller, "logs.read", job) === undefined;
    return ok(inside ? detail : { ...detail, env: hiddenValues(detail.env) });
  },

  async cancelJob({ context, caller, params }) {
    const { state } = context.pump;
    // The tasks of an array have one user and one project.
    const job = state.jobs.get(state.arrays.get(params.id)?.[0] ?? params.id);
    if (job === undefined) return cancelPast(context, caller, params.id);
    const refused = refuseJob(context, caller, "jobs.cancel", job);
    if (refused !== undefined) return refused;
    const cancelled = await context.pump.submit({
      type: "cancel",
      jobId: params.id,
      by: userOf(caller),
    });
    return cancelled as Outcome<{ cancelled: string[] }>;
  },

  async checkpointJob({ context, caller, params }) {
    const found = findJob(context.pump.state, params.id);
    if (!found.ok) return found;
    const refused = refuseJob(context, caller, "jobs.cancel", found.value);
    if (refused !== undefined) return refused;
    const noted = await context.pump.submit({ type: "checkpoint", jobId: params.id });
    return noted as Outcome<{ jobId: string; atMs: number }>;
  },

  async whyJob({ context, caller, params }) {
    const array = telling(context.pump.state, params.id);
    const id = array?.jobId ?? params.id;
    const found = await permittedPast(context, caller, "jobs.read", id);
    if (!found.ok) return found;
    const asked = { ...found.value, nowMs: context.now() };
    return ok(await whyView(context.pump, array ? { ...asked, array: params.id } : asked));
  },
};

/** A job or an array that has left the state has ended: nothing is cancelled. */
async function cancelPast(
  context: Context,
  caller: Caller,
  id: string,
): Promise<Outcome<{ cancelled: string[] }>> {
  const own = await context.history.find(id);
  if (!own.ok) return own;
  const found = own.value === undefined ? await context.history.findTask(id) : own;
  if (!found.ok) return found;
  if (found.value === undefined) {
    return refuse("NOT_FOUND", `There is no job ${id}.`, "List jobs with `tequio jobs`.");
  }
  const { state, job } = found.value;
  return refuseJob({ pump: { state } }, caller, "jobs.cancel", job) ?? ok({ cancelled: [] });
}

// Spanning runs for people: listing, watching, pausing, sampling.
import type { JobState } from "@tequio/core/controller";
import { type Outcome, ok, type Permission, refuse } from "@tequio/core/pool";
import { refuseOwn } from "../../aggregator/own-model.ts";
import { readVector } from "../../aggregator/vectors.ts";
import type { Context } from "../../context.ts";
import { runDetail, runView } from "../../views/runs.ts";
import type { Caller } from "../caller.ts";
import { visibleJobs } from "../may.ts";
import type { Handlers } from "../table.ts";
import { checkCursor, permittedJob } from "./jobs.ts";

/** Samples under way. Each keeps a core busy for seconds. */
const SAMPLES_MAX = 4;
let sampling = 0;

/** The job of a run. Refuses NOT_FOUND, also for a job that is no run, and FORBIDDEN. */
export function findRun(
  context: Context,
  caller: Caller,
  what: Permission,
  id: string,
): Outcome<JobState> {
  const job = permittedJob(context, caller, what, id);
  if (job.ok && job.value.spec.run === undefined) {
    return refuse("NOT_FOUND", `Job ${id} is no run.`, "List runs with `tequio runs`.");
  }
  return job;
}

type RunEndpoints = "listRuns" | "getRun" | "changeRun" | "sampleRun";

export const runHandlers: Handlers<RunEndpoints> = {
  listRuns({ context, caller, query }) {
    const { pump, runs, now } = context;
    const cursor = checkCursor(query.cursor);
    if (!cursor.ok) return cursor;
    const below = cursor.value === undefined ? Number.POSITIVE_INFINITY : Number(cursor.value);
    const visible = visibleJobs(context, caller, "runs.read");
    const rows: ReturnType<typeof runView>[] = [];
    for (let i = runs.ids.length - 1; i >= 0; i -= 1) {
      const id = runs.ids[i]!;
      if (Number(id) >= below) continue;
      const job = pump.state.jobs.get(id)!;
      if (visible?.(job) === false) continue;
      if (rows.length === query.limit) return ok({ rows, nextCursor: rows.at(-1)!.id });
      rows.push(runView(pump.state, job, now()));
    }
    return ok({ rows });
  },

  getRun({ context, caller, params }) {
    const { pump, replicas, now } = context;
    const job = findRun(context, caller, "runs.read", params.id);
    if (!job.ok) return job;
    const serving = replicas.viewsOf(params.id);
    const detail = runDetail(pump.state, job.value, pump.plan, now());
    return ok(serving.length === 0 ? detail : { ...detail, replicas: [...serving] });
  },

  async changeRun({ context, caller, params, body }) {
    const { pump, now } = context;
    const job = findRun(context, caller, "runs.change", params.id);
    if (!job.ok) return job;
    if (job.value.stage === "ended") {
      return refuse("WRONG_STATE", `Run ${params.id} has ended.`, "Submit it again.");
    }
    if (!pump.state.runs.has(params.id)) {
      const hint = "Wait until its first model is made, or cancel the job.";
      return refuse("WRONG_STATE", `Run ${params.id} has not begun.`, hint);
    }
    const changed = await pump.submit({
      type: "run",
      jobId: params.id,
      input: { type: body.action },
    });
    if (!changed.ok) return changed;
    return ok(runView(pump.state, pump.state.jobs.get(params.id)!, now()));
  },

  async sampleRun({ context, caller, params, body }) {
    const { pump, trainer, store } = context;
    const job = findRun(context, caller, "runs.sample", params.id);
    if (!job.ok) return job;
    const run = pump.state.runs.get(params.id);
    if (run === undefined) {
      return refuse("WRONG_STATE", `Run ${params.id} has no model yet.`, "Try again soon.");
    }
    if (trainer === undefined) {
      return refuse("WRONG_STATE", "This control plane has no trainer.", "Start it with one.");
    }
    const unknown = refuseOwn(job.value);
    if (unknown !== undefined) return unknown;
    if (sampling >= SAMPLES_MAX) {
      return refuse("TOO_MANY", `${sampling} samples are under way.`, "Try again in a moment.");
    }
    sampling += 1;
    try {
      const { round } = run.machine;
      const model = await readVector(store.blobs, run.machine.model.modelBlob);
      if (!model.ok) return model;
      const text = await trainer.sample(job.value.spec.run!, model.value, body);
      return ok({ text, round });
    } finally {
      sampling -= 1;
    }
  },
};

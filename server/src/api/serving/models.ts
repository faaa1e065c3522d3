// The models that are served: every run that has one, as `run-3`, or `run-3@12` for the model of a
// round that is kept.
import type { JobState, RunState } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { modelOf, type RunModel } from "../../run-models.ts";
import type { Caller } from "../caller.ts";
import { findRun } from "../handlers/runs.ts";
import { visibleJobs } from "../may.ts";

const NAME = /^run-([0-9]{1,15})(?:@([0-9]{1,9}))?$/;
/** Rows of the list: clients show it in a menu. */
const LISTED_MAX = 500;

export interface ServedModel {
  /** As the answer names it, always with its round. */
  readonly name: string;
  readonly job: JobState;
  readonly run: RunState;
  readonly model: RunModel;
}

/** The model by its name, if the caller may let it write. Refuses NOT_FOUND and FORBIDDEN. */
export function findModel(context: Context, caller: Caller, name: string): Outcome<ServedModel> {
  const [, id, round] = NAME.exec(name) ?? [];
  const shown = name.slice(0, 80);
  const unknown = (hint: string): Outcome<never> =>
    refuse("NOT_FOUND", `The model \`${shown}\` does not exist.`, hint, "model");
  if (id === undefined) return unknown("Models are named `run-3`, or `run-3@12` for a round.");
  const job = findRun(context, caller, "runs.sample", id);
  if (!job.ok) return job.code === "NOT_FOUND" ? unknown("List them: GET /openai/v1/models.") : job;
  const run = context.pump.state.runs.get(id);
  if (run === undefined) return unknown("Its first model is being made; try again soon.");
  const model = modelOf(run, round === undefined ? undefined : Number(round));
  if (!model.ok) return unknown(model.hint);
  const full = `run-${id}@${model.value.round}`;
  return ok({ name: full, job: job.value, run, model: model.value });
}

/** The model as it is served: without a round, the newest that a replica can write with now. */
export async function heldModel(
  { replicas, store }: Context,
  served: ServedModel,
  name: string,
): Promise<ServedModel> {
  if (name.includes("@")) return served;
  const model = replicas.modelFor(served.run);
  if (model.digest === served.model.digest) return served;
  // Should all replicas go, the pool's own engine needs its bytes.
  if (!(await store.blobs.has(model.blob))) return served;
  return { ...served, model, name: `run-${served.run.jobId}@${model.round}` };
}

/** A row of the list. */
export const modelRow = (id: string, { job, run }: Pick<ServedModel, "job" | "run">): object => ({
  ...{ id, object: "model", created: Math.floor(run.startedAtMs / 1_000) },
  owned_by: job.spec.project,
});

/** The runs that the caller may let write, newest first. */
export function modelRows(context: Context, caller: Caller): readonly object[] {
  const { pump, runs } = context;
  const visible = visibleJobs(context, caller, "runs.sample");
  const rows: object[] = [];
  for (let i = runs.ids.length - 1; i >= 0 && rows.length < LISTED_MAX; i -= 1) {
    const job = pump.state.jobs.get(runs.ids[i]!);
    const run = pump.state.runs.get(runs.ids[i]!);
    if (job === undefined || run === undefined || visible?.(job) === false) continue;
    rows.push(modelRow(`run-${job.jobId}`, { job, run }));
  }
  return rows;
}

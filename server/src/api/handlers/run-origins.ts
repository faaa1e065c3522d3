// Before and after a run: what it would take, the signed lineage of its model, and forks, which are
// runs that begin with a model of another.
import { type JobParsed, parseWith, RunWire, toJobSpec, toRunSpec } from "@tequio/contract";
import { planRun } from "@tequio/core/controller";
import { type JobSpec, LIMITS, type Outcome, ok, type RunSpec, refuse } from "@tequio/core/pool";
import { modelOf, originOf } from "../../run-models.ts";
import { withTraceparent } from "../../traces/job-life.ts";
import { lineageCard } from "../../views/lineage.ts";
import { planView } from "../../views/run-plan.ts";
import { refuseUnless } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";
import { digestOfRequest } from "./jobs.ts";
import { findRun } from "./runs.ts";

/** What belongs to the model and not to the way in which it is trained. */
const FIXED: ReadonlySet<string> = new Set(["model", "own", "from", "tokenizer"]);

const noModel = (id: string): Outcome<never> =>
  refuse("WRONG_STATE", `Run ${id} has no model yet.`, "Try again soon.");

export const runOriginHandlers: Handlers<"planRun" | "forkRun" | "getLineage"> = {
  planRun({ context, caller, body }) {
    const { state } = context.pump;
    const user = userOf(caller);
    const submission = toJobSpec(body as JobParsed, user);
    if (!submission.ok) return submission;
    const { spec } = submission.value;
    const target = { project: spec.project, owner: user };
    const refused = refuseUnless(context, caller, "jobs.submit", target);
    if (refused !== undefined) return refused;
    const plan = planRun(state, spec);
    return plan.ok ? ok(planView(plan.value)) : plan;
  },

  getLineage({ context, caller, params }) {
    const { pump, lineageKey } = context;
    const job = findRun(context, caller, "runs.read", params.id);
    if (!job.ok) return job;
    const run = pump.state.runs.get(params.id);
    if (run === undefined) return noModel(params.id);
    return ok(lineageKey.sign(lineageCard(pump.state, job.value, run)));
  },

  async forkRun({ context, caller, params, body, idempotencyKey, traceparent }) {
    const { pump } = context;
    const user = userOf(caller);
    const job = findRun(context, caller, "blobs.read", params.id);
    if (!job.ok) return job;
    const parent = job.value.spec;
    const target = { project: parent.project, owner: user };
    const refused = refuseUnless(context, caller, "jobs.submit", target);
    if (refused !== undefined) return refused;
    const run = pump.state.runs.get(params.id);
    if (run === undefined) return noModel(params.id);
    const model = modelOf(run, body.round);
    if (!model.ok) return model;
    const changed = changedRun(parent.run!, body.set);
    if (!changed.ok) return changed;
    const from = originOf(run, parent.run!, model.value);
    const name = body.name ?? `${parent.name}-fork`.slice(0, LIMITS.NAME_CHARS_MAX);
    const spec: JobSpec = {
      ...forked(parent, user),
      ...{ name, run: { ...changed.value, from } },
    };
    const past = await context.history.past(spec);
    if (!past.ok) return past;
    const key =
      idempotencyKey === undefined
        ? null
        : { key: `${user} ${idempotencyKey}`, digest: digestOfRequest([params.id, body]) };
    const taken = await pump.submit({
      ...{ type: "submit", spec: withTraceparent(spec, traceparent), array: null, key },
      ...(past.value.length === 0 ? {} : { past: past.value }),
    });
    if (!taken.ok) return taken;
    const { jobId } = taken.value as { jobId: string };
    const { runId, round, digest } = from;
    return ok({ id: jobId, from: { runId, round, digest } });
  },
};

/** The parent's job for another user: what was private in it stays behind. */
function forked({ deadline: _, groups, ...spec }: JobSpec, user: string): JobSpec {
  const own = spec.user === user;
  return {
    ...spec,
    user,
    groups: groups.map((group) => ({ ...group, env: own ? group.env : {} })),
    dependencies: [],
  };
}

/** The run with other settings. Refuses INVALID_REQUEST, naming the setting. */
function changedRun(
  { from: _, ...run }: RunSpec,
  set: Readonly<Record<string, unknown>>,
): Outcome<RunSpec> {
  const wire: Record<string, unknown> = { ...run };
  const stop: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(set)) {
    // Tokens are trained on the corpus: those of another one would mean nothing to the model.
    const tokens = name === "corpus" && run.tokenizer !== undefined;
    if (tokens || FIXED.has(name) || name.startsWith("model.")) {
      const hint = "A fork has its parent's model; submit a new run for another.";
      return refuse("INVALID_REQUEST", `\`${name}\` cannot be set.`, hint, `set.${name}`);
    }
    if (name.startsWith("stop.")) stop[name.slice("stop.".length)] = value;
    else wire[name] = value;
  }
  if (Object.keys(stop).length > 0) wire.stop = stop;
  const parsed = parseWith(RunWire, wire);
  return parsed.ok ? ok(toRunSpec(parsed.value as NonNullable<JobParsed["run"]>)) : parsed;
}

// What a site does next in a run, from the round machine to the message for its worker. Pure.
import type { AssignmentView } from "@tequio/contract";
import type { JobState, LeaseState, RunState, State } from "@tequio/core/controller";
import type { OwnModel } from "@tequio/core/pool";
import {
  type Assignment,
  assignmentOf,
  explain,
  JOINER_RAMP_STEPS,
  siteOf,
} from "@tequio/core/training";
import { warmingSite } from "./runs.ts";

const FP32_BYTES = 4;
/** Fresh optimiser state for joiners this often; it is twice the size of the model. */
const MOMENTS_EVERY_ROUNDS = 10;

/** The message for the worker of a lease; `holds` is the round of the model copy that it has. */
export function assignmentView(
  state: State,
  job: JobState,
  lease: LeaseState,
  holds: number | undefined,
  nowMs: number,
): AssignmentView {
  const run = state.runs.get(job.jobId);
  const version = run?.version ?? 0;
  const stop = stopReason(job, lease, run);
  if (stop !== undefined) return { state: "stop", reason: stop, version };
  if (run === undefined) {
    return { state: "wait", reason: "the first model is being made", version };
  }
  const { siteId } = lease.lease;
  const stretch = assignmentOf(run.machine, siteId);
  if (stretch === undefined) {
    return { state: "wait", reason: waitReason(state, run, siteId), version };
  }
  return { state: "train", version, ...training(job, run, stretch, holds, nowMs) };
}

function stopReason(
  job: JobState,
  lease: LeaseState,
  run: RunState | undefined,
): string | undefined {
  const phase = run?.machine.phase;
  if (phase?.kind === "finished") return `the run is over: ${phase.reason}`;
  if (lease.stop !== null) return lease.stop.reason;
  return job.stage === "ended" ? `the job has ended: ${job.message}` : undefined;
}

function waitReason(state: State, run: RunState, siteId: string): string {
  const warming = warmingSite(run);
  if (warming !== undefined && warming !== siteId) {
    return `${state.sites.get(warming)?.member ?? warming} warms the model up first`;
  }
  const { sites, run: whole } = explain(run.machine);
  const own = sites.find((site) => site.siteId === siteId);
  return own?.reason ?? whole?.reason ?? "the run has not taken this site yet";
}

type Training = Omit<AssignmentView, "state" | "version">;

function training(
  job: JobState,
  { machine }: RunState,
  stretch: Assignment,
  holds: number | undefined,
  nowMs: number,
): Training {
  const spec = job.spec.run!;
  const { config, model } = machine;
  const { round, modelDigest, innerSteps, batch } = stretch;
  const newest = round === machine.round;
  const stepFits = newest && holds === round - 1 && model.stepBlob !== null;
  const fresh = isFresh(machine, stretch.siteId);
  const rampSteps = stretch.rampSteps > 0 ? stretch.rampSteps : JOINER_RAMP_STEPS;
  return {
    reason: `${innerSteps} steps of batch ${batch} in round ${round}`,
    ...{ round, model: spec.model, corpus: spec.corpus, seed: config.data.seed },
    ...(spec.tokenizer === undefined ? {} : { tokenizer: spec.tokenizer }),
    parameters: config.parameters,
    ...(spec.own === undefined ? {} : { own: ownOf(spec.own) }),
    modelDigest,
    // The blob of a model holds its very bytes, so it goes by the same digest.
    modelBlob: modelDigest,
    modelBytes: FP32_BYTES * config.parameters,
    ...(stepFits ? { steps: [{ round, digest: model.stepBlob!, bytes: model.stepBytes }] } : {}),
    ...(model.momentsBlob === null ? {} : { momentsBlob: model.momentsBlob }),
    ...{ innerSteps, batch },
    ...(spec.optimiser === undefined ? {} : { optimiser: spec.optimiser }),
    learningRateStart: stretch.lrStart,
    learningRateEnd: stretch.lrEnd,
    learningRatePeak: config.learningRate.peak,
    ranges: stretch.dataRange.map(({ pass, from, to }) => ({ pass, from, to })),
    windows: config.data.windows,
    // With another site's moments there is nothing to ramp up.
    rampSteps: fresh && model.momentsBlob === null ? rampSteps : 0,
    timeLeftMs: Math.max(0, stretch.deadlineMs - nowMs),
    codec: stretch.codec,
    wantsMoments: wantsMoments(machine, stretch),
  };
}

const ownOf = ({ layout }: OwnModel) => (layout === undefined ? {} : { layout });

/** A site that has given nothing yet starts without an optimiser state of its own. */
function isFresh(machine: RunState["machine"], siteId: string): boolean {
  return (siteOf(machine, siteId)?.lastOffered ?? null) === null;
}

/** Joiners should find moments that are not too old; one site a round is enough to give them. */
function wantsMoments(machine: RunState["machine"], stretch: Assignment): boolean {
  const { phase, model, assignments } = machine;
  if (phase.kind === "open" && phase.warmUp) return true;
  if (assignments[0]?.siteId !== stretch.siteId) return false;
  return model.momentsBlob === null || stretch.round % MOMENTS_EVERY_ROUNDS === 0;
}

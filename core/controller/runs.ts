// Decisions about spanning runs: from a job to a run, its sites coming and going, its end. The
// rounds themselves are decided by the machine in core/training; here it is connected to jobs and
// leases.
import {
  type JobOutcome,
  type LeaseEnd,
  type Outcome,
  ok,
  type RunSpec,
  refuse,
} from "../pool/index.ts";
import type { WaitingView } from "../scheduler/index.ts";
import {
  type Codec,
  decisions,
  nextWakeMs,
  type RunConfig,
  type RunEvent,
} from "../training/index.ts";
import type { Input, RunInput } from "./input.ts";
import { offerOf } from "./lending.ts";
import { openLeasesOf, theJob, theLease } from "./lookup.ts";
import { linkOf, spanOutlook } from "./span.ts";
import type { JobState, LeaseState, RunState, State } from "./state.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";

/** A site whose worker failed so often in a row is not tried again in this run. */
const WORKER_FAILURES_MAX = 3;

/** Time that workers have to end by themselves when their run is over. */
const FINISH_GRACE_MS = 10_000;

type Prepare = Extract<Input, { type: "prepareRun" }>;

/** The first model is there: from now on the run takes sites. */
export function prepareRun(step: Step, input: Prepare): Outcome<unknown> {
  const { state, emit } = step;
  const { jobId } = input;
  const spec = state.jobs.get(jobId)?.spec.run;
  if (spec === undefined) return noRun(jobId);
  if (state.runs.has(jobId) || theJob(state, jobId).stage === "ended") return ok(undefined);
  const config = configOf(spec, input);
  emit({ type: "run.prepared", jobId, config, heldOutLoss: input.heldOutLoss });
  return ok(undefined);
}

/** Steps of the ramp at the start of warm-up; the reference measurements used 20. */
const RAMP_STEPS = 20;

/** Workers start within about this time of each other; the fastest should warm the model up. */
const GATHER_MS = 2_500;

function configOf(spec: RunSpec, input: Prepare): RunConfig {
  return {
    model: spec.model,
    parameters: input.parameters,
    context: spec.model.context,
    ...(spec.innerSteps === undefined ? {} : { innerSteps: spec.innerSteps }),
    referenceBatch: spec.referenceBatch,
    maxBatch: spec.maxBatch,
    ...(spec.optimiser === undefined ? {} : { optimiser: spec.optimiser }),
    batchSizes: input.batchSizes.filter((size) => size <= spec.maxBatch),
    ...(spec.codecUp === undefined ? {} : { codecUp: spec.codecUp as Codec }),
    codecDown: (spec.codecDown ?? "int8") as Codec,
    // A model that goes on is warm already.
    warmUpSteps: spec.from === undefined ? spec.warmUpSteps : 0,
    learningRate: { peak: spec.learningRate, warmUp: spec.learningRate, rampSteps: RAMP_STEPS },
    stop: spec.stop,
    quorum: { share: 0.5, min: 1 },
    gatherMs: GATHER_MS,
    data: { windows: input.windows, seed: spec.seed },
    // `maxMembers` is kept by leases: the machine would count sites that left, and a run whose
    // sites were replaced would be full for ever.
    start: {
      modelDigest: input.modelDigest,
      modelBlob: input.modelBlob,
      ...(spec.from?.checkpointBlob == null ? {} : { checkpointBlob: spec.from.checkpointBlob }),
      ...(spec.from?.momentsBlob == null ? {} : { momentsBlob: spec.from.momentsBlob }),
    },
  };
}

/** The run cannot begin; its job fails with the reason. */
export function failRun(step: Step, jobId: string, message: string): Outcome<unknown> {
  const job = step.state.jobs.get(jobId);
  if (job?.spec.run === undefined) return noRun(jobId);
  // Once it was prepared a run ends by its machine or with its sites.
  if (job.stage !== "ended" && !step.state.runs.has(jobId)) {
    endRunJob(step, job, "failed", message);
  }
  return ok(undefined);
}

const noRun = (jobId: string): Outcome<unknown> =>
  refuse("NOT_FOUND", `There is no run ${jobId}.`, "List runs with `tequio runs`.");

/** Gives the round machine a fact; answers what it decided, e.g. why it refused something. */
export function advanceRun(step: Step, jobId: string, input: RunInput): Outcome<unknown> {
  const run = step.state.runs.get(jobId);
  if (run === undefined) return noRun(jobId);
  if (theJob(step.state, jobId).stage === "ended") {
    return refuse("WRONG_STATE", `Run ${jobId} has ended.`, "Stop working for it.");
  }
  if (input.type === "round.aggregated") lookAtHours(step, run);
  return ok({ events: feed(step, run, input) });
}

/** The next round is planned by what owners let it use of their links at this hour. */
function lookAtHours(step: Step, run: RunState): void {
  for (const { siteId, here, link, tokensPerSecondHint } of run.machine.sites) {
    const site = step.state.sites.get(siteId);
    if (!here || site === undefined || offerOf(step.state, site).bandwidth === undefined) continue;
    const { upCapMbitPerS: up, downCapMbitPerS: down } = linkOf(step.state, siteId);
    if (up === link.upCapMbitPerS && down === link.downCapMbitPerS) continue;
    const { upCapMbitPerS: _up, downCapMbitPerS: _down, ...measured } = link;
    const now = {
      ...measured,
      ...(up === undefined ? {} : { upCapMbitPerS: up }),
      ...(down === undefined ? {} : { downCapMbitPerS: down }),
    };
    const hint = tokensPerSecondHint === null ? {} : { tokensPerSecondHint };
    feed(step, run, { type: "site.available", siteId, link: now, ...hint });
  }
}

function feed(step: Step, run: RunState, input: RunInput): readonly RunEvent[] {
  const timed = { ...input, atMs: step.atMs } as Parameters<typeof decisions>[1];
  const events: RunEvent[] = [];
  for (const event of decisions(run.machine, timed)) {
    events.push(event);
    step.emit({ type: "run.advanced", jobId: run.jobId, event });
  }
  if (run.machine.phase.kind === "finished") finish(step, run);
  return events;
}

/** The machine has ended: workers go, and when the last has gone the job is completed. */
function finish(step: Step, run: RunState): void {
  const job = theJob(step.state, run.jobId);
  if (job.stage === "ended") return;
  const open = openLeasesOf(step.state, job);
  for (const lease of open) {
    stopLease(step, lease.lease.leaseId, "released", "the run is over", FINISH_GRACE_MS);
  }
  if (open.length === 0) endRunJob(step, job, job.cancelled ? "cancelled" : "completed", why(run));
}

const why = ({ machine }: RunState): string =>
  machine.phase.kind === "finished" ? machine.phase.reason : "";

function endRunJob(step: Step, job: JobState, outcome: JobOutcome, message: string): void {
  const exitCode = outcome === "completed" ? 0 : null;
  step.emit({ type: "job.ended", jobId: job.jobId, outcome, exitCode, message });
}

/** A site's lease ended: the run goes on without it, or the job is over. */
export function runLeaseEnded(step: Step, job: JobState, lease: LeaseState, end: LeaseEnd): void {
  const run = step.state.runs.get(job.jobId);
  const { siteId } = lease.lease;
  if (run === undefined) return;
  feed(step, run, { type: "site.gone", siteId });
  if (openLeasesOf(step.state, job).length > 0 || theJob(step.state, job.jobId).stage === "ended") {
    return;
  }
  const over = runJobEnd(step.state, job, run, end);
  if (over !== undefined) endRunJob(step, job, over.outcome, over.message);
  else {
    const reason = "waits for a site: its last one went away";
    step.emit({ type: "job.requeued", jobId: job.jobId, reason });
  }
}

/** How a run without any site left is over; undefined when it waits for the next one. */
function runJobEnd(
  state: State,
  job: JobState,
  run: RunState,
  end: LeaseEnd,
): { readonly outcome: JobOutcome; readonly message: string } | undefined {
  if (job.cancelled) return { outcome: "cancelled", message: "the job was cancelled" };
  if (run.machine.phase.kind === "finished") return { outcome: "completed", message: why(run) };
  if (end.outcome === "timeout") {
    return { outcome: "timeout", message: "its time limit was reached" };
  }
  if (!allFailed(state, job, run)) return undefined;
  return { outcome: "failed", message: `its workers failed: ${end.message}` };
}

/** True when every site that the run ever had is one whose worker fails. */
function allFailed(state: State, job: JobState, run: RunState): boolean {
  const sites = new Set(job.leaseIds.map((leaseId) => theLease(state, leaseId).lease.siteId));
  return [...sites].every((siteId) => (run.failures[siteId] ?? 0) >= WORKER_FAILURES_MAX);
}

/** Where a run may not get a (further) lease, or why it takes no site at all now. */
export function spanOf(state: State, job: JobState): NonNullable<WaitingView["spanning"]> | string {
  const run = state.runs.get(job.jobId);
  if (run === undefined) return "its first model is being made";
  if (job.cancelled || run.machine.phase.kind === "finished") return "the run is ending";
  const excludeSites = job.leaseIds
    .map((leaseId) => theLease(state, leaseId))
    .filter(({ stage }) => stage !== "ended")
    .map(({ lease }) => lease.siteId);
  for (const [siteId, count] of Object.entries(run.failures)) {
    if (count >= WORKER_FAILURES_MAX && !excludeSites.includes(siteId)) excludeSites.push(siteId);
  }
  const maxMembers = job.spec.run!.maxMembers;
  const span = { excludeSites, outlook: spanOutlook(state, job, run) };
  return maxMembers === undefined ? span : { ...span, maxMembers };
}

/** The control plane was away: the time of runs stood still from their last event until now. */
export function bootRuns(step: Step): void {
  for (const run of step.state.runs.values()) {
    if (theJob(step.state, run.jobId).stage === "ended" || run.machine.paused !== null) continue;
    for (const [type, atMs] of [
      ["pause", run.machine.nowMs],
      ["resume", step.atMs],
    ] as const) {
      for (const event of decisions(run.machine, { type, atMs })) {
        step.emit({ type: "run.advanced", jobId: run.jobId, event });
      }
    }
    if (run.machine.phase.kind === "finished") finish(step, run);
  }
}

/** Time passes for every run that has not ended. */
export function tickRuns(step: Step): void {
  for (const run of step.state.runs.values()) {
    if (theJob(step.state, run.jobId).stage === "ended") continue;
    const wakeMs = nextWakeMs(run.machine);
    if (wakeMs === null || wakeMs > step.atMs) continue;
    feed(step, run, { type: "tick" });
  }
}

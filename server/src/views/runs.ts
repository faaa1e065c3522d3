// Spanning runs as people watch them: state, progress, members and rounds, from the job, the round
// machine and the leases to the contract's views. Pure.
import type { RunDetail, RunView } from "@tequio/contract";
import {
  type JobState,
  type LeaseState,
  type RunState,
  type State,
  siteChoices,
} from "@tequio/core/controller";
import type { Plan } from "@tequio/core/scheduler";
import {
  assignmentOf,
  explain,
  type SiteState,
  type SiteTotals,
  tokensPerSecond,
} from "@tequio/core/training";
import { deviceMsOf } from "./jobs.ts";
import { endEstimateMs, progressOf } from "./progress.ts";

type RunMemberRow = RunView["members"][number];
type RoundView = RunDetail["rounds"][number];

const memberName = (state: State, siteId: string): string =>
  state.sites.get(siteId)?.member ?? siteId;

/** A run that has its job but no first model yet, or never got one. */
function unprepared(job: JobState): RunView {
  const ended = job.stage === "ended";
  return {
    id: job.jobId,
    ...{ name: job.spec.name, project: job.spec.project, model: job.spec.run!.model },
    state: ended ? "ended" : "queued",
    ...(job.outcome === null ? {} : { outcome: job.outcome }),
    ...(job.endedAtMs === null ? {} : { endedAtMs: job.endedAtMs }),
    reason: ended ? job.message : "its first model is being made",
    ...{ parameters: 0, round: 0, tokens: 0, progress: 0, bytesUp: 0, bytesDown: 0, members: [] },
  };
}

/** One run as a row of the list. */
export function runView(state: State, job: JobState, nowMs: number): RunView {
  const run = state.runs.get(job.jobId);
  if (run === undefined) return unprepared(job);
  const { machine } = run;
  const { spec } = job;
  const lossNow = run.rounds.findLast((round) => round.heldOutLoss !== null)?.heldOutLoss ?? null;
  const endMs = job.stage === "ended" ? undefined : endEstimateMs(run, nowMs);
  const sum = (of: (totals: SiteTotals) => number): number =>
    machine.totals.reduce((total, one) => total + of(one), 0);
  return {
    id: job.jobId,
    ...{ name: spec.name, project: spec.project, model: spec.run!.model },
    state: stateName(job, run),
    ...(job.outcome === null ? {} : { outcome: job.outcome }),
    reason: reasonOf(state, job, run),
    parameters: machine.config.parameters,
    ...(machine.clockStartMs === null ? {} : { startedAtMs: job.startedAtMs ?? run.startedAtMs }),
    ...(job.endedAtMs === null ? {} : { endedAtMs: job.endedAtMs }),
    round: machine.round,
    tokens: machine.tokensMerged + machine.warmUpTokens,
    progress: progressOf(run, nowMs),
    ...(endMs === undefined ? {} : { endEstimateMs: endMs }),
    ...(run.lossBefore === null ? {} : { lossBefore: run.lossBefore }),
    ...(lossNow === null ? {} : { lossNow }),
    bytesUp: sum((totals) => totals.bytesUp),
    bytesDown: sum((totals) => totals.bytesDown),
    ...(machine.model.checkpointBlob === null ? {} : { checkpoint: machine.model.checkpointBlob }),
    members: membersOf(state, job, run, nowMs),
  };
}

function stateName(job: JobState, { machine }: RunState): RunView["state"] {
  if (job.stage === "ended") return "ended";
  const { phase } = machine;
  if (machine.paused !== null && phase.kind !== "open") return "paused";
  if (phase.kind === "open") {
    if (!machine.sites.some((site) => site.here)) return "waiting";
    return phase.warmUp ? "warm-up" : "training";
  }
  if (phase.kind === "aggregating") return phase.warmUp ? "warm-up" : "training";
  if (phase.kind === "finished") return "waiting";
  return job.stage === "queued" && machine.clockStartMs === null ? "queued" : "waiting";
}

function reasonOf(state: State, job: JobState, run: RunState): string {
  if (job.stage === "ended") return job.message;
  if (run.machine.phase.kind === "finished") return "the run is over; its sites are stopping";
  const warming = warmingSite(run);
  if (warming !== undefined) return `${memberName(state, warming)} warms the model up first`;
  return explain(run.machine).run?.reason ?? "it goes on with the next round";
}

/** The site that trains the first steps alone, while it does. */
export function warmingSite({ machine }: RunState): string | undefined {
  const { phase, assignments } = machine;
  return phase.kind === "open" && phase.warmUp ? assignments[0]?.siteId : undefined;
}

function membersOf(state: State, job: JobState, run: RunState, nowMs: number): RunMemberRow[] {
  const leases = Map.groupBy(
    job.leaseIds.map((leaseId) => state.leases.get(leaseId)!),
    (held) => held.lease.siteId,
  );
  return run.machine.sites.map((site) =>
    memberRow(state, run, site, leases.get(site.siteId) ?? [], nowMs),
  );
}

function memberRow(
  state: State,
  run: RunState,
  site: SiteState,
  leases: readonly LeaseState[],
  nowMs: number,
): RunMemberRow {
  const { siteId } = site;
  const totals = run.machine.totals.find((one) => one.siteId === siteId);
  const stretch = assignmentOf(run.machine, siteId);
  const last = run.rounds.at(-1)?.rows.find((row) => row.siteId === siteId);
  const batch = stretch?.batch ?? last?.batch ?? 0;
  const measured = site.speed !== null && site.speed.count > 0 && batch > 0;
  return {
    member: memberName(state, siteId),
    siteId,
    state: memberState(run, site),
    tokens: totals?.tokensMerged ?? 0,
    tokensPerSecond: measured ? tokensPerSecond(site.speed!, batch, run.machine.config.context) : 0,
    rounds: totals?.roundsMerged ?? 0,
    bytesUp: totals?.bytesUp ?? 0,
    bytesDown: totals?.bytesDown ?? 0,
    computeMs: totals?.computeMs ?? 0,
    deviceMs: leases.reduce((sum, held) => sum + deviceMsOf(held, nowMs), 0),
    batch,
    ...(run.refusals?.[siteId] === undefined ? {} : { refused: run.refusals[siteId] }),
  };
}

function memberState({ machine }: RunState, site: SiteState): RunMemberRow["state"] {
  if (machine.phase.kind === "finished") return "left";
  if (!site.here) return site.away === null ? "left" : "away";
  if (site.quarantined) return "quarantined";
  return assignmentOf(machine, site.siteId) === undefined ? "waiting" : "training";
}

/** One run with its rounds, oldest first. */
export function runDetail(
  state: State,
  job: JobState,
  plan: Plan | undefined,
  nowMs: number,
): RunDetail {
  const rounds = state.runs.get(job.jobId)?.rounds ?? [];
  const sites = siteChoices(state, job, plan).map((choice) => ({
    ...choice,
    member: memberName(state, choice.siteId),
  }));
  return { ...runView(state, job, nowMs), rounds: roundViews(state, rounds), sites };
}

function roundViews(state: State, rounds: RunState["rounds"]): RoundView[] {
  return rounds.map((round) => ({
    round: round.round,
    phase: round.warmUp ? ("warm-up" as const) : ("pooled" as const),
    openedAtMs: round.openedAtMs,
    mergedAtMs: round.mergedAtMs,
    ...(round.heldOutLoss === null ? {} : { heldOutLoss: round.heldOutLoss }),
    rows: round.rows.map(({ siteId, share, norm, ...row }) => ({
      member: memberName(state, siteId),
      ...row,
      weight: share,
      norm: norm ?? 0,
    })),
  }));
}

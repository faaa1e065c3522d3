// The assembled stack: order, feasibility, gangs, rank, backfill and preemption, as one pass over
// the waiting jobs. Pure: the same snapshot gives the same plan, in whatever order it is listed.
import { type JobSpec, LIMITS } from "../pool/index.ts";
import { besideReservation, forecast, reserve } from "./backfill/reserve.ts";
import { BOUNDS } from "./bounds.ts";
import { type Demand, demandKey, makeDemand } from "./demand.ts";
import { giveOwnTurns, type OwnTurns } from "./entitle/own-turns.ts";
import { compareFits, type Fit, fitSite } from "./gang/fit.ts";
import { placementsOf } from "./gang/uses.ts";
import { acceptsRecall, Lenders } from "./lending.ts";
import { CapCounts, capKey } from "./order/caps.ts";
import { compareJobIds } from "./order/job-id.ts";
import { JobQueue } from "./order/queue.ts";
import { ShareTree } from "./order/share-tree.ts";
import { choosePreemption, type Preempting } from "./preempt/choose.ts";
import { keepForLater, stoppedAtMs, takeNow } from "./promise.ts";
import type { Objection } from "./reasons.ts";
import { preemptionReason, startReason } from "./sentences.ts";
import type {
  Plan,
  Preemption,
  Reason,
  SchedulerInput,
  Start,
  Wait,
  WaitingView,
} from "./types.ts";
import { poolReason, whyBlocked } from "./why.ts";
import { buildWorld, deviceWeight, type World } from "./world.ts";

/** What starts now, what is preempted, and why the rest waits. */
export function plan(input: SchedulerInput): Plan {
  const { starts, preemptions, waits, blocked, beyond } = runPass(input);
  return { starts, preemptions, waits, blocked, beyond };
}

/** A plan together with how it came about; explain.ts asks further questions of it. */
export interface Pass extends Plan {
  readonly world: World;
  readonly tree: ShareTree;
  readonly lenders: Lenders;
  /** Eligible jobs in the order in which they had their turn. */
  readonly order: readonly string[];
  readonly demandOf: (job: WaitingView) => Demand;
}

/** Runs one pass. */
export function runPass(input: SchedulerInput): Pass {
  const state = newState(input);
  const { waiting, lines, limits } = input;
  const depthMax = limits?.backfillDepthMax ?? LIMITS.BACKFILL_DEPTH_MAX;
  ownTurns(state, input, depthMax);
  const queue = new JobQueue(
    waiting.filter((job) => job.eligible),
    state.tree,
    lines,
  );
  for (let job = queue.next(); job !== undefined; job = queue.next()) {
    if (state.settled.has(job.jobId)) continue;
    if (!state.given.has(job.jobId)) state.order.push(job.jobId);
    // What asks for the same stays blocked, too: nobody in that line needs a turn.
    if (turn(state, job, depthMax) === "blocked") queue.dropLine();
  }
  const held = waiting
    .filter((job) => !job.eligible)
    .sort((a, b) => compareJobIds(a.jobId, b.jobId))
    .map((job): Wait => ({ jobId: job.jobId, reasons: [job.holdReason ?? HELD] }));
  return { ...state, waits: [...state.waits, ...held] };
}

const HELD: Reason = poolReason("HELD", "the job is held");

/** Owners' jobs on their owners' machines, before the queue. */
function ownTurns(state: State, input: SchedulerInput, depthMax: number): void {
  const turns: OwnTurns = {
    ...state,
    input,
    keyOf: (job) => keyOf(state, job),
    barred: (job) => excludedSites(state, job).keys(),
    isComplete: (job) => membersLeft(job) <= 0,
    bestFit: (job, excluded) => bestFit(state, job, state.demandOf(job), excluded),
    start: (job, fit) => start(state, job, fit),
    preempt: (job, choice, graceMs) => preempt(state, job, choice, graceMs),
  };
  giveOwnTurns(turns, depthMax);
}

interface State {
  readonly nowMs: number;
  readonly world: World;
  readonly tree: ShareTree;
  readonly lenders: Lenders;
  readonly caps: CapCounts;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly order: string[];
  /** Jobs that had their turn on their owner's machines and need no other. */
  readonly settled: Set<string>;
  /** Sites that a run was given there. */
  readonly given: Map<string, string>;
  readonly starts: Start[];
  readonly preemptions: Preemption[];
  readonly waits: Wait[];
  /** Requests that were found blocked. What is free only shrinks, so they stay blocked. */
  readonly blocked: Map<string, readonly Reason[]>;
  beyond: Reason | undefined;
  /** Lowest priority of a lease that may be preempted. */
  readonly preemptibleFrom: number;
  looked: number;
  forecasts: number;
  preemptors: number;
}

function newState(input: SchedulerInput): State {
  const { nowMs, nodes, running, projects, lending, memory } = input;
  const world = buildWorld(nowMs, nodes, running);
  const outlook = memory?.outlookOf(world);
  if (outlook !== undefined) world.outlook = outlook;
  const tree = new ShareTree(projects);
  for (const lease of running) {
    const leftMs = Math.min(Math.max(0, lease.endsAtMs - nowMs), BOUNDS.COMMITMENT_MS);
    tree.charge(lease.project, deviceWeight(lease.placements) * leftMs);
  }
  const demands = new Map<string, Demand>();
  const demandOf = ({ spec }: WaitingView): Demand => {
    const key = demandKey(spec);
    const demand = demands.get(key) ?? makeDemand(spec, world);
    demands.set(key, demand);
    return demand;
  };
  const preemptible = running.filter((lease) => lease.preemptible && lease.stopping !== true);
  return {
    nowMs,
    world,
    tree,
    lenders: new Lenders(nowMs, lending, projects),
    caps: new CapCounts(projects, running),
    demandOf,
    order: [],
    settled: new Set(),
    given: new Map(),
    starts: [],
    preemptions: [],
    waits: [],
    blocked: new Map(),
    beyond: undefined,
    preemptibleFrom: preemptible.reduce((min, { priority }) => Math.min(min, priority), Infinity),
    looked: 0,
    forecasts: 0,
    preemptors: 0,
  };
}

/** One job's turn: it starts, or it waits with reasons; `blocked`: so does all that is like it. */
function turn(state: State, job: WaitingView, depthMax: number): "blocked" | undefined {
  const capped = state.caps.refuse(job);
  if (capped !== undefined) {
    state.blocked.set(capKey(job.spec, requestKey(job.spec)), [capped]);
    state.waits.push({ jobId: job.jobId, reasons: [capped] });
    return "blocked";
  }
  const key = keyOf(state, job);
  const known = state.blocked.get(key);
  if (known !== undefined) {
    state.waits.push({ jobId: job.jobId, reasons: known });
    return "blocked";
  }
  if (state.looked >= depthMax) {
    const text = `${depthMax} jobs ahead of it wait for other resources`;
    state.beyond ??= poolReason("PRIORITY", text);
    state.waits.push({ jobId: job.jobId, reasons: [state.beyond] });
    return "blocked";
  }
  if (membersLeft(job) <= 0) {
    const text = `the run has its ${job.spanning?.maxMembers ?? 0} sites`;
    state.waits.push({ jobId: job.jobId, reasons: [poolReason("MEMBERS_MAX", text)] });
    return undefined;
  }
  const demand = state.demandOf(job);
  const used = new Set(excludedSites(state, job).keys());
  const given = state.given.get(job.jobId);
  if (given !== undefined) used.add(given);
  const wanted = job.spec.run === undefined ? 1 : membersLeft(job);
  let started = given === undefined ? 0 : 1;
  while (started < wanted && state.caps.refuse(job) === undefined) {
    const fit = bestFit(state, job, demand, used);
    if (fit === undefined) break;
    start(state, job, fit);
    used.add(fit.site.siteId);
    started += 1;
  }
  if (started === 0) block(state, job, demand, key);
  return state.blocked.has(key) ? "blocked" : undefined;
}

/** Jobs of one key get one answer in a pass. */
export const requestKey = (spec: JobSpec): string =>
  `${demandKey(spec)} ${spec.walltimeMs} ${acceptsRecall(spec) ? "recall" : ""}`;

/** The same for one project, in a pool where owners choose whom they lend to. */
const projectKey = (spec: JobSpec): string => `${requestKey(spec)} ${spec.project}`;

function keyOf({ lenders }: State, { spec, spanning }: WaitingView): string {
  const key = lenders.byProject ? projectKey(spec) : requestKey(spec);
  return key + (spec.run === undefined ? "" : JSON.stringify(spanning?.excludeSites ?? []));
}

/** Why a job waits that is not among the plan's waits: what is said of all that are like it. */
export function blockedReasons({ blocked }: Plan, spec: JobSpec): readonly Reason[] | undefined {
  const request = requestKey(spec);
  return (
    blocked.get(capKey(spec, request)) ?? blocked.get(projectKey(spec)) ?? blocked.get(request)
  );
}

/** Sites where the job may not go now, and why. */
export function excludedSites(
  { lenders }: Pick<Pass, "lenders">,
  { spec, spanning }: WaitingView,
): ReadonlyMap<string, Objection> {
  const bars = lenders.bars(spec);
  if (spanning === undefined || spanning.excludeSites.length === 0) return bars;
  const all = new Map(bars);
  for (const siteId of spanning.excludeSites) {
    all.set(siteId, { code: "ALREADY_THERE", text: `the run is on site ${siteId} already` });
  }
  return all;
}

/** Sites that a spanning job may still be given; no limit counts as no bound. */
function membersLeft({ spec, spanning }: WaitingView): number {
  const max = spanning?.maxMembers ?? spec.run?.maxMembers ?? Infinity;
  return spec.run === undefined ? 1 : max - (spanning?.excludeSites.length ?? 0);
}

function bestFit(
  { nowMs }: State,
  { spec }: WaitingView,
  demand: Demand,
  excluded: ReadonlySet<string>,
): Fit | undefined {
  const endsAtMs = nowMs + spec.walltimeMs;
  let best: Fit | undefined;
  for (const candidates of demand.candidates) {
    if (excluded.has(candidates.site.siteId)) continue;
    const { fit } = fitSite(
      demand,
      candidates,
      (node) => besideReservation(node, node.room, endsAtMs),
      BOUNDS.GANG_STEPS_MAX,
    );
    if (fit !== undefined && (best === undefined || compareFits(fit, best) < 0)) best = fit;
  }
  return best;
}

function start(state: State, job: WaitingView, fit: Fit): void {
  const { spec } = job;
  const placements = placementsOf(fit);
  const reason = startReason({
    job,
    fit,
    place: state.order.length,
    overtakes: state.waits.length > 0 ? firstReserved(state.world) : undefined,
    usedPercent: state.tree.usedPercent(spec.project),
  });
  takeNow(fit, state.nowMs + spec.walltimeMs);
  charge(state, job, deviceWeight(placements));
  state.starts.push({ jobId: job.jobId, siteId: fit.site.siteId, placements, reason });
}

/** What starts in this pass counts at once, so one project does not take all of it. */
function charge({ tree, caps }: State, job: WaitingView, devices: number): void {
  const { spec } = job;
  caps.take(job);
  tree.charge(spec.project, devices * Math.min(spec.walltimeMs, BOUNDS.COMMITMENT_MS));
}

function firstReserved(world: World): string | undefined {
  return world.sites.find((site) => site.reservation !== undefined)?.reservation?.jobId;
}

/** A job that cannot start: it preempts, or gets a reservation, or just waits. */
function block(state: State, job: WaitingView, demand: Demand, key: string): void {
  state.looked += 1;
  const { jobId, spec, spanning } = job;
  // A run that has sites already grows when it can; nothing is stopped or kept for that.
  const growing = (spanning?.excludeSites.length ?? 0) > 0;
  const preempting = growing ? undefined : tryPreempt(state, job, demand);
  if (preempting !== undefined) {
    preempt(state, job, preempting);
    return;
  }
  const excluded = excludedSites(state, job);
  const endsAtMs = state.nowMs + spec.walltimeMs;
  const reasons = whyBlocked(demand, { endsAtMs, excluded }, state.world);
  const startMs = growing ? undefined : tryReserve(state, job, demand);
  state.waits.push(
    startMs === undefined ? { jobId, reasons } : { jobId, reasons, startEstimateMs: startMs },
  );
  state.blocked.set(key, reasons);
}

function tryPreempt(state: State, job: WaitingView, demand: Demand): Preempting | undefined {
  const { nowMs, world } = state;
  const { spec } = job;
  const mayPreempt =
    spec.priority > state.preemptibleFrom && state.preemptors < BOUNDS.PREEMPTORS_MAX;
  const someStop = world.sites.some((site) => site.holdings.some((holding) => holding.stopping));
  if (!mayPreempt && !someStop) return undefined;
  return choosePreemption(demand, {
    priority: spec.priority,
    endsAtMs: stoppedAtMs(nowMs) + spec.walltimeMs,
    nowMs,
    excluded: new Set(excludedSites(state, job).keys()),
    mayPreempt,
  });
}

function preempt(
  state: State,
  job: WaitingView,
  { fit, victims, stopping }: Preempting,
  recallGraceMs?: number,
): void {
  const { jobId, spec } = job;
  const recall = recallGraceMs !== undefined;
  let startMs = state.nowMs + (recallGraceMs ?? LIMITS.STOP_GRACE_MS);
  for (const holding of stopping) {
    if (holding.stopping) startMs = Math.max(startMs, holding.endsAtMs);
  }
  for (const { lease, lostMs } of victims) {
    const reason = preemptionReason(job, lease, lostMs, recall);
    const preemption: Preemption = { leaseId: lease.leaseId, forJobId: jobId, reason };
    state.preemptions.push(recall ? { ...preemption, recall } : preemption);
  }
  if (victims.length > 0) state.preemptors += 1;
  keepForLater(jobId, fit, stopping, startMs, startMs + spec.walltimeMs);
  charge(state, job, deviceWeight(placementsOf(fit)));
  const text = `waits for leases on site ${fit.site.siteId} to stop`;
  const reason = { code: "PREEMPTING", text, nodes: fit.nodesUsed };
  state.waits.push({ jobId, reasons: [reason], startEstimateMs: startMs });
}

function tryReserve(state: State, job: WaitingView, demand: Demand): number | undefined {
  if (state.forecasts >= BOUNDS.FORECASTS_MAX) return undefined;
  state.forecasts += 1;
  const { spec } = job;
  const lastStartMs = (siteId: string): number => state.lenders.lastStartMs(siteId, spec);
  const found = forecast(demand, excludedSites(state, job), lastStartMs);
  if (found === undefined) return undefined;
  if (found.fit.site.reservation === undefined) {
    reserve(job.jobId, job.spec.walltimeMs, found);
  }
  return found.startMs;
}

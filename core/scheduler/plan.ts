// The assembled stack: order, feasibility, gangs, rank, backfill and preemption, as one pass over
// the waiting jobs. Pure: the same snapshot gives the same plan, in whatever order it is listed.
import { BACKFILL_DEFAULT, type JobSpec, LIMITS } from "../pool/index.ts";
import { Backfill } from "./backfill/backfill.ts";
import { besideReservation, firstReserved } from "./backfill/holds.ts";
import { blockedJob, excludedSites } from "./barred.ts";
import { BOUNDS } from "./bounds.ts";
import { type Demand, demandKey, makeDemand, type SiteCandidates } from "./demand.ts";
import { giveOwnTurns, type OwnTurns } from "./entitle/own-turns.ts";
import { RunTimes } from "./estimates/run-times.ts";
import { keepPass } from "./explain/kept.ts";
import { largestFit, leastJob } from "./gang/elastic.ts";
import { bestOf, type Fit, fitSite } from "./gang/fit.ts";
import { SiteFits } from "./gang/site-fits.ts";
import { placementsOf } from "./gang/uses.ts";
import { Lenders } from "./lending.ts";
import { Moves } from "./moves/turns.ts";
import { CapCounts, capKey } from "./order/caps.ts";
import { JobQueue } from "./order/queue.ts";
import { type OrderRules, orderRules, pointsOf } from "./order/rules.ts";
import { ShareTree } from "./order/share-tree.ts";
import { choosePreemption, type Preempting } from "./preempt/choose.ts";
import { keepForLater, stoppedAtMs, takeNow } from "./promise.ts";
import type { Objection } from "./reasons.ts";
import { requestKey } from "./request-key.ts";
import { Reserved } from "./reservation/keep.ts";
import { Resizes } from "./resize/turns.ts";
import { preemptionReason, startReason } from "./sentences.ts";
import { fitsInOrder } from "./spanning/span.ts";
import { Tastes } from "./taste/tastes.ts";
import { fitShareMilli, type ShareMilliOf } from "./throughput/weight.ts";
import type {
  Plan,
  Preemption,
  Reason,
  SchedulerInput,
  Start,
  Wait,
  WaitingView,
} from "./types.ts";
import { heldWaits, poolReason, whyBlocked } from "./why.ts";
import { buildWorld, leaseShare, type NodeState, type World } from "./world.ts";

/** What starts now, what is preempted, and why the rest waits. */
export function plan(input: SchedulerInput): Plan {
  const pass = runPass(input);
  const { starts, preemptions, waits, blocked, beyond } = pass;
  return keepPass({ starts, preemptions, waits, blocked, beyond }, pass);
}

/** A plan together with how it came about; explain.ts asks further questions of it. */
export interface Pass extends Plan {
  readonly world: World;
  readonly tree: ShareTree;
  readonly lenders: Lenders;
  readonly backfill: Backfill;
  readonly times: RunTimes;
  readonly rules: OrderRules;
  readonly caps: CapCounts;
  /** Eligible jobs in the order in which they had their turn. */
  readonly order: readonly string[];
  readonly demandOf: (job: WaitingView) => Demand;
  /** Sites with room that a run does not take, and why. */
  readonly leftOut: ReadonlyMap<string, ReadonlyMap<string, Objection>>;
}

/** Runs one pass. */
export function runPass(input: SchedulerInput): Pass {
  const state = newState(input);
  const { waiting, lines, limits } = input;
  const depthMax = limits?.backfillDepthMax ?? LIMITS.BACKFILL_DEPTH_MAX;
  ownTurns(state, input, depthMax);
  const begin = (job: WaitingView, fit: Fit, why: string) => start(state, job, fit, why);
  state.moves.resume(state, begin);
  const resizes = new Resizes(input);
  resizes.resume(state, begin);
  const eligible = waiting.filter((job) => job.eligible);
  const queue = new JobQueue(eligible, state.tree, lines, state.rules);
  for (let job = queue.next(); job !== undefined; job = queue.next()) {
    if (state.settled.has(job.jobId)) continue;
    if (!state.given.has(job.jobId)) state.order.push(job.jobId);
    // What asks for the same stays blocked, too: nobody in that line needs a turn.
    if (turn(state, job, depthMax) === "blocked") queue.dropLine();
  }
  resizes.finish(state, begin);
  return { ...state, waits: [...state.waits, ...heldWaits(waiting)] };
}

/** Owners' jobs on their owners' machines, before the queue. */
function ownTurns(state: State, input: SchedulerInput, depthMax: number): void {
  const turns: OwnTurns = {
    ...state,
    input,
    keyOf: (job) => keyOf(state, job),
    barred: (job) => excludedSites(state, job).keys(),
    isComplete: (job) => membersLeft(job) <= 0,
    bestFit: (job, excluded) => bestFit(state, job, excluded),
    start: (job, fit, why) => start(state, job, fit, why),
    preempt: (job, choice, graceMs) => preempt(state, job, choice, graceMs),
  };
  giveOwnTurns(turns, depthMax);
}

interface State {
  readonly nowMs: number;
  readonly world: World;
  readonly tree: ShareTree;
  readonly lenders: Lenders;
  readonly reserved: Reserved;
  readonly rules: OrderRules;
  readonly caps: CapCounts;
  readonly backfill: Backfill;
  readonly times: RunTimes;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly order: string[];
  /** Jobs that had their turn on their owner's machines and need no other. */
  readonly settled: Set<string>;
  /** Sites that a run was given there. */
  readonly given: Map<string, string>;
  /** Sites with room that a run does not take, and why. */
  readonly leftOut: Map<string, ReadonlyMap<string, Objection>>;
  readonly shareMilliOf: ShareMilliOf | undefined;
  readonly tastes: Tastes;
  readonly siteFits: SiteFits;
  readonly starts: Start[];
  readonly preemptions: Preemption[];
  readonly moves: Moves;
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
    tree.charge(lease.project, leaseShare(lease) * leftMs);
  }
  const demands = new Map<string, Demand>();
  const demandOf = ({ spec }: WaitingView): Demand => {
    const key = demandKey(spec);
    const demand = demands.get(key) ?? makeDemand(spec, world);
    demands.set(key, demand);
    return demand;
  };
  const times = new RunTimes(input.runTimes);
  const slackMs = input.limits?.backfillSlackMs;
  const mode = input.backfill ?? BACKFILL_DEFAULT;
  const options = slackMs === undefined ? { mode } : { mode, slackMs };
  const preemptible = running.filter((lease) => lease.preemptible && lease.stopping !== true);
  return {
    nowMs,
    world,
    tree,
    lenders: new Lenders(nowMs, lending, projects),
    reserved: new Reserved(world, input.reservations ?? [], projects),
    rules: orderRules(nowMs, input.ageing),
    caps: new CapCounts(projects, running),
    backfill: new Backfill(world, times, options),
    times,
    demandOf,
    order: [],
    settled: new Set(),
    given: new Map(),
    leftOut: new Map(),
    shareMilliOf: input.shareMilliOf,
    tastes: new Tastes(input),
    siteFits: new SiteFits(),
    ...{ starts: [], preemptions: [], waits: [], moves: new Moves(input) },
    blocked: new Map(),
    preemptibleFrom: preemptible.reduce((min, { priority }) => Math.min(min, priority), Infinity),
    ...{ beyond: undefined, looked: 0, forecasts: 0, preemptors: 0 },
  };
}

/** One job's turn: it starts, or it waits with reasons; `blocked`: so does all that is like it. */
function turn(state: State, job: WaitingView, depthMax: number): "blocked" | undefined {
  const capped = state.caps.refuse(leastJob(job));
  if (capped !== undefined) {
    state.blocked.set(capKey(job.spec, requestKey(job.spec)), [capped]);
    state.waits.push({ jobId: job.jobId, reasons: [capped] });
    return "blocked";
  }
  const key = keyOf(state, job);
  const known = state.blocked.get(key);
  if (known !== undefined) return waitLike(state, job, known);
  if (state.looked >= depthMax && !state.reserved.servesNow(job.spec)) {
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
  const used = new Set(excludedSites(state, job).keys());
  const given = state.given.get(job.jobId);
  if (given !== undefined) used.add(given);
  const wanted = job.spec.run === undefined ? 1 : membersLeft(job);
  let started = given === undefined ? 0 : 1;
  const next = fitsInOrder(state, job, { used, most: wanted - started }, (excluded) =>
    bestFit(state, job, excluded),
  );
  while (started < wanted && state.caps.refuse(leastJob(job)) === undefined) {
    const { fit, sentence } = next.next().value ?? {};
    if (fit === undefined) break;
    start(state, job, fit, sentence);
    used.add(fit.site.siteId);
    started += 1;
  }
  if (started === 0) block(state, job, state.demandOf(leastJob(job)), key);
  return state.blocked.has(key) && !reservesMore(state) ? "blocked" : undefined;
}

/** A job that waits for what those before it wait for; it may get a place of its own. */
function waitLike(
  state: State,
  job: WaitingView,
  reasons: readonly Reason[],
): "blocked" | undefined {
  const more = reservesMore(state);
  const startMs = more ? tryReserve(state, job, state.demandOf(leastJob(job))) : undefined;
  const wait: Wait = { jobId: job.jobId, reasons };
  state.waits.push(startMs === undefined ? wait : { ...wait, startEstimateMs: startMs });
  return more ? undefined : "blocked";
}

const reservesMore = ({ backfill, forecasts }: State): boolean =>
  backfill.reservesAll && forecasts < BOUNDS.FORECASTS_MAX;

/** One answer for those that ask for the same and are expected to run as long. */
function keyOf(state: State, job: WaitingView): string {
  const key = plainKey(state, job);
  return state.times.empty ? key : `${key} ${state.times.lateMs(job.spec)}`;
}

function plainKey({ lenders, reserved }: State, { jobId, spec, spanning }: WaitingView): string {
  const key = reserved.keyOf(spec, lenders.byProject);
  if (spec.run === undefined) return key;
  return `${key} ${spanning?.outlook === undefined ? "" : jobId} ${spanning?.excludeSites ?? ""}`;
}

/** Sites that a spanning job may still be given; no limit counts as no bound. */
function membersLeft({ spec, spanning }: WaitingView): number {
  const max = spanning?.maxMembers ?? spec.run?.maxMembers ?? Infinity;
  return spec.run === undefined ? 1 : max - (spanning?.excludeSites.length ?? 0);
}

function bestFit(state: State, job: WaitingView, excluded: ReadonlySet<string>): Fit | undefined {
  const fit = (spec: JobSpec) => {
    const sized = { ...job, spec };
    const capped = state.caps.refuse(sized) !== undefined;
    return capped ? undefined : fitOf(state, job, state.demandOf(sized), excluded);
  };
  return largestFit(job.spec, fit);
}

function fitOf(
  { nowMs, backfill, tastes, siteFits, reserved }: State,
  job: WaitingView,
  plain: Demand,
  excluded: ReadonlySet<string>,
): Fit | undefined {
  const stay = backfill.stayOf(job.spec, nowMs);
  const demand = reserved.flavoured(tastes.flavoured(plain, job), job.spec);
  const fits: Fit[] = [];
  for (const candidates of demand.candidates) {
    if (excluded.has(candidates.site.siteId)) continue;
    const room = (node: NodeState) => besideReservation(node, node.room, stay);
    const find = (of: SiteCandidates) => fitSite(demand, of, room, BOUNDS.GANG_STEPS_MAX).fit;
    const fit = siteFits.of(demand, candidates, find);
    if (fit !== undefined) fits.push(fit);
  }
  return bestOf(fits);
}

function start(state: State, job: WaitingView, fit: Fit, sentence?: string): void {
  const { spec } = job;
  const placements = placementsOf(fit);
  const told = startReason({
    job,
    fit,
    place: state.order.length,
    overtakes: state.waits.length > 0 ? firstReserved(state.world.sites) : undefined,
    usedPercent: state.tree.usedPercent(spec.project),
    points: pointsOf(job, state.rules),
  });
  const reason = told + state.tastes.sentence(job, fit) + (sentence ? `; ${sentence}` : "");
  const stay = state.backfill.stayOf(spec, state.nowMs);
  const backfill = state.backfill.passOf(fit, stay);
  takeNow(fit, stay, spec);
  const share = shareOf(state, fit);
  charge(state, job, { placements, ...share });
  const where = { jobId: job.jobId, siteId: fit.site.siteId, placements };
  const started: Start = { ...where, ...share, reason };
  state.starts.push(backfill === undefined ? started : { ...started, backfill });
}

/** What a place counts in fair share, where devices do not count alike. */
const shareOf = ({ shareMilliOf }: State, fit: Fit): { readonly shareMilli?: number } =>
  shareMilliOf === undefined ? {} : { shareMilli: fitShareMilli(fit.places, shareMilliOf) };

/** What starts in this pass counts at once, so one project does not take all of it. */
function charge(
  { tree, caps }: State,
  job: WaitingView,
  held: Parameters<typeof leaseShare>[0],
): void {
  const { project, walltimeMs } = job.spec;
  caps.take(job, held.placements);
  tree.charge(project, leaseShare(held) * Math.min(walltimeMs, BOUNDS.COMMITMENT_MS));
}

/** A job that cannot start: it preempts, or gets a reservation, or just waits. */
function block(state: State, job: WaitingView, demand: Demand, key: string): void {
  state.looked += 1;
  const { jobId, spec, spanning } = job;
  // A run that has sites already grows when it can; nothing is stopped or kept for that.
  const growing = (spanning?.excludeSites.length ?? 0) > 0;
  const preempting = growing
    ? undefined
    : (tryPreempt(state, job, demand) ?? state.moves.makeRoom(state, job, demand));
  if (preempting !== undefined) {
    preempt(state, job, preempting);
    return;
  }
  const excluded = excludedSites(state, job);
  const stay = state.backfill.stayOf(spec, state.nowMs);
  const reasons = whyBlocked(demand, { stay, excluded }, state.world);
  const startMs = growing ? undefined : tryReserve(state, job, demand);
  state.waits.push(
    startMs === undefined ? { jobId, reasons } : { jobId, reasons, startEstimateMs: startMs },
  );
  state.blocked.set(key, reasons);
  const plain = plainKey(state, job);
  if (!state.blocked.has(plain)) state.blocked.set(plain, reasons);
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
    project: spec.project,
    user: spec.user,
    endsAtMs: stoppedAtMs(nowMs) + spec.walltimeMs,
    nowMs,
    excluded: new Set(excludedSites(state, job).keys()),
    mayPreempt,
  });
}

function preempt(
  state: State,
  job: WaitingView,
  { fit, victims, stopping, keep }: Preempting,
  recallGraceMs?: number,
): void {
  const { jobId } = job;
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
  keepForLater(job, fit, stopping, startMs);
  keep?.();
  charge(state, job, { placements: placementsOf(fit), ...shareOf(state, fit) });
  const text = `waits for leases on site ${fit.site.siteId} to stop`;
  const moving = state.moves.reasonFor(jobId, fit.nodesUsed);
  const reason = moving ?? { code: "PREEMPTING", text, nodes: fit.nodesUsed };
  state.waits.push({ jobId, reasons: [reason], startEstimateMs: startMs });
}

function tryReserve(state: State, job: WaitingView, demand: Demand): number | undefined {
  if (state.forecasts >= BOUNDS.FORECASTS_MAX) return undefined;
  state.forecasts += 1;
  return state.backfill.promise(blockedJob(state, job, demand));
}

// Before the queue come the owners. First the jobs that are entitled to run at once: on free own
// machines, else on free machines elsewhere, else what is borrowed makes way. Then the other jobs
// of owners, on their machines: what is free there is theirs, and what others borrow there is taken
// back. How a job starts and how leases are stopped for it is the pass's business.
import { LIMITS } from "../../pool/index.ts";
import type { Demand } from "../demand.ts";
import { leastJob } from "../gang/elastic.ts";
import type { Fit } from "../gang/fit.ts";
import type { Lenders } from "../lending.ts";
import type { CapCounts } from "../order/caps.ts";
import { JobQueue } from "../order/queue.ts";
import { orderRules } from "../order/rules.ts";
import type { ShareTree } from "../order/share-tree.ts";
import { choosePreemption, type Preempting } from "../preempt/choose.ts";
import type { RunningView, SchedulerInput, WaitingView } from "../types.ts";
import { deviceWeight, type World } from "../world.ts";
import { type Entitlement, findEntitled, type Owner } from "./entitled.ts";

/** What owners' turns need of a pass. */
export interface OwnTurns {
  readonly input: SchedulerInput;
  readonly world: World;
  readonly tree: ShareTree;
  readonly lenders: Lenders;
  readonly caps: CapCounts;
  readonly demandOf: (job: WaitingView) => Demand;
  readonly order: string[];
  /** Jobs that had their turn here and need no other. */
  readonly settled: Set<string>;
  /** Sites that a run was given here. */
  readonly given: Map<string, string>;
  /** Equal for jobs of one project that get one answer in a pass. */
  readonly keyOf: (job: WaitingView) => string;
  /** Sites where the job may not go now. */
  readonly barred: (job: WaitingView) => Iterable<string>;
  /** True for a run that has as many sites as it may have. */
  readonly isComplete: (job: WaitingView) => boolean;
  readonly bestFit: (job: WaitingView, excluded: ReadonlySet<string>) => Fit | undefined;
  /** `why` is a sentence for people. */
  readonly start: (job: WaitingView, fit: Fit, why: string) => void;
  /** Without a grace it is no recall: the leases get what every preempted lease gets. */
  readonly preempt: (job: WaitingView, choice: Preempting, recallGraceMs?: number) => void;
}

const ENTITLED = "it is entitled: its owner's own machines, alone, would run it now";
const AT_HOME = "an owner's own job goes first on its owner's machines";

/** Gives owners' jobs their turns; requests that were blocked `depthMax` times end it. */
export function giveOwnTurns(turns: OwnTurns, depthMax: number): void {
  const { input, tree, lenders } = turns;
  if (!lenders.someOwn) return;
  const own = (project: string): boolean => lenders.ownSites(project).size > 0;
  const waiting = input.waiting.filter((job) => job.eligible && own(job.spec.project));
  const lines = input.lines?.filter(({ project }) => own(project)) ?? [];
  if (waiting.length + lines.length === 0) return;
  const isHeldBack = (job: WaitingView): boolean => turns.caps.refuse(leastJob(job)) !== undefined;
  const entitlement = findEntitled({ ...turns, isHeldBack });
  serveEntitled(turns, entitlement);
  const queue = new JobQueue(waiting, tree, lines, orderRules(input.nowMs, input.ageing));
  const blocked = new Set<string>();
  for (let job = queue.next(); job !== undefined; job = queue.next()) {
    if (turns.settled.has(job.jobId)) continue;
    const key = `${turns.keyOf(job)} ${job.spec.project}`;
    if (!blocked.has(key) && blocked.size < depthMax && ownTurn(turns, job, entitlement)) continue;
    blocked.add(key);
    queue.dropLine();
  }
}

/** All owners find what is free at home before anybody looks elsewhere or stops something. */
function serveEntitled(turns: OwnTurns, { owners, jobIds }: Entitlement): void {
  const { input, settled } = turns;
  // What is free, and what may make way, only shrinks: equal requests are not asked twice.
  const inVain = new Set<string>();
  const tryOnce = (step: string, job: WaitingView, serve: () => boolean): void => {
    const key = `${step} ${turns.keyOf(job)} ${job.spec.project} ${job.spec.priority}`;
    if (inVain.has(key) || turns.caps.refuse(leastJob(job)) !== undefined) return;
    if (!serve()) inVain.add(key);
  };
  const start = (job: WaitingView, excluded: ReadonlySet<string>): boolean => {
    const fit = turns.bestFit(job, excluded);
    if (fit === undefined) return false;
    turns.order.push(job.jobId);
    turns.start(job, fit, ENTITLED);
    settled.add(job.jobId);
    return true;
  };
  for (const { waiting } of owners) {
    for (const job of waiting) tryOnce("home", job, () => start(job, awayFrom(turns, job)));
  }
  const left = owners.map(({ waiting }) => waiting.filter(({ jobId }) => !settled.has(jobId)));
  if (left.every((jobs) => jobs.length === 0)) return;
  // Elsewhere a job of higher priority goes first; the owner then takes its own machines back.
  let most = -Infinity;
  for (const { priority } of input.lines ?? []) most = Math.max(most, priority);
  for (const { spec, eligible } of input.waiting)
    if (eligible) most = Math.max(most, spec.priority);
  for (const job of left.flat()) {
    if (job.spec.priority < most) continue;
    tryOnce("away", job, () => start(job, new Set(turns.barred(job))));
  }
  for (const [i, owner] of owners.entries()) {
    for (const job of left[i]!) {
      if (settled.has(job.jobId)) continue;
      tryOnce("way", job, () => makeWay(turns, job, owner, jobIds));
    }
  }
}

/** Sites where the job may not go now, and all that are not its owner's. */
function awayFrom(turns: OwnTurns, job: WaitingView): Set<string> {
  const own = turns.lenders.ownSites(job.spec.project);
  const excluded = new Set(turns.barred(job));
  for (const { site } of turns.demandOf(job).candidates) {
    if (!own.has(site.siteId)) excluded.add(site.siteId);
  }
  return excluded;
}

/**
 * What is borrowed stops for an entitled job: at home first; then elsewhere, preemptible work that
 * is not more important, for as many devices as others hold of its owner's; and at home at last
 * also what others are entitled to, since they are so at their own homes, too.
 */
function makeWay(
  turns: OwnTurns,
  job: WaitingView,
  owner: Owner,
  entitled: ReadonlySet<string>,
): boolean {
  const { priority } = job.spec;
  const isOwn = ({ project, siteId }: RunningView): boolean =>
    turns.lenders.ownSites(project).has(siteId);
  const weak = (lease: RunningView): boolean => lease.preemptible && lease.priority <= priority;
  const borrowed = (lease: RunningView): boolean => !entitled.has(lease.jobId);
  const atHome = (lease: RunningView): boolean => borrowed(lease) && (!isOwn(lease) || weak(lease));
  if (takeBack(turns, job, atHome)) return true;
  const weight = weightOf(leastJob(job));
  if (weight <= owner.balance) {
    const elsewhere = (lease: RunningView): boolean =>
      borrowed(lease) && weak(lease) && !isOwn(lease);
    if (displace(turns, job, owner, elsewhere)) {
      owner.balance -= weight;
      return true;
    }
  }
  return takeBack(turns, job, (lease) => !isOwn(lease) || atHome(lease));
}

/** Devices that a job asks for; tasks without any count as what they would hold. */
const weightOf = ({ spec }: WaitingView): number =>
  spec.groups.reduce((sum, { count, resources }) => {
    const { accelerators, partMilli, milliCpu, memoryMiB } = resources;
    const part = partMilli === undefined ? {} : { partMilli };
    const acceleratorIds = Array.from({ length: accelerators }, (_, i) => `${i}`);
    return sum + count * deviceWeight([{ node: "", acceleratorIds, ...part, milliCpu, memoryMiB }]);
  }, 0);

/** Borrowed work on the machines of others stops for the job. */
function displace(
  turns: OwnTurns,
  job: WaitingView,
  { sites }: Owner,
  mayRecall: (lease: RunningView) => boolean,
): boolean {
  const { nowMs } = turns.input;
  const { priority, project, user, walltimeMs } = job.spec;
  const endsAtMs = nowMs + LIMITS.STOP_GRACE_MS + walltimeMs;
  const excluded = new Set([...turns.barred(job), ...sites]);
  const choice = choosePreemption(turns.demandOf(leastJob(job)), {
    ...{ priority, project, user, endsAtMs, nowMs, excluded, mayRecall },
    mayPreempt: false,
  });
  if (choice === undefined) return false;
  turns.order.push(job.jobId);
  turns.preempt(job, choice);
  turns.settled.add(job.jobId);
  return true;
}

/** True if the job starts on a machine of its owner, or will when what is lent there has gone. */
function ownTurn(turns: OwnTurns, job: WaitingView, { jobIds }: Entitlement): boolean {
  const { jobId, spec } = job;
  if (turns.isComplete(job) || turns.caps.refuse(leastJob(job)) !== undefined) return false;
  const fit = turns.bestFit(job, awayFrom(turns, job));
  if (fit !== undefined) {
    turns.order.push(jobId);
    turns.start(job, fit, AT_HOME);
    if (spec.run === undefined) turns.settled.add(jobId);
    else turns.given.set(jobId, fit.site.siteId);
    return true;
  }
  // A run that has sites already grows when it can.
  if ((job.spanning?.excludeSites.length ?? 0) > 0) return false;
  const { lenders } = turns;
  return takeBack(
    turns,
    job,
    (lease) => !jobIds.has(lease.jobId) && !lenders.ownSites(lease.project).has(lease.siteId),
  );
}

/** Leases on the owner's machines stop for the owner's job. */
function takeBack(
  turns: OwnTurns,
  job: WaitingView,
  mayRecall: (lease: RunningView) => boolean,
): boolean {
  const { lenders, input } = turns;
  const { nowMs } = input;
  const { spec, jobId } = job;
  const excluded = awayFrom(turns, job);
  let graceMs = 0;
  for (const siteId of lenders.ownSites(spec.project)) {
    const siteGraceMs = lenders.recallGraceMs(siteId);
    graceMs = Math.max(graceMs, siteGraceMs);
    // Nobody is stopped for a job that could not begin any more when they have gone.
    if (nowMs + siteGraceMs > lenders.lastStartMs(siteId, spec)) excluded.add(siteId);
  }
  const choice = choosePreemption(turns.demandOf(leastJob(job)), {
    priority: spec.priority,
    project: spec.project,
    user: spec.user,
    endsAtMs: nowMs + graceMs + spec.walltimeMs,
    nowMs,
    excluded,
    mayPreempt: false,
    mayRecall,
  });
  if (choice === undefined) return false;
  turns.order.push(jobId);
  turns.preempt(job, choice, lenders.recallGraceMs(choice.fit.site.siteId));
  turns.settled.add(jobId);
  return true;
}

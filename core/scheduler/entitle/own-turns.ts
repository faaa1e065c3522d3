// First of all the owners' own jobs, on their owners' machines: what is free there is theirs, and
// what others hold is taken back. Elsewhere they take their turn like everybody. How a job starts
// and how leases are stopped for it is the pass's business.
import type { Demand } from "../demand.ts";
import type { Fit } from "../gang/fit.ts";
import type { Lenders } from "../lending.ts";
import type { CapCounts } from "../order/caps.ts";
import { JobQueue } from "../order/queue.ts";
import type { ShareTree } from "../order/share-tree.ts";
import { choosePreemption, type Preempting } from "../preempt/choose.ts";
import type { SchedulerInput, WaitingView } from "../types.ts";

/** What owners' turns need of a pass. */
export interface OwnTurns {
  readonly input: SchedulerInput;
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
  readonly start: (job: WaitingView, fit: Fit) => void;
  readonly preempt: (job: WaitingView, choice: Preempting, recallGraceMs: number) => void;
}

/** Gives owners' jobs their turns; requests that were blocked `depthMax` times end it. */
export function giveOwnTurns(turns: OwnTurns, depthMax: number): void {
  const { input, tree, lenders } = turns;
  if (!lenders.someOwn) return;
  const own = (project: string): boolean => lenders.ownSites(project).size > 0;
  const queue = new JobQueue(
    input.waiting.filter((job) => job.eligible && own(job.spec.project)),
    tree,
    input.lines?.filter(({ project }) => own(project)),
  );
  const blocked = new Set<string>();
  for (let job = queue.next(); job !== undefined; job = queue.next()) {
    const key = `${turns.keyOf(job)} ${job.spec.project}`;
    if (!blocked.has(key) && blocked.size < depthMax && ownTurn(turns, job)) continue;
    blocked.add(key);
    queue.dropLine();
  }
}

/** True if the job starts on a machine of its owner, or will when what is lent there has gone. */
function ownTurn(turns: OwnTurns, job: WaitingView): boolean {
  const { jobId, spec } = job;
  if (turns.isComplete(job) || turns.caps.refuse(job) !== undefined) return false;
  const demand = turns.demandOf(job);
  const own = turns.lenders.ownSites(spec.project);
  const excluded = new Set(turns.barred(job));
  for (const { site } of demand.candidates) if (!own.has(site.siteId)) excluded.add(site.siteId);
  const fit = turns.bestFit(job, excluded);
  if (fit !== undefined) {
    turns.order.push(jobId);
    turns.start(job, fit);
    if (spec.run === undefined) turns.settled.add(jobId);
    else turns.given.set(jobId, fit.site.siteId);
    return true;
  }
  // A run that has sites already grows when it can.
  if ((job.spanning?.excludeSites.length ?? 0) > 0) return false;
  return takeBack(turns, job, demand, excluded);
}

/** Leases of others on the owner's machines stop for the owner's job. */
function takeBack(
  turns: OwnTurns,
  job: WaitingView,
  demand: Demand,
  excluded: Set<string>,
): boolean {
  const { lenders, input } = turns;
  const { nowMs } = input;
  const { spec, jobId } = job;
  let graceMs = 0;
  for (const siteId of lenders.ownSites(spec.project)) {
    const siteGraceMs = lenders.recallGraceMs(siteId);
    graceMs = Math.max(graceMs, siteGraceMs);
    // Nobody is stopped for a job that could not begin any more when they have gone.
    if (nowMs + siteGraceMs > lenders.lastStartMs(siteId, spec)) excluded.add(siteId);
  }
  const preempting = choosePreemption(demand, {
    priority: spec.priority,
    endsAtMs: nowMs + graceMs + spec.walltimeMs,
    nowMs,
    excluded,
    mayPreempt: false,
    mayRecall: ({ project, siteId }) => !lenders.ownSites(project).has(siteId),
  });
  if (preempting === undefined) return false;
  turns.order.push(jobId);
  turns.preempt(job, preempting, lenders.recallGraceMs(preempting.fit.site.siteId));
  turns.settled.add(jobId);
  return true;
}

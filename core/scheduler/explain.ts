// Answers "why does my job wait?": its place and what decides it, what each node says, when it
// should start, and which single change of the request would let it start soonest. Asks the pass
// that decided, so an answer never differs from what the scheduler does.
import { besideReservation, type Stay } from "./backfill/holds.ts";
import { blockedJob, excludedSites } from "./barred.ts";
import { BOUNDS } from "./bounds.ts";
import { type Demand, demandKey, makeDemand } from "./demand.ts";
import { startIntervalOf } from "./estimates/interval.ts";
import type { StartInterval } from "./estimates/starts.ts";
import { bestChanges, type Change, type Steps } from "./explain/changes.ts";
import { type Standing, standingOf, standingSentence, type Waiting } from "./explain/standing.ts";
import { leastSpec } from "./gang/elastic.ts";
import { fitSite } from "./gang/fit.ts";
import { type Pass, runPass } from "./plan.ts";
import { blockedReasons } from "./request-key.ts";
import type { Reason, SchedulerInput, WaitingView } from "./types.ts";
import { whyBlocked } from "./why.ts";
import type { World } from "./world.ts";

export interface Explanation {
  readonly jobId: string;
  /** True if the next plan starts it. */
  readonly starts: boolean;
  /** 1 for the waiting job whose turn is first; undefined for one that is held or starts. */
  readonly place?: number;
  readonly ahead: number;
  /** The first of the jobs ahead. */
  readonly aheadJobIds: readonly string[];
  /** What decides the place, with its numbers; absent where there is no place. */
  readonly standing?: Omit<Standing, "ahead" | "first"> & { readonly text: string };
  /** Empty if it starts. Those of most nodes first. */
  readonly reasons: readonly Reason[];
  /** Single changes that would let it start soonest, the best first. */
  readonly changes: readonly Change[];
  /** Epoch milliseconds. Earliest start if what runs ends as its like do and nobody overtakes. */
  readonly startEstimateMs?: number;
  /** Epoch milliseconds: one start in ten is before the first, one in ten after the last. */
  readonly startIntervalMs?: StartInterval;
}

/** What an explanation is made from: a pass that is over, and who waited then. */
export interface Explained extends Waiting {
  readonly pass: Pass;
  readonly job: WaitingView;
}

/**
 * Explains one waiting job, given by its id or, if it stands in a line, by itself; undefined if it
 * is not among `input.waiting`.
 */
export function explain(
  input: SchedulerInput,
  asked: string | WaitingView,
): Explanation | undefined {
  const { waiting, lines = [] } = input;
  const job = typeof asked === "string" ? waiting.find((one) => one.jobId === asked) : asked;
  if (job === undefined) return undefined;
  const steps = explainInSteps({ pass: runPass(input), job, waiting, lines });
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/**
 * The same in steps, none of which takes long even in a large pool: the caller may do something
 * else between two. `job` may have come after the pass.
 */
export function* explainInSteps(explained: Explained): Steps<Explanation> {
  const { job } = explained;
  const { jobId } = job;
  const pass = { ...explained.pass, demandOf: demandsOf(explained.pass.world) };
  // First of all, and at one go: while the caller does something else, the queue changes.
  const standing = standingOf(job, explained, pass.tree, pass.rules);
  const { starts, reasons, startMs: told } = yield* decisionOf(pass, job);
  if (starts || !job.eligible) {
    return { jobId, starts, ahead: 0, aheadJobIds: [], reasons, changes: [] };
  }
  const { ahead, first, ...order } = standing;
  const intervalOf = (asked: WaitingView): Steps<StartInterval | undefined> =>
    startIntervalOf({ ...explained, pass, job: asked, ahead, first: first.slice(0, ahead) });
  const startMs = told ?? (yield* earliest(pass, job));
  const interval = startMs === undefined ? undefined : yield* intervalOf(job);
  const changes = yield* bestChanges(job, reasons, interval?.[1] ?? startMs, {
    nowMs: pass.world.nowMs,
    startsNow: (changed) => startsNow(pass, changed),
    earliestMs: (changed) => earliest(pass, changed),
    likelyMs: function* (changed) {
      const likely = yield* intervalOf(changed);
      return likely?.[1] ?? (yield* earliest(pass, changed));
    },
  });
  return {
    jobId,
    starts,
    place: ahead + 1,
    ahead,
    aheadJobIds: first.slice(0, BOUNDS.AHEAD_LISTED_MAX).map((other) => other.jobId),
    standing: { ...order, text: standingSentence(job, standing) },
    reasons,
    changes,
    ...(startMs === undefined ? {} : { startEstimateMs: startMs }),
    ...(interval === undefined ? {} : { startIntervalMs: interval }),
  };
}

/** Demands of this question: what a pass looked up of thousands of requests is not kept with it. */
function demandsOf(world: World): (job: WaitingView) => Demand {
  const demands = new Map<string, Demand>();
  return (job) => {
    const spec = leastSpec(job.spec);
    const key = demandKey(spec);
    const demand = demands.get(key) ?? makeDemand(spec, world);
    demands.set(key, demand);
    return demand;
  };
}

interface Decision {
  readonly starts: boolean;
  readonly reasons: readonly Reason[];
  readonly startMs?: number;
}

/** What the pass said of the job, or of all that ask for the same. */
function* decisionOf(pass: Pass, job: WaitingView): Steps<Decision> {
  const wait = pass.waits.find(({ jobId }) => jobId === job.jobId);
  if (wait !== undefined) {
    const { reasons, startEstimateMs } = wait;
    return {
      ...{ starts: false, reasons },
      ...(startEstimateMs === undefined ? {} : { startMs: startEstimateMs }),
    };
  }
  if (!job.eligible) {
    return { starts: false, reasons: job.holdReason === undefined ? [] : [job.holdReason] };
  }
  if (pass.starts.some(({ jobId }) => jobId === job.jobId)) return { starts: true, reasons: [] };
  const shared = blockedReasons(pass, job.spec);
  if (shared !== undefined) return { starts: false, reasons: shared };
  if (pass.beyond !== undefined) return { starts: false, reasons: [pass.beyond] };
  // It came after the pass.
  if (yield* startsNow(pass, job)) return { starts: true, reasons: [] };
  const stay = stayOf(pass, job);
  const excluded = excludedSites(pass, job);
  const demand = pass.demandOf(job);
  return { starts: false, reasons: whyBlocked(demand, { stay, excluded }, pass.world) };
}

/** True if the request fits into what the pass has left over for it. */
function* startsNow(pass: Pass, job: WaitingView): Steps<boolean> {
  yield;
  if (pass.caps.refuse(job) !== undefined) return false;
  const excluded = excludedSites(pass, job);
  const stay = stayOf(pass, job);
  const demand = pass.demandOf(job);
  return demand.candidates.some((candidates) => {
    if (excluded.has(candidates.site.siteId)) return false;
    const { fit } = fitSite(
      demand,
      candidates,
      (node) => besideReservation(node, node.room, stay),
      BOUNDS.GANG_STEPS_MAX,
    );
    return fit !== undefined;
  });
}

const stayOf = ({ world, backfill }: Pass, { spec, jobId }: WaitingView): Stay => ({
  ...backfill.stayOf(spec, world.nowMs),
  jobId,
});

/** The earliest start of a request beside all that was promised, site by site. */
function* earliest(pass: Pass, job: WaitingView): Steps<number | undefined> {
  // When others of a capped project end is not foreseen here.
  if (pass.caps.refuse(job) !== undefined) return undefined;
  const demand = pass.demandOf(job);
  let best = Infinity;
  for (const site of demand.candidates) {
    yield;
    const only = { ...demand, candidates: [site] };
    best = Math.min(best, pass.backfill.expectedStartMs(blockedJob(pass, job, only)) ?? Infinity);
  }
  return best === Infinity ? undefined : Math.max(best, pass.world.nowMs);
}

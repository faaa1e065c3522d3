// Carries out the scheduler's plan: leases for the starts, stops for the preemptions.
import type { Lease } from "../pool/index.ts";
import { type Plan, plan } from "../scheduler/index.ts";
import { endLate } from "./deadlines.ts";
import { forgetNodes } from "./feasible.ts";
import { offerOf } from "./lending.ts";
import { theJob, theLease, theSite } from "./lookup.ts";
import { someShort } from "./resizing.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";
import { schedulerInput } from "./views.ts";

const NOTHING: Plan = {
  ...{ starts: [], preemptions: [], waits: [] },
  ...{ blocked: new Map(), beyond: undefined },
};

/** Looks at the whole queue once; returns the plan so that its reasons can be shown. */
export function runSchedule(step: Step): Plan {
  const { state, atMs, emit } = step;
  endLate(step);
  // With nothing that waits, and no gang that may grow, there is nothing to decide, however large
  // the pool.
  if (state.queue.size === 0) forgetNodes(state);
  if (state.queue.size === 0 && !someShort(state)) return NOTHING;
  const made = plan(schedulerInput(state, atMs));
  for (const start of made.starts) {
    const job = theJob(state, start.jobId);
    const lease: Lease = {
      leaseId: `L${state.nextLease}`,
      jobId: start.jobId,
      attempt: job.attempts + 1,
      siteId: start.siteId,
      placements: start.placements,
      fence: state.nextFence,
      walltimeMs: job.spec.walltimeMs,
      grantedAtMs: atMs,
      reason: start.reason,
      ...(start.shareMilli === undefined ? {} : { shareMilli: start.shareMilli }),
      ...(start.backfill === undefined ? {} : { backfill: start.backfill }),
    };
    emit({ type: "lease.granted", lease });
  }
  for (const preemption of made.preemptions) {
    const { leaseId, forJobId, reason, recall, moveTo: to } = preemption;
    const move = to === undefined ? undefined : { forJobId, to };
    if (recall === undefined) stopLease(step, leaseId, "preempted", reason, undefined, move);
    else stopLease(step, leaseId, "recalled", reason, graceOf(step, leaseId), move);
  }
  return made;
}

/** What the lease's owner grants to work that it takes back. */
function graceOf({ state }: Step, leaseId: string): number {
  const site = theSite(state, theLease(state, leaseId).lease.siteId);
  return offerOf(state, site).recallGraceMs;
}

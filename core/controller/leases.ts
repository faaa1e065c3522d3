// Decisions about leases: how they start, stop and end, and what becomes of their jobs then.
import {
  assert,
  type JobOutcome,
  type LeaseEnd,
  type LeaseOutcome,
  LIMITS,
  type Outcome,
  ok,
  refuse,
  usageOf,
} from "../pool/index.ts";
import type { Input, LeaseReportKind } from "./input.ts";
import { isOutsideOffer, openLeasesOf, theJob, theLease, theSite } from "./lookup.ts";
import { runLeaseEnded } from "./runs.ts";
import type { JobState, LeaseState, State } from "./state.ts";
import type { Step } from "./step.ts";
import { stopLease } from "./stop.ts";

type Ended = Extract<LeaseReportKind, { kind: "ended" }>;

/** A time limit is enforced at the site; the pool steps in when that is overdue by so much. */
const OVERDUE_MS = 30_000;

/** What an agent says of a lease. Any of it may come twice, late or in another order. */
export function report(step: Step, input: Extract<Input, { type: "report" }>): Outcome<unknown> {
  const lease = step.state.leases.get(input.leaseId);
  if (lease === undefined || lease.lease.siteId !== input.siteId) {
    return refuse(
      "NOT_FOUND",
      `There is no lease ${input.leaseId} at this site.`,
      "Forget it: the pool does not know it.",
    );
  }
  if (lease.lease.fence !== input.fence) {
    return refuse("LEASE_OUTDATED", `Lease ${input.leaseId} has another fence.`, "Stop it.");
  }
  const { report: what } = input;
  const { leaseId } = input;
  if (lease.stage === "ended") return lateReport(step, lease, what);
  switch (what.kind) {
    case "starting":
      if (lease.stage === "leased") step.emit({ type: "lease.starting", leaseId });
      return ok(undefined);
    case "running":
      if (lease.startedAtMs === null) step.emit({ type: "lease.running", leaseId });
      return ok(undefined);
    case "refused": {
      const message = `${what.code}: ${what.message}`;
      const usage = usageOf(lease.lease.placements, 0);
      endLease(step, lease, { outcome: "refused", exitCode: null, signal: null, usage, message });
      return ok(undefined);
    }
    case "ended":
      endLease(step, lease, endOf(lease, what));
      return ok(undefined);
    default:
      return what satisfies never;
  }
}

function endOf(lease: LeaseState, what: Ended): LeaseEnd {
  const { exitCode, signal, message } = what;
  const usage = usageOf(lease.lease.placements, what.ranMs);
  return { outcome: outcomeOf(lease, what), exitCode, signal, usage, message };
}

function outcomeOf(lease: LeaseState, what: Ended): LeaseOutcome {
  switch (what.endedBy) {
    case "walltime":
      return "timeout";
    case "deadline":
    case "lost":
      return "lost";
    case "stop":
      return lease.stop?.outcome ?? "lost";
    case "offer":
      return lease.stop?.outcome ?? "recalled";
    case "itself":
      return what.exitCode === 0 ? "completed" : "failed";
    default:
      return what.endedBy satisfies never;
  }
}

/** A lease that was believed lost reports what it really used: the books are put right, once. */
function lateReport(step: Step, lease: LeaseState, what: LeaseReportKind): Outcome<unknown> {
  if (what.kind !== "ended" || !lease.estimated) return ok(undefined);
  const usage = usageOf(lease.lease.placements, what.ranMs);
  step.emit({ type: "lease.corrected", leaseId: lease.lease.leaseId, usage });
  return ok(undefined);
}

/** The site was silent until after its deadline: the lease is over, its usage an estimate. */
export function endLost(step: Step, leaseId: string): void {
  const lease = theLease(step.state, leaseId);
  const site = theSite(step.state, lease.lease.siteId);
  const fromMs = lease.startedAtMs ?? site.leaseUntilMs;
  const ranMs = Math.max(0, Math.min(site.leaseUntilMs - fromMs, lease.lease.walltimeMs));
  const usage = usageOf(lease.lease.placements, ranMs);
  const message = `${site.member} was not heard from until its lease was over`;
  endLease(step, lease, { outcome: "lost", exitCode: null, signal: null, usage, message }, true);
}

/** The tab that held the lease is closed: its usage is the time until now, by the pool's clock. */
export function endLeft(step: Step, leaseId: string, message: string): void {
  const lease = theLease(step.state, leaseId);
  const fromMs = lease.startedAtMs ?? step.atMs;
  const ranMs = Math.max(0, Math.min(step.atMs - fromMs, lease.lease.walltimeMs));
  const usage = usageOf(lease.lease.placements, ranMs);
  const outcome = lease.stop?.outcome ?? "recalled";
  endLease(step, lease, { outcome, exitCode: null, signal: null, usage, message }, true);
}

/** Reminds a site that is here of a time limit that its engine should have kept. */
export function settleStopped(step: Step, leaseId: string): void {
  const lease = theLease(step.state, leaseId);
  if (lease.startedAtMs === null || lease.stop !== null) return;
  const overdue = step.atMs - lease.startedAtMs - lease.lease.walltimeMs;
  if (overdue > OVERDUE_MS) stopLease(step, leaseId, "timeout", "its time limit was reached");
}

function endLease(step: Step, lease: LeaseState, end: LeaseEnd, estimated = false): void {
  const { leaseId, jobId } = lease.lease;
  step.emit({ type: "lease.ended", leaseId, end, estimated });
  const job = theJob(step.state, jobId);
  if (job.stage === "ended") return;
  if (job.spec.run !== undefined) runLeaseEnded(step, job, lease, end);
  else settleJob(step, job, end);
}

/** A batch job after its only lease ended: over, or queued again. */
function settleJob(step: Step, job: JobState, end: LeaseEnd): void {
  const { jobId } = job;
  const { exitCode, message } = end;
  const over = (outcome: JobOutcome): void =>
    step.emit({ type: "job.ended", jobId, outcome, exitCode, message });
  assert(openLeasesOf(step.state, job).length === 0, "a batch job has one lease at a time");
  switch (end.outcome) {
    case "completed":
    case "failed":
    case "timeout":
    case "cancelled":
      over(end.outcome);
      break;
    case "preempted":
    case "recalled":
    case "lost":
    case "refused":
    case "released":
      if (job.cancelled) over("cancelled");
      else if (!job.spec.requeue || triesOf(step.state, job) >= LIMITS.ATTEMPTS_MAX) over("lost");
      else step.emit({ type: "job.requeued", jobId, reason: requeueReason(end) });
      break;
    default:
      end.outcome satisfies never;
  }
}

/** Attempts of a job, without those that made way for others: that is no fault of the job. */
const triesOf = (state: State, { leaseIds }: JobState): number =>
  leaseIds.filter((leaseId) => {
    const { end } = theLease(state, leaseId);
    const madeWay = end?.outcome === "recalled" || end?.outcome === "preempted";
    return end === null || (!madeWay && !isOutsideOffer(end));
  }).length;

const requeueReason = (end: LeaseEnd): string =>
  `queued again: its last lease was ${end.outcome}${end.message === "" ? "" : ` (${end.message})`}`;

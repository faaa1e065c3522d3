// Asking a lease to stop: the one way in which cancelling, recall, preemption, time limits and the
// end of a run reach a site.
import { type LeaseOutcome, LIMITS } from "../pool/index.ts";
import type { Event } from "./event.ts";
import { theLease } from "./lookup.ts";
import type { Step } from "./step.ts";

/** Asks a lease to stop. One that is stopping already keeps its first reason. */
export function stopLease(
  step: Step,
  leaseId: string,
  outcome: LeaseOutcome,
  reason: string,
  graceMs: number = LIMITS.STOP_GRACE_MS,
  move?: Extract<Event, { type: "lease.stopping" }>["move"],
): void {
  const lease = theLease(step.state, leaseId);
  if (lease.stage === "ended" || lease.stop !== null) return;
  const stopping = { type: "lease.stopping", leaseId, outcome, graceMs, reason } as const;
  step.emit(move === undefined ? stopping : { ...stopping, move });
}

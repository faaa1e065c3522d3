// Gangs that may change, or are changing, their number of tasks while they run: which they are,
// and what the journal says of those under way. Whether it is worth it is the scheduler's business.
import type { Lease } from "../pool/index.ts";
import { LIMITS } from "../pool/index.ts";
import type { ResizingView, WaitingView } from "../scheduler/index.ts";
import type { Event } from "./event.ts";
import { theJob, theLease } from "./lookup.ts";
import { isElastic, maySend, waits } from "./moving.ts";
import type { JobState, State } from "./state.ts";

/** Beside events, gangs that might grow are looked at so often: another hour of rest is over, or
 * what would be lost is small again. A pass over a large pool is not for nothing. */
const LOOK_MS = 60_000;

/** Open leases with fewer tasks than asked for; made of the state, and no part of it. */
const shorts = new WeakMap<State, Set<string>>();
const lookedAtMs = new WeakMap<State, number>();

function shortOf(state: State): Set<string> {
  let short = shorts.get(state);
  if (short === undefined) {
    short = new Set();
    for (const { openLeases } of state.sites.values()) {
      for (const leaseId of openLeases) {
        if (isShort(state, theLease(state, leaseId).lease)) short.add(leaseId);
      }
    }
    shorts.set(state, short);
  }
  return short;
}

function isShort(state: State, { jobId, placements }: Lease): boolean {
  const job = theJob(state, jobId);
  return (
    isElastic(job.spec) && placements.length < job.spec.groups[0]!.count && canResize(state, job)
  );
}

const canResize = (state: State, job: JobState): boolean =>
  isElastic(job.spec) && maySend(state, job);

/** Tells the index of a lease that was granted or has ended. */
export function noteLease(state: State, lease: Lease, open: boolean): void {
  const short = shorts.get(state);
  if (short === undefined) return;
  if (!open) short.delete(lease.leaseId);
  else if (isShort(state, lease)) short.add(lease.leaseId);
}

/** True if some gang might grow: then a pass is worth its while though nobody waits. */
export const someShort = (state: State): boolean => shortOf(state).size > 0;

/** True for what makes a growth cheaper: its work is safe now. */
export const maySoonGrow = (state: State, event: Event): boolean =>
  event.type === "lease.checkpointed" && shortOf(state).has(event.leaseId);

/** True once in a while, as long as some gang might grow. */
export function tickResizes(state: State, atMs: number): boolean {
  if (!someShort(state) || atMs - (lookedAtMs.get(state) ?? -Infinity) < LOOK_MS) return false;
  lookedAtMs.set(state, atMs);
  return true;
}

/** What a running job may be stopped for. A deadline might pass while it is started again. */
export function resizeMarks(
  state: State,
  job: JobState,
  nowMs: number,
): { readonly mayGrow?: true; readonly mayShrink?: true } {
  if (!canResize(state, job)) return {};
  const { movedAtMs = -Infinity, spec } = job;
  const rested = nowMs - movedAtMs >= LIMITS.MOVE_REST_MS;
  if (!rested || spec.deadline !== undefined) return { mayShrink: true };
  return { mayGrow: true, mayShrink: true };
}

/** Changes under way; nothing in a pool without. */
export function resizingViews(
  state: State,
  nowMs: number,
  viewOf: (job: JobState) => WaitingView,
): { readonly resizing?: readonly ResizingView[] } {
  const resizing: ResizingView[] = [];
  for (const [jobId, { siteId, to, forJobId, sinceMs }] of state.moving) {
    const job = theJob(state, jobId);
    if (!isElastic(job.spec) || nowMs - sinceMs >= LIMITS.MOVE_KEPT_MS) continue;
    const last = theLease(state, job.leaseIds.at(-1) ?? "");
    const heldTasks = last.lease.placements.length;
    const view = { jobId, spec: job.spec, forJobId, siteId, to, heldTasks };
    resizing.push(waits(state, job) ? { ...view, job: viewOf(job) } : view);
  }
  return resizing.length === 0 ? {} : { resizing };
}

// Jobs on their way to another place on their site: what the journal says of them, and which jobs
// may be moved at all. Whether moves are worth it and where they go is the scheduler's business.
import { type JobSpec, type Lease, LIMITS } from "../pool/index.ts";
import type { MovesView, MovingView, WaitingView } from "../scheduler/index.ts";
import { dependencyState } from "./dependencies.ts";
import type { Event } from "./event.ts";
import { theJob } from "./lookup.ts";
import type { JobState, State } from "./state.ts";

type Move = NonNullable<Extract<Event, { type: "lease.stopping" }>["move"]>;

/** The lease stops, and its job goes on elsewhere: part of the fold. */
export function beginMove(state: State, lease: Lease, { forJobId, to }: Move, atMs: number): void {
  theJob(state, lease.jobId).movedAtMs = atMs;
  state.moving.set(lease.jobId, { siteId: lease.siteId, to, forJobId, sinceMs: atMs });
}

/** True for a job that may be stopped only to go on elsewhere, and was not moved lately. */
export const mayMove = (state: State, job: JobState, nowMs: number): boolean =>
  maySend(state, job) && nowMs - (job.movedAtMs ?? -Infinity) >= LIMITS.MOVE_REST_MS;

/** True for a gang whose number of tasks may change (resizing.ts). */
export const isElastic = ({ groups }: JobSpec): boolean =>
  groups.length === 1 && groups[0]!.countMin !== undefined;

/**
 * True for a job that may be stopped and sent to certain places: it said that it may be stopped,
 * and it comes back by itself. Runs choose their sites by themselves, and a task of an array with
 * a limit might find it used up when it comes back.
 */
export function maySend({ arrays }: State, job: JobState): boolean {
  const { spec, place, cancelled } = job;
  if (!spec.preemptible || !spec.requeue || spec.run !== undefined || cancelled) return false;
  return place === null || place.maxRunning >= (arrays.get(place.arrayId)?.length ?? 0);
}

/** Moves under way, and whether there may be new ones; nothing in a pool without either. */
export function movesView(
  state: State,
  nowMs: number,
  viewOf: (job: JobState) => WaitingView,
): { readonly moves?: MovesView } {
  const { moves: on = false } = state;
  if (!on && state.moving.size === 0) return {};
  const moving: MovingView[] = [];
  for (const [jobId, { siteId, to, forJobId, sinceMs }] of state.moving) {
    const job = theJob(state, jobId);
    if (nowMs - sinceMs >= LIMITS.MOVE_KEPT_MS || isElastic(job.spec)) continue;
    const view = { jobId, spec: job.spec, forJobId, siteId, to };
    moving.push(waits(state, job) ? { ...view, job: viewOf(job) } : view);
  }
  return { moves: { on, moving } };
}

/** True for a job that has stopped and may start again. */
export const waits = (state: State, { stage, spec }: JobState): boolean =>
  stage === "queued" &&
  spec.dependencies.every((dependency) => dependencyState(state, dependency) === "satisfied");

// The fold of accepted jobs: single ones, and arrays, whose tasks share one description.
import { type ArrayPlace, assert, type JobSpec, LIMITS } from "../pool/index.ts";
import type { Event } from "./event.ts";
import { jobsArrived } from "./memory.ts";
import { queueChanged } from "./queue-index.ts";
import { newJob, type State } from "./state.ts";

type Submitted = Extract<Event, { type: "job.submitted" }>;
type ArraySubmitted = Extract<Event, { type: "array.submitted" }>;

/** Adds one job, or, in the first journals, one task of an array. */
export function submit(state: State, event: Submitted, atMs: number): void {
  const { jobId, spec, place, key } = event;
  addJob(state, jobId, spec, place, atMs);
  jobsArrived(state, spec, 1);
  state.nextJob = Math.max(state.nextJob, Number(jobId.split("_")[0]) + 1);
  if (place !== null) {
    const tasks = state.arrays.get(place.arrayId) ?? [];
    tasks.push(jobId);
    state.arrays.set(place.arrayId, tasks);
  }
  if (key !== null) remember(state, key, jobId);
}

/** Adds all tasks of an array. */
export function submitArray(state: State, event: ArraySubmitted, atMs: number): void {
  const { arrayId, indices, maxRunning, spec, key } = event;
  const tasks = indices.map((index) => `${arrayId}_${index}`);
  tasks.forEach((jobId, i) => {
    addJob(state, jobId, spec, { arrayId, index: indices[i]!, maxRunning }, atMs);
  });
  jobsArrived(state, spec, tasks.length);
  state.arrays.set(arrayId, tasks);
  state.nextJob = Math.max(state.nextJob, Number(arrayId) + 1);
  if (key !== null) remember(state, key, tasks[0]!, tasks.length);
}

function addJob(
  state: State,
  jobId: string,
  spec: JobSpec,
  place: ArrayPlace | null,
  atMs: number,
): void {
  assert(!state.jobs.has(jobId), `job id ${jobId} is new`);
  const job = newJob(jobId, spec, place, atMs);
  state.jobs.set(jobId, job);
  state.queue.set(jobId, true);
  queueChanged(state, job, true);
}

/** Keeps an idempotency key; the oldest is forgotten when there are too many. */
function remember(
  state: State,
  { key, digest }: { readonly key: string; readonly digest: string },
  jobId: string,
  tasks?: number,
): void {
  state.keys.set(key, { digest, jobId, ...(tasks === undefined ? {} : { tasks }) });
  if (state.keys.size <= LIMITS.IDEMPOTENCY_KEYS_MAX) return;
  for (const oldest of state.keys.keys()) {
    state.keys.delete(oldest);
    return;
  }
}

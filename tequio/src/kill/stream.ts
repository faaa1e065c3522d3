// Streams the jobs into the pool while it breaks: each submission is tried again under its own
// key until the pool has answered, so that a job is accepted exactly once or the test fails.
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@tequio/contract";
import { type PlannedJob, wireOf } from "./jobs.ts";
import type { Place } from "./place.ts";

/** A planned job that the pool has accepted. */
export interface Accepted {
  readonly job: PlannedJob;
  readonly id: string;
}

export interface StreamOptions {
  readonly place: Place;
  readonly seed: number;
  readonly jobs: readonly PlannedJob[];
  readonly script: string;
  readonly evidenceOf: (job: PlannedJob) => string;
}

/** So many may wait in the pool before the next is submitted. */
const WAITING_MAX = 40;
/** Submissions under way at one time. */
const LANES = 4;
const RETRY_MS = 100;
/** One answer may take this long: a pool that is stopped gives none. */
const ANSWER_MS = 4_000;
/** Faults last 10 s; a pool that gives no answer for so long has failed. */
const GIVE_UP_MS = 120_000;

/** Codes with which another try is right. */
const AGAIN: ReadonlySet<string> = new Set([
  "POOL_UNREACHABLE",
  "SHUTTING_DOWN",
  "STORE_UNWRITABLE",
  "STORE_UNREACHABLE",
  "TOO_MANY",
]);

type Reply = Awaited<ReturnType<Client["call"]>>;

/** Calls until there is an answer; throws on a refusal that another try would not change. */
async function insist<R extends Reply>(what: string, call: () => Promise<R>): Promise<R> {
  const untilMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const reply = await call();
    if (reply.ok || !AGAIN.has(reply.code)) return reply;
    if (performance.now() > untilMs) throw new Error(`${what}: ${reply.code}: ${reply.message}`);
    await sleep(RETRY_MS);
  }
}

/** Submits all jobs and asks for the planned cancellations; resolves when all are accepted. */
export async function streamJobs(options: StreamOptions): Promise<readonly Accepted[]> {
  const { place, jobs } = options;
  const accepted: Accepted[] = [];
  const cancels: Promise<void>[] = [];
  let next = 0;
  let room = WAITING_MAX;
  const lane = async (): Promise<void> => {
    for (;;) {
      while (room <= 0 && next < jobs.length) await sleep(RETRY_MS);
      const job = jobs[next];
      if (job === undefined) return;
      next += 1;
      room -= 1;
      const id = await submit(options, job);
      accepted.push({ job, id });
      if (job.cancelAfterMs !== undefined) cancels.push(cancelLater(place, id, job.cancelAfterMs));
    }
  };
  const watch = async (): Promise<void> => {
    while (next < jobs.length) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const pool = await place.client.call("getPool", { signal });
      if (pool.ok) room = WAITING_MAX - pool.value.jobsQueued;
      await sleep(RETRY_MS);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: LANES }, lane)]);
  await Promise.all(cancels);
  return accepted;
}

async function submit(options: StreamOptions, job: PlannedJob): Promise<string> {
  const { place, seed, script, evidenceOf } = options;
  const body = wireOf(job, script, evidenceOf(job));
  const idempotencyKey = `kill-${seed}-${job.index}`;
  const reply = await insist(`submission of job ${job.index}`, () =>
    place.client.call("submitJob", {
      body,
      idempotencyKey,
      signal: AbortSignal.timeout(ANSWER_MS),
    }),
  );
  if (!reply.ok) throw new Error(`job ${job.index} was refused: ${reply.code}: ${reply.message}`);
  return reply.value.id;
}

async function cancelLater(place: Place, id: string, afterMs: number): Promise<void> {
  await sleep(afterMs);
  // A job that has ended meanwhile is refused or ends as it did: both are right.
  await insist(`cancellation of job ${id}`, () =>
    place.client.call("cancelJob", { params: { id }, signal: AbortSignal.timeout(ANSWER_MS) }),
  );
}

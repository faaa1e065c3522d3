// Reading a task's log: of the newest lease, of an attempt, or of a member's part in a run.
import type { JobState, LeaseState, State } from "@tequio/core/controller";
import { ok, refuse } from "@tequio/core/pool";
import { logTopic } from "../../logs/log-store.ts";
import type { Handlers } from "../table.ts";
import { permittedPast } from "./jobs.ts";

/** A site that was lost never says that a log is over; so long after its lease it is. */
const LOG_LATE_MS = 15_000;

interface Wish {
  readonly attempt?: number | undefined;
  readonly member?: string | undefined;
}

/** The lease whose log is wanted; undefined while the job has none that fits. */
function leaseFor(state: State, job: JobState, { attempt, member }: Wish): LeaseState | undefined {
  return job.leaseIds
    .map((leaseId) => state.leases.get(leaseId)!)
    .findLast(
      ({ lease }) =>
        (attempt === undefined || lease.attempt === attempt) &&
        (member === undefined || state.sites.get(lease.siteId)!.member === member),
    );
}

const isOver = (held: LeaseState, nowMs: number): boolean =>
  held.endedAtMs !== null && nowMs - held.endedAtMs > LOG_LATE_MS;

export const logHandlers: Handlers<"readLog"> = {
  async readLog({ context, caller, params, query, signal }) {
    const { logs, waker, now } = context;
    const { task, offset, limit } = query;
    const gone = signal();
    const untilMs = performance.now() + query.waitMs;
    for (;;) {
      const found = await permittedPast(context, caller, "logs.read", params.id);
      if (!found.ok) return found;
      const { state, job } = found.value;
      const held = leaseFor(state, job, query);
      const refused = refuseWish(job, held, query, task);
      if (refused !== undefined) return refused;
      const jobOver = job.stage === "ended";
      const leaseId = held?.lease.leaseId;
      const chunk = leaseId === undefined ? NO_LOG : await logs.read(leaseId, task, offset, limit);
      const leaseOver = held === undefined ? jobOver : isOver(held, now());
      // Nobody writes any more: what is there is all. More may be left beyond this chunk.
      const ended = chunk.ended || (leaseOver && chunk.nextOffset >= chunk.size);
      const leftMs = untilMs - performance.now();
      if (chunk.data.length > 0 || ended || leftMs <= 0 || gone.aborted) {
        return ok({
          ...{ attempt: held?.lease.attempt ?? 0, task, offset: chunk.offset },
          ...{ nextOffset: chunk.nextOffset, data: chunk.data.toString("base64") },
          ...{ ended, droppedBytes: chunk.droppedBytes },
        });
      }
      if (leaseId !== undefined && logs.hasNews(leaseId, task, chunk.nextOffset)) continue;
      const topic = leaseId === undefined ? `job ${params.id}` : logTopic(leaseId, task);
      await waker.wait(topic, Math.min(leftMs, LOG_LATE_MS), gone);
    }
  },
};

const NO_LOG = {
  ...{ offset: 0, nextOffset: 0, size: 0, ended: false, droppedBytes: 0 },
  data: Buffer.alloc(0),
};

function refuseWish(
  job: JobState,
  held: LeaseState | undefined,
  wish: Wish,
  task: number,
): ReturnType<typeof refuse> | undefined {
  if (held === undefined) {
    if (wish.attempt === undefined && wish.member === undefined) return undefined;
    const hint = `See its leases with \`tequio job ${job.jobId}\`.`;
    return refuse("NOT_FOUND", `Job ${job.jobId} has no such lease.`, hint);
  }
  const tasks = held.lease.placements.length;
  if (task < tasks) return undefined;
  return refuse("NOT_FOUND", `Job ${job.jobId} has ${tasks} tasks.`, `Use 0 to ${tasks - 1}.`);
}

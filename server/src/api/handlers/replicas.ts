// What the replica of a lease asks and says. The texts themselves are kept in replicas/.
import type { ReplicaWork } from "@tequio/contract";
import type { LeaseState } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { Replicas } from "../../replicas/replicas.ts";
import type { Caller } from "../caller.ts";
import { type Handlers, leaseOf } from "../table.ts";

interface Serving {
  readonly lease: LeaseState;
  readonly runId: string;
}

/** The open lease behind a task's token, if it is one of a replica. */
function replicaOf({ pump }: Context, caller: Caller): Outcome<Serving> {
  const { leaseId, jobId } = leaseOf(caller).lease;
  const runId = pump.state.jobs.get(jobId)?.spec.serves;
  if (runId === undefined) {
    const hint = "Submit a job with `serve: RUN`.";
    return refuse("FORBIDDEN", `Job ${jobId} is no replica of a run.`, hint);
  }
  // Looked up again: after a failed append the state is another object.
  const lease = pump.state.leases.get(leaseId);
  if (lease !== undefined && lease.stage !== "ended") return ok({ lease, runId });
  return refuse("TOKEN_EXPIRED", `The lease ${leaseId} has ended.`, "Stop the task.");
}

export const replicaHandlers: Handlers<"takeTexts" | "sayTexts"> = {
  async takeTexts(call): Promise<Outcome<ReplicaWork>> {
    const { context, caller, body } = call;
    const { replicas, waker } = context;
    const gone = call.signal();
    const untilMs = performance.now() + body.waitMs;
    const first = replicaOf(context, caller);
    if (!first.ok) return first;
    const { leaseId } = first.value.lease.lease;
    const { runId } = first.value;
    const asked = replicas.asks(first.value.lease, runId);
    try {
      for (;;) {
        const still = replicaOf(context, caller);
        if (!still.ok) return still;
        const work = replicas.work(leaseId, body.after);
        const leftMs = untilMs - performance.now();
        const news = work.state === "stop" || work.version > body.after;
        if (news || leftMs <= 0 || gone.aborted) return ok(work);
        const heard = new AbortController();
        const either = AbortSignal.any([gone, heard.signal]);
        await Promise.race([
          waker.wait(Replicas.topic(leaseId), leftMs, either),
          waker.wait(`job ${runId}`, leftMs, either),
        ]);
        heard.abort();
      }
    } finally {
      asked(gone.aborted);
    }
  },

  sayTexts({ context, caller, body }) {
    const replica = replicaOf(context, caller);
    if (!replica.ok) return replica;
    return ok({ taken: context.replicas.takes(replica.value.lease.lease.leaseId, body) });
  },
};

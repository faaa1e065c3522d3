// What the training worker of a lease asks: what to do next, and whether its contribution counts.
import type { AssignmentView, CallReply } from "@tequio/contract";
import { type LeaseState, linkOf, type State, speedHint } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type Codec, isCodec, type RunEvent, siteOf } from "@tequio/core/training";
import type { Context } from "../../context.ts";
import { assignmentView } from "../../views/assignment.ts";
import { type Call, type Handlers, leaseOf } from "../table.ts";

type ContributionView = CallReply<"contribute">;

type WorkerCall = Pick<Call<"getAssignment">, "context" | "caller" | "params">;

/** The open lease behind a task's token, if it belongs to this run. */
function leaseIn({ context, caller, params }: WorkerCall): Outcome<LeaseState> {
  // Looked up again: after a failed append the state is another object.
  const { leaseId, jobId } = leaseOf(caller).lease;
  if (jobId !== params.id) {
    const hint = "Use the token of a task of that run.";
    return refuse("FORBIDDEN", `The token is for job ${jobId}, not ${params.id}.`, hint);
  }
  const lease = context.pump.state.leases.get(leaseId);
  if (lease !== undefined && lease.stage !== "ended") return ok(lease);
  return refuse("TOKEN_EXPIRED", `The lease ${leaseId} has ended.`, "Stop the task.");
}

/** The first question of a worker tells the run that its site is there. */
async function announce({ pump }: Context, { lease }: LeaseState): Promise<Outcome<unknown>> {
  const { jobId, siteId } = lease;
  const machine = pump.state.runs.get(jobId)?.machine;
  if (machine === undefined || machine.phase.kind === "finished") return ok(undefined);
  if (siteOf(machine, siteId)?.here === true) return ok(undefined);
  const link = linkOf(pump.state, siteId);
  const tokensPerSecondHint = speedHint(pump.state, siteId, machine.config.parameters);
  const input = { type: "site.available", siteId, link, tokensPerSecondHint } as const;
  return pump.submit({ type: "run", jobId, input });
}

export const workerHandlers: Handlers<"getAssignment" | "contribute"> = {
  async getAssignment(call): Promise<Outcome<AssignmentView>> {
    const { context, params, query } = call;
    const { pump, waker, now } = context;
    const gone = call.signal();
    const untilMs = performance.now() + query.waitMs;
    const first = leaseIn(call);
    if (!first.ok) return first;
    const announced = await announce(context, first.value);
    if (!announced.ok) return announced;
    for (;;) {
      const lease = leaseIn(call);
      if (!lease.ok) return lease;
      const { state } = pump;
      const view = assignmentView(
        state,
        state.jobs.get(params.id)!,
        lease.value,
        query.holds,
        now(),
      );
      const leftMs = untilMs - performance.now();
      const news = view.state !== "wait" || view.version > query.after;
      if (news || leftMs <= 0 || gone.aborted) return ok(withoutPlace(state, lease.value, view));
      await waker.wait(`job ${params.id}`, leftMs, gone);
    }
  },

  async contribute(call): Promise<Outcome<ContributionView>> {
    const { context, params, body } = call;
    const lease = leaseIn(call);
    if (!lease.ok) return lease;
    const refused = await refuseBlob(context, body);
    if (refused !== undefined) return refused;
    const { siteId } = lease.value.lease;
    const { ranges, momentsBlob, bytesDown: _, ...claims } = body;
    const answer = await context.pump.submit({
      type: "run",
      jobId: params.id,
      input: {
        type: "contribution.offered",
        siteId,
        ...claims,
        codec: body.codec as Codec,
        dataRange: ranges,
        momentsBlob: await momentsOf(context, momentsBlob),
      },
    });
    if (!answer.ok) return answer;
    const { events } = answer.value as { events: readonly RunEvent[] };
    const no = events.find((event) => event.type === "contribution.refused");
    if (no !== undefined) return ok({ accepted: false, code: no.code, reason: no.reason });
    return ok({ accepted: true, reason: `taken for round ${body.round}` });
  },
};

/** A run that is full has no place for the site, now or later: its worker may go. */
function withoutPlace(state: State, { lease }: LeaseState, view: AssignmentView): AssignmentView {
  const machine = state.runs.get(lease.jobId)?.machine;
  const known = machine === undefined || siteOf(machine, lease.siteId) !== undefined;
  if (view.state !== "wait" || known) return view;
  return { ...view, state: "stop", reason: "the run has as many sites as it may have" };
}

type Contribution = Call<"contribute">["body"];

async function refuseBlob(
  { store }: Context,
  { blob, bytes, codec }: Contribution,
): Promise<Outcome<ContributionView> | undefined> {
  const stat = await store.blobs.stat(blob);
  if (!stat.ok) return stat;
  const no = (code: string, reason: string) => ok({ accepted: false, code, reason });
  if (stat.value.size !== bytes) {
    return no("CONTRIBUTION_SIZE", `the blob has ${stat.value.size} bytes, not ${bytes}`);
  }
  return isCodec(codec) ? undefined : no("CODEC_MISMATCH", `${codec} is not a codec`);
}

/** Moments that did not arrive are no reason to refuse the contribution itself. */
async function momentsOf({ store }: Context, digest: string | undefined): Promise<string | null> {
  return digest !== undefined && (await store.blobs.has(digest)) ? digest : null;
}

// Whether a caller may do something to something: the question that handlers ask. The rights are
// those of this moment, not of the start of the request. What stands behind them is in
// core/controller/rights.ts.
import type { Event, JobState, Principal, State, Target } from "@tequio/core/controller";
import { forbidden, holdsForAll, permits, principalOf } from "@tequio/core/controller";
import { assert, type Permission, type Refusal, refuse } from "@tequio/core/pool";
import type { Context } from "../context.ts";
import type { Caller } from "./caller.ts";

type Person = Extract<Caller, { readonly kind: "person" }>;

/** The person who calls, on endpoints that only persons may use. */
export function personOf(caller: Caller): Person {
  assert(caller.kind === "person", "the endpoint is for persons");
  return caller;
}

/** The state in which rights are looked up. */
export interface Standing {
  readonly pump: Pick<Context["pump"], "state">;
}

/** Who the caller is now: a token that was revoked meanwhile has no rights left. */
export function whoOf({ pump }: Standing, caller: Caller): Principal {
  const { tokenId, who } = personOf(caller);
  const token = pump.state.tokens.get(tokenId);
  if (token === undefined || token.revoked) return { ...who, grants: [], scopes: [] };
  return principalOf(pump.state, token);
}

/** Undefined if the caller may; otherwise the refusal, which names what is missing. */
export function refuseUnless(
  context: Standing,
  caller: Caller,
  what: Permission,
  target: Target = {},
): Refusal | undefined {
  const who = whoOf(context, caller);
  return permits(context.pump.state, who, what, target) ? undefined : forbidden(who, what, target);
}

/** A job as something that is asked for: its project, its user, the members that served it. */
export const jobTarget = (state: State, job: JobState): Target => ({
  project: job.spec.project,
  owner: job.spec.user,
  ranOn: (member) =>
    job.leaseIds.some((leaseId) => {
      const lease = state.leases.get(leaseId);
      return lease !== undefined && state.sites.get(lease.lease.siteId)?.member === member;
    }),
});

/** Undefined if the caller may do this to the job. */
export const refuseJob = (
  context: Standing,
  caller: Caller,
  what: Permission,
  job: JobState,
): Refusal | undefined => refuseUnless(context, caller, what, jobTarget(context.pump.state, job));

/** Which jobs a list may show; undefined: all of them. */
export function visibleJobs(
  context: Standing,
  caller: Caller,
  what: Permission,
): ((job: JobState, view?: State) => boolean) | undefined {
  const who = whoOf(context, caller);
  if (holdsForAll(who, what)) return undefined;
  const { state } = context.pump;
  return (job, view = state) => permits(state, who, what, jobTarget(view, job));
}

/** What is said about a user's own name when there is none by it. */
export const noSuchUser = (name: string): Refusal =>
  refuse("NOT_FOUND", `There is no user ${name}.`, "List them with `tequio user list`.");

function jobIdOf(state: State, event: Event): string | undefined {
  if ("jobId" in event) return event.jobId;
  // The tasks of an array have one user and one project.
  if ("arrayId" in event) return state.arrays.get(event.arrayId)?.[0];
  if (event.type === "lease.granted") return event.lease.jobId;
  return "leaseId" in event ? state.leases.get(event.leaseId)?.lease.jobId : undefined;
}

/** Whether somebody may know what the job of an event says in confidence. */
export function mayReadInside(state: State, who: Principal, event: Event): boolean {
  if (holdsForAll(who, "logs.read")) return true;
  const job = state.jobs.get(jobIdOf(state, event) ?? "");
  return job !== undefined && permits(state, who, "logs.read", jobTarget(state, job));
}

/** Whether somebody may see an event of the journal: as far as they may see what it is about. */
export function maySee(state: State, who: Principal, event: Event): boolean {
  const kind = event.type.slice(0, event.type.indexOf("."));
  switch (kind) {
    case "pool":
    case "reservation":
      return permits(state, who, "pool.read", {});
    case "token": {
      const { tokenId } = event as { readonly tokenId: string };
      const own = state.tokens.get(tokenId)?.userId === who.userId;
      return permits(state, who, own ? "tokens.own" : "tokens.read", {});
    }
    case "user":
    case "role": {
      const own = (event as { readonly userId: string }).userId === who.userId;
      return permits(state, who, own ? "self.read" : "users.read", {});
    }
    case "project": {
      const { name } = event as { readonly name: string };
      return permits(state, who, "projects.read", { project: name });
    }
    case "member":
    case "invitation":
    case "site":
      return permits(state, who, "members.read", {});
    default: {
      const what = kind === "run" ? "runs.read" : "jobs.read";
      if (holdsForAll(who, what)) return true;
      const job = state.jobs.get(jobIdOf(state, event) ?? "");
      return job !== undefined && permits(state, who, what, jobTarget(state, job));
    }
  }
}

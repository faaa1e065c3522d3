// Jobs and their leases, from the state and the scheduler's newest plan to the contract's views.
// Every job has one line that says why it waits, where it runs, or how it ended. Pure.
import type { JobDetail, JobView } from "@tequio/contract";
import type { JobState, LeaseState, State } from "@tequio/core/controller";
import { arrayLimitReason, taskSpec, userName } from "@tequio/core/controller";
import {
  acceleratorsOf,
  deadlineMs,
  type Resources,
  usageOf,
  WHOLE_MILLI,
} from "@tequio/core/pool";
import type { Plan, Reason, Wait } from "@tequio/core/scheduler";
import { blockedReasons } from "@tequio/core/scheduler";

type LeaseRow = JobDetail["leases"][number];
type JobStateName = JobView["state"];

const leasesOf = (state: State, job: JobState): LeaseState[] =>
  job.leaseIds.map((leaseId) => state.leases.get(leaseId)!);

const memberOf = (state: State, lease: LeaseState): string =>
  state.sites.get(lease.lease.siteId)!.member;

/** The name for users: queued, or what its newest open lease does, or ended. */
export function jobStateName(state: State, job: JobState): JobStateName {
  if (job.stage !== "active") return job.stage;
  const stages = leasesOf(state, job).map((lease) => lease.stage);
  // A run has several leases: it runs as soon as one of them does.
  for (const stage of ["running", "starting", "leased", "stopping"] as const) {
    if (stages.includes(stage)) return stage;
  }
  return "queued";
}

const waitsByPlan = new WeakMap<Plan, ReadonlyMap<string, Wait>>();

/** What the newest plan says of a waiting job: of itself, or of all that ask for the same. */
function waitOf(plan: Plan | undefined, job: JobState): Omit<Wait, "jobId"> | undefined {
  if (plan === undefined) return undefined;
  const known = waitsByPlan.get(plan);
  const waits = known ?? new Map(plan.waits.map((wait) => [wait.jobId, wait]));
  if (known === undefined) waitsByPlan.set(plan, waits);
  const own = waits.get(job.jobId);
  if (own !== undefined) return own;
  // Runs and jobs with dependencies are always among the waits; an older plan knows nothing.
  if (job.spec.run !== undefined || job.spec.dependencies.length > 0) return undefined;
  const { place } = job;
  const shared = blockedReasons(plan, job.spec) ?? asList(plan.beyond);
  return { reasons: shared ?? (place === null ? [] : [arrayLimitReason(place.maxRunning)]) };
}

const asList = (reason: Reason | undefined): readonly Reason[] | undefined =>
  reason === undefined ? undefined : [reason];

/** One line: why it waits, where it runs, or how it ended. */
export function reasonOf(state: State, plan: Plan | undefined, job: JobState): string {
  if (job.stage === "ended") {
    const exit = job.exitCode === null || job.exitCode === 0 ? "" : ` with ${job.exitCode}`;
    return job.message === "" ? `${job.outcome}${exit}` : job.message;
  }
  const open = leasesOf(state, job).filter((lease) => lease.stage !== "ended");
  const newest = open.at(-1);
  if (newest?.stop != null && open.length === 1) return `stopping: ${newest.stop.reason}`;
  if (newest !== undefined && open.length > 1) {
    const members = new Set(open.map((lease) => memberOf(state, lease)));
    return `on ${[...members].join(", ")}`;
  }
  if (newest !== undefined) return newest.lease.reason;
  const text = waitOf(plan, job)
    ?.reasons.map((reason) => reason.text)
    .join("; ");
  return text || (job.message === "" ? "the scheduler looks at it next" : job.message);
}

/** One job as a row of a list. */
export function jobView(state: State, plan: Plan | undefined, job: JobState): JobView {
  const { jobId, spec, place } = job;
  const open = leasesOf(state, job).filter((lease) => lease.stage !== "ended");
  const members = new Set(
    (open.length > 0 ? open : leasesOf(state, job).slice(-1)).map((one) => memberOf(state, one)),
  );
  return {
    id: jobId,
    ...{ name: spec.name, project: spec.project, priority: spec.priority },
    user: userName(state, spec.user),
    kind: spec.run === undefined ? "batch" : "run",
    state: jobStateName(state, job),
    ...(job.outcome === null ? {} : { outcome: job.outcome }),
    ...(job.stage === "ended" ? { exitCode: job.exitCode } : {}),
    tasks: spec.groups.reduce((sum, group) => sum + group.count, 0),
    accelerators:
      spec.groups.reduce((sum, { count, resources }) => sum + count * milliOf(resources), 0) /
      WHOLE_MILLI,
    submittedAtMs: job.submittedAtMs,
    ...(job.startedAtMs === null ? {} : { startedAtMs: job.startedAtMs }),
    ...(job.endedAtMs === null ? {} : { endedAtMs: job.endedAtMs }),
    walltimeMs: spec.walltimeMs,
    attempt: job.attempts,
    members: [...members],
    ...(place === null ? {} : { arrayId: place.arrayId, arrayIndex: place.index }),
    reason: reasonOf(state, plan, job),
  };
}

/** Thousandths of accelerators that a task asks for: whole numbers add up exactly. */
const milliOf = ({ accelerators, partMilli }: Resources): number =>
  partMilli ?? accelerators * WHOLE_MILLI;

/** One job with everything that was asked for and every lease it had. */
export function jobDetail(state: State, plan: Plan | undefined, job: JobState): JobDetail {
  const { spec } = job;
  const group = spec.groups[0]!;
  return {
    ...jobView(state, plan, job),
    command: [...group.command],
    env: { ...taskSpec(state, job).groups[0]!.env },
    constraints: spec.constraints,
    resources: askedOf(group.resources),
    dependencies: spec.dependencies.map(({ kind, jobId }) => `${kind}:${jobId}`),
    preemptible: spec.preemptible,
    requeue: spec.requeue,
    ...(spec.prefer === undefined ? {} : { prefer: spec.prefer }),
    ...(spec.serves === undefined ? {} : { serves: spec.serves }),
    ...(spec.deadline === undefined ? {} : { deadlineMs: deadlineMs(spec, job.submittedAtMs) }),
    leases: leasesOf(state, job).map((lease) => leaseView(state, lease)),
  };
}

/** The request as it was written: half an accelerator is 0.5. */
function askedOf(resources: Resources): Omit<Resources, "partMilli"> {
  const { partMilli: _, ...rest } = resources;
  return { ...rest, accelerators: acceleratorsOf(resources) };
}

function leaseView(state: State, held: LeaseState): LeaseRow {
  const { lease, stage, end } = held;
  const site = state.sites.get(lease.siteId)!;
  const modelOf = (node: string, id: string): string =>
    site.nodes
      .find((one) => one.name === node)
      ?.accelerators.find((accelerator) => accelerator.id === id)?.model ?? "unknown";
  return {
    leaseId: lease.leaseId,
    attempt: lease.attempt,
    member: site.member,
    site: lease.siteId,
    state: stage,
    fence: lease.fence,
    accelerators: lease.placements.flatMap(({ node, acceleratorIds, partMilli }) =>
      acceleratorIds.map((id) => ({
        ...{ node, id, model: modelOf(node, id) },
        ...(partMilli === undefined ? {} : { part: partMilli / WHOLE_MILLI }),
      })),
    ),
    grantedAtMs: lease.grantedAtMs,
    ...(held.startedAtMs === null ? {} : { startedAtMs: held.startedAtMs }),
    ...(held.endedAtMs === null ? {} : { endedAtMs: held.endedAtMs }),
    ...(end === null
      ? {}
      : {
          outcome: end.outcome,
          exitCode: end.exitCode,
          signal: end.signal,
          deviceMs: end.usage.deviceMs,
          message: end.message,
        }),
    reason: held.stop === null ? lease.reason : `stopped: ${held.stop.reason}`,
  };
}

/** Device-milliseconds of a lease so far. */
export function deviceMsOf(held: LeaseState, nowMs: number): number {
  if (held.end !== null) return held.end.usage.deviceMs;
  if (held.startedAtMs === null) return 0;
  return usageOf(held.lease.placements, Math.max(0, nowMs - held.startedAtMs)).deviceMs;
}

// Answers "why does my job wait?": its place, who is ahead, what each node says, and which single
// change of the request would let it start now. Asks the same pass that production runs.
import type { JobSpec, Resources } from "../pool/index.ts";
import { besideReservation, forecast } from "./backfill/reserve.ts";
import { BOUNDS } from "./bounds.ts";
import { makeDemand } from "./demand.ts";
import { formatMiB } from "./feasible/checker.ts";
import { fitSite } from "./gang/fit.ts";
import { acceptsRecall } from "./lending.ts";
import { excludedSites, type Pass, runPass } from "./plan.ts";
import type { Reason, SchedulerInput, WaitingView } from "./types.ts";

export interface Explanation {
  readonly jobId: string;
  /** True if the next plan starts it. */
  readonly starts: boolean;
  /** 1 for the job whose turn is first; undefined for one that is held. */
  readonly place?: number;
  readonly ahead: number;
  /** The first of the jobs ahead that wait as well. */
  readonly aheadJobIds: readonly string[];
  /** Empty if it starts. */
  readonly reasons: readonly Reason[];
  /** Single changes that would let it start now, or at all; sentences. */
  readonly changes: readonly string[];
  /** Earliest start if every lease runs to its limit and nobody overtakes. */
  readonly startEstimateMs?: number;
}

/** Explains one waiting job; undefined if it is not among `input.waiting`. */
export function explain(input: SchedulerInput, jobId: string): Explanation | undefined {
  const job = input.waiting.find((waiting) => waiting.jobId === jobId);
  if (job === undefined) return undefined;
  const pass = runPass(input);
  const wait = pass.waits.find((waiting) => waiting.jobId === jobId);
  const index = pass.order.indexOf(jobId);
  const waiting = new Set(pass.waits.map((other) => other.jobId));
  const before = pass.order.slice(0, Math.max(0, index)).filter((id) => waiting.has(id));
  const startMs = wait === undefined ? undefined : (wait.startEstimateMs ?? earliest(pass, job));
  return {
    jobId,
    starts: wait === undefined,
    ...(index === -1 ? {} : { place: index + 1 }),
    ahead: before.length,
    aheadJobIds: before.slice(0, BOUNDS.AHEAD_LISTED_MAX),
    reasons: wait?.reasons ?? [],
    changes: wait === undefined || !job.eligible ? [] : usefulChanges(pass, job),
    ...(startMs === undefined ? {} : { startEstimateMs: startMs }),
  };
}

function earliest(pass: Pass, job: WaitingView): number | undefined {
  if (!job.eligible) return undefined;
  const lastStartMs = (siteId: string): number => pass.lenders.lastStartMs(siteId, job.spec);
  return forecast(pass.demandOf(job), excludedSites(pass, job), lastStartMs)?.startMs;
}

interface Change {
  readonly sentence: string;
  readonly spec: JobSpec;
}

function usefulChanges(pass: Pass, job: WaitingView): readonly string[] {
  return changesOf(pass, job.spec)
    .filter(({ spec }) => wouldStart(pass, { ...job, spec }))
    .map(({ sentence }) => sentence);
}

/** Every request that asks for one thing less than `spec`. */
function changesOf({ world }: Pass, spec: JobSpec): readonly Change[] {
  const changes: Change[] = [];
  const without = (field: keyof Resources, value: string | undefined): void => {
    if (value === undefined) return;
    const groups = spec.groups.map((group) => {
      const { [field]: _dropped, ...resources } = group.resources;
      return { ...group, resources: resources as Resources };
    });
    changes.push({ sentence: `It would start now without ${value}.`, spec: { ...spec, groups } });
  };
  const first = <K extends keyof Resources>(field: K): Resources[K] | undefined =>
    spec.groups.map(({ resources }) => resources[field]).find((value) => value !== undefined);
  const { constraints } = spec;
  const named = (what: string, value: string | undefined) =>
    value === undefined ? undefined : `the ${what} ${value}`;
  without("kind", named("kind", first("kind")));
  without("vendor", named("vendor", first("vendor")));
  without("model", named("model", first("model")));
  const memory = first("acceleratorMemoryMiB");
  without(
    "acceleratorMemoryMiB",
    memory === undefined ? undefined : `the accelerator memory of ${formatMiB(memory)}`,
  );
  const free = { ...constraints, members: [], excludeMembers: [] };
  if (constraints.members.length + constraints.excludeMembers.length > 0) {
    const sentence = "It would start now if any member might serve it.";
    changes.push({ sentence, spec: { ...spec, constraints: free } });
  }
  if (Object.keys(constraints.labels).length > 0) {
    const sentence = "It would start now without the labels.";
    changes.push({ sentence, spec: { ...spec, constraints: { ...constraints, labels: {} } } });
  }
  for (const { reservation } of world.sites) {
    const minutes = Math.floor(((reservation?.startMs ?? 0) - world.nowMs) / 60_000);
    const walltimeMs = minutes * 60_000;
    if (walltimeMs <= 0 || walltimeMs >= spec.walltimeMs) continue;
    const sentence = `It would start now with a time limit of at most ${minutes} minutes.`;
    changes.push({ sentence, spec: { ...spec, walltimeMs } });
  }
  if (!acceptsRecall(spec)) {
    const sentence = "It would start now if it were preemptible.";
    changes.push({ sentence, spec: { ...spec, preemptible: true } });
  }
  return changes.concat(smaller(spec));
}

function smaller(spec: JobSpec): readonly Change[] {
  const changes: Change[] = [];
  const tasks = spec.groups.reduce((sum, group) => sum + group.count, 0);
  if (tasks > 1) {
    const groups = spec.groups.slice(0, 1).map((group) => ({ ...group, count: 1 }));
    changes.push({ sentence: "It would start now with one task.", spec: { ...spec, groups } });
  }
  const most = Math.max(...spec.groups.map((group) => group.resources.accelerators));
  if (most > 1) {
    const groups = spec.groups.map((group) => ({
      ...group,
      resources: { ...group.resources, accelerators: Math.min(1, group.resources.accelerators) },
    }));
    const sentence = "It would start now with one accelerator a task.";
    changes.push({ sentence, spec: { ...spec, groups } });
  }
  return changes;
}

function wouldStart(pass: Pass, job: WaitingView): boolean {
  const { world } = pass;
  const { spec } = job;
  const excluded = excludedSites(pass, job);
  const endsAtMs = world.nowMs + spec.walltimeMs;
  const demand = makeDemand(spec, world);
  return demand.candidates.some((candidates) => {
    if (excluded.has(candidates.site.siteId)) return false;
    const { fit } = fitSite(
      demand,
      candidates,
      (node) => besideReservation(node, node.room, endsAtMs),
      BOUNDS.GANG_STEPS_MAX,
    );
    return fit !== undefined;
  });
}

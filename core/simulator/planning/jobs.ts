// Jobs of any trace in one form: who asked when for what, and how long it really ran. Widths are
// cut into tasks of one node each, as a user would who knows the machines.
import { type Outcome, ok, type Resources, refuse } from "../../pool/index.ts";
import type { OwnerTrace } from "../traces/philly.ts";
import type { SwfJob, SwfTrace } from "../traces/swf.ts";
import type { Unit } from "./cluster.ts";

export interface PlanTasks {
  readonly count: number;
  readonly resources: Resources;
}

/** Equal requests share one object, so that jobs that ask for the same are told by it. */
export interface PlanRequest {
  readonly tasks: readonly PlanTasks[];
  /** Accelerators or cores of all tasks together, in the unit of the workload. */
  readonly width: number;
  readonly priority: number;
  /** Members that may serve it, and labels that a node must carry; absent: any. */
  readonly members?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PlanJob {
  readonly name: string;
  readonly user: string;
  readonly owner: string;
  /** Seconds since the first submission. */
  readonly submitS: number;
  readonly durationS: number;
  /** The time limit that was asked for; undefined: the trace does not say. */
  readonly limitS: number | undefined;
  readonly request: PlanRequest;
}

export interface Workload {
  readonly unit: Unit;
  /** By time of submission. */
  readonly jobs: readonly PlanJob[];
  /** Owners, sorted. */
  readonly owners: readonly string[];
}

/** Makes a workload: sorted by time (stable), the first submission at 0. */
export function workloadOf(unit: Unit, jobs: readonly PlanJob[]): Workload {
  const sorted = [...jobs].sort((a, b) => a.submitS - b.submitS);
  const zeroS = sorted[0]?.submitS ?? 0;
  return {
    unit,
    jobs: zeroS === 0 ? sorted : sorted.map((job) => ({ ...job, submitS: job.submitS - zeroS })),
    owners: [...new Set(sorted.map(({ owner }) => owner))].sort(),
  };
}

/** Main memory of a task that says nothing of it: none, so that it never stands in the way. */
const NO_MEMORY_MIB = 0;
/** Cores beside each accelerator, in thousandths, of a task that says nothing of them. */
const MILLI_CPU_BESIDE = 1_000;

/** Slots of the nodes that an owner's jobs are cut for. */
export type PerNode = (owner: string) => number;

/** Makes requests by width: whole nodes first, then one task for what is left. */
export class Requests {
  readonly #unit: Unit;
  readonly #perNode: PerNode;
  readonly #known = new Map<string, PlanRequest>();

  constructor(unit: Unit, perNode: PerNode) {
    this.#unit = unit;
    this.#perNode = perNode;
  }

  of(owner: string, width: number, model?: string): PlanRequest {
    const perNode = Math.max(1, this.#perNode(owner));
    const key = `${width} ${perNode} ${model ?? ""}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const whole = Math.floor(width / perNode);
    const rest = width % perNode;
    const tasks: PlanTasks[] = [];
    if (whole > 0) tasks.push({ count: whole, resources: this.#task(perNode, model) });
    if (rest > 0) tasks.push({ count: 1, resources: this.#task(rest, model) });
    const made: PlanRequest = { tasks, width, priority: 0 };
    this.#known.set(key, made);
    return made;
  }

  #task(slots: number, model: string | undefined): Resources {
    const cores = this.#unit === "cores";
    const any = { memoryMiB: NO_MEMORY_MIB };
    if (cores) return { ...any, accelerators: 0, milliCpu: slots * 1_000 };
    const asked = { ...any, accelerators: slots, milliCpu: slots * MILLI_CPU_BESIDE };
    return model === undefined ? asked : { ...asked, model };
  }
}

/** Jobs of a trace with owners. */
export function phillyWorkload(trace: OwnerTrace, perNode: PerNode): Workload {
  const requests = new Requests("accelerators", perNode);
  const jobs = Array.from(trace.gpus, (gpus, at): PlanJob => {
    const owner = trace.owners[trace.owner[at]!]!;
    return {
      // The trace names neither: all jobs of an owner are of one kind.
      ...{ name: "job", user: owner, owner },
      ...{ submitS: trace.submitS[at]!, durationS: trace.durationS[at]!, limitS: undefined },
      request: requests.of(owner, gpus),
    };
  });
  return workloadOf("accelerators", jobs);
}

/** Who owns a job of a log: its group if the log tells groups apart, else its user. */
export type SwfOwner = "group" | "user" | "queue" | "partition";

/** Jobs of a log; a processor counts as one core, or as one accelerator if the cluster has them. */
export function swfWorkload(
  trace: SwfTrace,
  options: { readonly unit: Unit; readonly perNode: PerNode; readonly owner: SwfOwner },
): Workload {
  const requests = new Requests(options.unit, options.perNode);
  const jobs = trace.jobs.map((job): PlanJob => {
    const owner = ownerOf(job, options.owner);
    return {
      ...{ name: `app${Math.max(job.application, 0)}`, user: `user${job.user}`, owner },
      ...{ submitS: job.submitS, durationS: job.runS },
      // A job that ran longer than it asked for was let run: its limit was at least that.
      limitS: job.requestedS === undefined ? undefined : Math.max(job.requestedS, job.runS),
      request: requests.of(owner, job.processors),
    };
  });
  return workloadOf(options.unit, jobs);
}

function ownerOf(job: SwfJob, by: SwfOwner): string {
  const number = job[by];
  return number < 0 ? "unknown" : `${by}${number}`;
}

/** Jobs wider than a number of slots, with the widest. */
export interface TooWide {
  readonly count: number;
  readonly widest: PlanJob;
  readonly number: number;
}

/** The jobs that never fit, or undefined if all do. */
export function tooWide(
  jobs: readonly PlanJob[],
  fits: (job: PlanJob) => boolean,
): TooWide | undefined {
  let found: { count: number; widest: PlanJob; number: number } | undefined;
  jobs.forEach((job, number) => {
    if (fits(job)) return;
    if (found === undefined) found = { count: 1, widest: job, number };
    else {
      found.count += 1;
      if (job.request.width > found.widest.request.width) {
        found.widest = job;
        found.number = number;
      }
    }
  });
  return found;
}

/** Refuses a workload with jobs that never fit, or leaves them out. */
export function onlyFitting(
  workload: Workload,
  fits: (job: PlanJob) => boolean,
  options: { readonly leaveOut: boolean; readonly slots: number },
): Outcome<{ readonly workload: Workload; readonly skipped: number }> {
  const found = tooWide(workload.jobs, fits);
  if (found === undefined) return ok({ workload, skipped: 0 });
  if (options.leaveOut) {
    const kept = workload.jobs.filter(fits);
    if (kept.length > 0) {
      return ok({ workload: workloadOf(workload.unit, kept), skipped: found.count });
    }
  }
  const { widest, count, number } = found;
  const others = count === 1 ? "" : ` and ${count - 1} more`;
  return refuse(
    "INVALID_REQUEST",
    `Job ${number} (${widest.owner}, ${widest.name}) asks for ${widest.request.width} ` +
      `${workload.unit}${others}; the cluster of ${options.slots} can never hold it.`,
    "Give a larger cluster, or leave such jobs out with --skip-too-large.",
    `job ${number}`,
  );
}

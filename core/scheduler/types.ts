// What the scheduler is given and what it answers: a snapshot of the pool, and a plan. Only plain
// values; who collects the snapshot and who carries out the plan is the controller's business.
import type {
  Ageing,
  BackfillMode,
  BackfillPass,
  JobSpec,
  Node,
  Offer,
  Placement,
  ProjectCaps,
} from "../pool/index.ts";
import type { RunHistory } from "./estimates/history.ts";
import type { Ordered } from "./order/rules.ts";
import type { PlacementMemory } from "./rank/memory.ts";
import type { SpanOutlook } from "./spanning/span.ts";
import type { DeviceFacts } from "./taste/tastes.ts";
import type { ShareMilliOf } from "./throughput/index.ts";

/** One node as the pool sees it now. */
export interface NodeView {
  readonly siteId: string;
  /** Name of the member that owns the site. */
  readonly member: string;
  readonly node: Node;
  /** False while nothing may start there; `unavailableReason` then says why. */
  readonly schedulable: boolean;
  /** E.g. `site away`, `draining`, `recalled`. */
  readonly unavailableReason?: string;
  /** Code of that reason; absent: SITE_AWAY. */
  readonly unavailableCode?: "OFFER_HOURS" | "OFFER_DEVICES" | "MAINTENANCE";
  /** Accelerators of `node` that no lease holds. */
  readonly freeAcceleratorIds: readonly string[];
  readonly freeMilliCpu: number;
  readonly freeMemoryMiB: number;
}

/** What the owner of a site says of it. A site without an entry lends everything to everybody. */
export interface LendingView {
  readonly siteId: string;
  readonly member: string;
  readonly offer: Offer;
  /** When its leases must be over: the end of the hours, or the next maintenance window. */
  readonly until?: {
    readonly atMs: number;
    readonly code: "OFFER_HOURS" | "MAINTENANCE";
    /** E.g. `ana lends until 2026-03-02 07:00 UTC`. */
    readonly text: string;
    /** The longest that it is ever lent without a break. */
    readonly longestMs?: number;
  };
}

export type { BackfillMode };

/** A lease that holds resources now. Its placements are not in the nodes' free figures. */
export interface RunningView {
  readonly leaseId: string;
  readonly jobId: string;
  readonly siteId: string;
  /** What its job asked for; absent: nothing is known of that. */
  readonly spec?: JobSpec;
  readonly project: string;
  readonly priority: number;
  readonly preemptible: boolean;
  readonly placements: readonly Placement[];
  /** What it counts in fair share (`Lease`). */
  readonly shareMilli?: number;
  /** When its job was submitted; absent: when it started. */
  readonly submittedAtMs?: number;
  readonly startedAtMs: number;
  /** Start plus time limit: the lease is over then at the latest. */
  readonly endsAtMs: number;
  /** Work up to this moment is safe if the lease is preempted. */
  readonly checkpointAtMs?: number;
  /** True once the lease was asked to stop: it is not preempted a second time. */
  readonly stopping?: boolean;
  /** Time that it was given to stop; absent: LIMITS.STOP_GRACE_MS. */
  readonly stopGraceMs?: number;
  /** Set if it passed a reserved job because of what is known of its like. */
  readonly backfill?: BackfillPass;
}

export interface WaitingView {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly submittedAtMs: number;
  /** False while something other than resources holds it; `holdReason` then says what. */
  readonly eligible: boolean;
  readonly holdReason?: Reason;
  /** Where it ran last, if it was stopped there and waits again. */
  readonly lastSiteId?: string;
  /** For a spanning job: the sites where it has a lease already, and how many it may have. */
  readonly spanning?: {
    readonly excludeSites: readonly string[];
    /** Most sites in all, those in `excludeSites` included. */
    readonly maxMembers?: number;
    /** What its sites and others would make of it; absent: it takes any site that has room. */
    readonly outlook?: SpanOutlook;
  };
}

/** Waiting jobs of one priority and project that ask for the same and may all start now. */
export interface WaitingLine {
  readonly priority: number;
  readonly project: string;
  /** Jobs that may start at one time: all of the line, or as many as their array may run. */
  readonly count: number;
  /** At least `count` jobs by time of submission, then id; read only as far as is needed. */
  readonly jobs: () => Iterator<WaitingView, undefined>;
  /** How many there are up to the first for which something holds no more, without reading them
   * one by one; may count more than `count`. Absent: they are read. */
  readonly countLeading?: (holds: (job: Ordered) => boolean) => number;
}

export interface ProjectView {
  readonly name: string;
  readonly parent: string | null;
  /** Part of the parent that is promised to this project, relative to its siblings. */
  readonly shares: number;
  /** Decayed device-milliseconds of the project itself, without its children. */
  readonly usage: number;
  /** Of that, what its owner's machines made up for; absent: nothing. */
  readonly credit?: number;
  /** What it and its users may have at one time; absent: as much as there is. */
  readonly caps?: ProjectCaps;
}

/** Bounds of one pass; each defaults to the named limit of the pool or of scheduler/bounds.ts. */
export interface SchedulerLimits {
  readonly backfillDepthMax?: number;
  readonly backfillSlackMs?: number;
}

export interface SchedulerInput {
  readonly nowMs: number;
  readonly nodes: readonly NodeView[];
  readonly running: readonly RunningView[];
  readonly waiting: readonly WaitingView[];
  /** Further waiting jobs; of a line that is blocked only the first one is among the waits. */
  readonly lines?: readonly WaitingLine[];
  readonly projects: readonly ProjectView[];
  /** Sites whose owners made an offer or planned a maintenance. */
  readonly lending?: readonly LendingView[];
  readonly limits?: SchedulerLimits;
  /** How waiting raises priorities; null: not at all; absent: AGEING_DEFAULT. */
  readonly ageing?: Ageing | null;
  /** What a device counts in fair share; absent: all count alike. */
  readonly shareMilliOf?: ShareMilliOf;
  /** What is known of devices, asked for once at most; absent: all are as good. */
  readonly facts?: () => DeviceFacts;
  /** What was learned from the arrivals so far; absent: nodes are ranked by best fit alone. */
  readonly memory?: PlacementMemory;
  /** How long jobs ran before; absent: only time limits count. */
  readonly runTimes?: Readonly<RunHistory>;
  /** Absent: `easy`. */
  readonly backfill?: BackfillMode;
}

/** Why something does not start. The codes and their meanings stand in reasons.ts. */
export interface Reason {
  readonly code: string;
  /** For people, with the values: `accelerator memory 16 GiB < 80 GiB`. */
  readonly text: string;
  /** How many nodes say this; 0 if it has nothing to do with nodes. */
  readonly nodes: number;
}

export interface Start {
  readonly jobId: string;
  readonly siteId: string;
  /** One entry a task, in the order of the job's groups. */
  readonly placements: readonly Placement[];
  /** What it counts in fair share; absent: as many devices as it holds. */
  readonly shareMilli?: number;
  /** One sentence: which rule put it here in the order, and why on these nodes. */
  readonly reason: string;
  readonly backfill?: BackfillPass;
}

export interface Preemption {
  readonly leaseId: string;
  readonly forJobId: string;
  readonly reason: string;
  /** True if the owner's own job takes it back: then it gets the grace of the offer. */
  readonly recall?: true;
}

export interface Wait {
  readonly jobId: string;
  /** Never empty. */
  readonly reasons: readonly Reason[];
  /** The earliest start if every lease runs to its limit; jobs ahead may still push it back. */
  readonly startEstimateMs?: number;
}

export interface Plan {
  readonly starts: readonly Start[];
  readonly preemptions: readonly Preemption[];
  readonly waits: readonly Wait[];
  /** Why jobs wait that are not in `waits`: ask `blockedReasons`; see `beyond` for the rest. */
  readonly blocked: ReadonlyMap<string, readonly Reason[]>;
  /** Set when the pass stopped looking: what is said of jobs that it never looked at. */
  readonly beyond: Reason | undefined;
}

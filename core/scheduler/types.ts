// What the scheduler is given and what it answers: a snapshot of the pool, and a plan. Only plain
// values; who collects the snapshot and who carries out the plan is the controller's business.
import type {
  Ageing,
  BackfillMode,
  BackfillPass,
  JobSpec,
  KeptPart,
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
  /** Accelerators of `node` that no lease holds, not even a part of them. */
  readonly freeAcceleratorIds: readonly string[];
  /** Present where the owner lets jobs have parts of one GPU. */
  readonly sharesAccelerators?: true;
  /** Thousandths that are left of accelerators of which leases hold parts, by their ids. */
  readonly leftMilli?: Readonly<Record<string, number>>;
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

/** What an operator keeps for a project or a user; one of the two is given. */
export interface ReservationView {
  readonly reservationId: string;
  readonly project: string | null;
  readonly user: string | null;
  readonly fromMs: number;
  /** First moment that no longer counts. */
  readonly toMs: number;
  /** True if of its nodes everything is kept, and not only a part beside the accelerators. */
  readonly wholeNodes: boolean;
  readonly kept: readonly KeptPart[];
  /** E.g. `reservation r-3 of project lab from ... to ...`. */
  readonly text: string;
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
  /** When its job was submitted: its owner's machines would serve it in that order. */
  readonly submittedAtMs: number;
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
  /** True if it may be stopped only to go on elsewhere on its site (moves/). */
  readonly mayMove?: boolean;
  /** True if it may be stopped only to go on with more tasks (resize/). */
  readonly mayGrow?: boolean;
  /** True if it goes on with fewer tasks where it must make way. */
  readonly mayShrink?: boolean;
}

/** A job that was asked to stop so that it goes on elsewhere on its site. */
export interface MovingView {
  readonly jobId: string;
  readonly spec: JobSpec;
  /** The job that has room then. */
  readonly forJobId: string;
  readonly siteId: string;
  /** Where it goes on. */
  readonly to: readonly Placement[];
  /** The job once it waits; absent: its lease has not ended yet. */
  readonly job?: WaitingView;
}

/** Moves of what runs, for who waits although enough is free. */
export interface MovesView {
  /** True if new ones may be made. */
  readonly on: boolean;
  /** Those under way, oldest first. */
  readonly moving: readonly MovingView[];
}

/** A gang that was asked to stop so that it goes on with another number of tasks. */
export interface ResizingView extends MovingView {
  /** Tasks that it has run with: the first places are theirs. */
  readonly heldTasks: number;
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
  /** What operators keep for some, in the order in which it was decided. */
  readonly reservations?: readonly ReservationView[];
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
  /** Absent: nothing moves. */
  readonly moves?: MovesView;
  /** Gangs on their way to another size, oldest first. */
  readonly resizing?: readonly ResizingView[];
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
  /** Where its job goes on, on the same site; absent: wherever there is room for it. */
  readonly moveTo?: readonly Placement[];
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

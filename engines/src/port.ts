// What the agent asks of whatever runs jobs at a site: processes on this machine, Slurm,
// Kubernetes, Ray. Differences between engines are data (`EngineTraits`), never names.
// It leaves to the agent: talking to the pool, and deciding when a lease is renewed.
//
// Words: a lease is one gang of tasks at one site. It lives from `start` until `forget`.
// - All its tasks start together. When one ends with another code than 0, or by a signal, the
//   others are stopped too: a gang with a hole would only hold its devices.
// - Times called `...OnSiteClock` count milliseconds on `siteClockMs()` (clock.ts): time since the
//   machine was started, sleep included. No change of the wall clock moves it.
// - The right to run is site-wide: `extend` says until when all leases may run. If nobody renews
//   it, the tasks are stopped at that time, even when the agent is dead (`stopsByItself`).
import type { Node, Outcome, Placement } from "@tequio/core/pool";

/** One process of the gang, before it starts. */
export interface TaskStart {
  /** Rank within the whole gang of the job, unique within the lease. */
  readonly taskIndex: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** As `env`, but never written to a disk, an argument list or a log. */
  readonly secretEnv?: Readonly<Record<string, string>>;
  readonly placement: Placement;
  /** What the job asked for; absent: LIMITS.TASK_PROCESSES_DEFAULT, TASK_DISK_DEFAULT_MIB. */
  readonly limits?: TaskLimits;
}

/** Bounds on what a task may use of a machine and nobody accounts for. */
export interface TaskLimits {
  /** Processes and threads at one time. */
  readonly processes?: number;
  /** Files in its work folder, all together. */
  readonly diskMiB?: number;
}

/** One gang of tasks to start at this site. */
export interface LeaseStart {
  /** Letters, digits, `.`, `_` and `-`; it names a folder or an object of the engine. */
  readonly leaseId: string;
  readonly jobId: string;
  readonly attempt: number;
  /** Only grows over all leases of the pool; an older one than seen for the job is refused. */
  readonly fence: number;
  /** Tasks of the job over all sites: what a task sees as WORLD_SIZE. */
  readonly taskCount: number;
  /** The tasks are stopped when they have run for this long. */
  readonly walltimeMs: number;
  /** Between the polite and the hard signal at walltime; absent: LIMITS.STOP_GRACE_MS. */
  readonly graceMs?: number;
  readonly tasks: readonly TaskStart[];
}

/** Who ended a lease. */
export type EndedBy =
  | "itself" // every task ended, or one failed
  | "stop" // `stop` was called
  | "walltime" // it ran for its walltimeMs
  | "deadline" // nobody renewed the site's right to run
  | "lost" // it was ended from outside (machine, supervisor); exit codes may be unknown
  | "refused"; // the engine accepted it and could not start it, e.g. a full disk

/** How one task ended. Exactly one of exitCode and signal is set, or none if it is not known. */
export interface TaskEnd {
  readonly taskIndex: number;
  /** 127: the program does not exist. 126: it exists and cannot be run. */
  readonly exitCode: number | null;
  /** As `SIGKILL`. */
  readonly signal: string | null;
}

interface LeaseHead {
  readonly leaseId: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly fence: number;
}

/** Where a lease stands. `ended` stays until `forget`. */
export type LeaseStatus =
  | (LeaseHead & { readonly state: "starting" })
  | (LeaseHead & {
      readonly state: "running" | "stopping";
      readonly ranMs: number;
      /** Processor time of all its processes so far; absent: the engine cannot tell. */
      readonly cpuTimeMs?: number;
    })
  | (LeaseHead & {
      readonly state: "ended";
      readonly endedBy: EndedBy;
      /** From the start of the first task to the end of the last; 0 if none started. */
      readonly ranMs: number;
      readonly cpuTimeMs?: number;
      /** Of the first task that failed; 0 when all ended well; null with a signal or unknown. */
      readonly exitCode: number | null;
      readonly signal: string | null;
      /** One sentence for people. */
      readonly message: string;
      readonly tasks: readonly TaskEnd[];
    });

export type EndedLease = Extract<LeaseStatus, { state: "ended" }>;

/** What an engine can do. The agent reports it to the pool. */
export interface EngineTraits {
  /** Short and stable, e.g. `local`, `slurm`. For people and labels, never for decisions. */
  readonly name: string;
  /** `stop` ends a lease early, with grace. */
  readonly canPreempt: boolean;
  /** Resources can be promised for a later time. */
  readonly canReserve: boolean;
  /** `start` may leave a lease in `starting` for long, because the engine has its own queue. */
  readonly hasOwnQueue: boolean;
  /** Leases are found again by a new engine object after the agent died. */
  readonly findsLeasesAgain: boolean;
  /** The deadline is kept even when no agent lives. */
  readonly stopsByItself: boolean;
  /** The processor share that the owner set is enforced. */
  readonly limitsCpu: boolean;
}

export interface LogRequest {
  readonly taskIndex: number;
  /** Byte to begin with; 0 is the first. */
  readonly offset: number;
  /** At most so many bytes; an engine may give fewer. */
  readonly maxBytes: number;
}

/** A piece of the joined stdout and stderr of one task. */
export interface LogChunk {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** Ask again from here. Equal to `offset` when there is nothing new. */
  readonly nextOffset: number;
  /** The lease has ended and `nextOffset` is the end of the log. */
  readonly ended: boolean;
  /** Bytes that the task wrote beyond its limit and that were thrown away. */
  readonly droppedBytes: number;
}

export interface StopRequest {
  /** Between SIGTERM and SIGKILL (or what the engine has for them). 0: SIGKILL at once. */
  readonly graceMs: number;
  /** For the log and the end message, one short sentence. */
  readonly why: string;
}

/** A short process outside any lease, under the same limits: for measuring the site. */
export interface MeasureRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** It is killed after this; exitCode is then null. */
  readonly timeoutMs: number;
}

export interface Measured {
  /** UTF-8, at most LIMITS.LOG_BYTES_PER_ATTEMPT_MAX bytes. stderr is thrown away. */
  readonly stdout: string;
  readonly exitCode: number | null;
}

/** One site's way to run tasks. Calls may overlap; each is safe to repeat. */
export interface Engine {
  readonly traits: EngineTraits;

  /** What the site has now. Ids stay the same over restarts. */
  inventory(): Promise<readonly Node[]>;

  /**
   * Starts a lease; returns when its supervisor has it, before its tasks run.
   * A leaseId that is known already changes nothing and is ok. A live lease of the same job with
   * an older fence is killed first.
   * Refusals: LEASE_OUTDATED (a fence as high or higher was seen for the job), INVALID_REQUEST
   * (an id that cannot name a folder, no task, an unknown accelerator), ENGINE_FAILED.
   */
  start(lease: LeaseStart): Promise<Outcome<void>>;

  /** Asks a lease to end; returns at once. A second call with less grace hastens it. An unknown
   * or ended lease is left as it is. */
  stop(leaseId: string, request: StopRequest): Promise<void>;

  /**
   * Sets until when all leases may run, as a time on `siteClockMs()`. Count it from the moment
   * the heartbeat was SENT that the pool answered, so that the pool's belief ends later.
   * Call it before the first `start`: without a right to run a lease ends at once by `deadline`.
   */
  extend(deadlineOnSiteClockMs: number): Promise<void>;

  /** Every lease from its start until it is forgotten, also those of an agent before this one. */
  list(): Promise<readonly LeaseStatus[]>;

  /** Reads a log. Refusals: NOT_FOUND (lease or task), RANGE_INVALID (offset beyond the end). */
  log(leaseId: string, request: LogRequest): Promise<Outcome<LogChunk>>;

  /** Drops an ended lease with its logs, after the pool has its end. Its fence stays known.
   * Refusal: WRONG_STATE when it has not ended. An unknown lease is ok. */
  forget(leaseId: string): Promise<Outcome<void>>;

  /** Runs a short process under the same limits. Refusal: ENGINE_FAILED. */
  measure(request: MeasureRequest): Promise<Outcome<Measured>>;

  /** Calls `listener` with a lease whose state changed. Returns the way to stop listening. */
  onChange(listener: (status: LeaseStatus) => void): () => void;

  /** Lets go of the engine. Tasks go on running. */
  close(): Promise<void>;
}

// A job as it was accepted, and the life that it leads. The wire form (YAML, JSON) is contract's;
// this is the domain value after parsing.
import type { Resources } from "./resources.ts";

/** What a task starts: a program with arguments, or the built-in trainer of a run. */
export interface TaskGroup {
  readonly name: string;
  /** Tasks in this group; all groups of a job start together or not at all. */
  readonly count: number;
  /** Fewest with which it starts when there is no room for all; absent: as many as `count`. */
  readonly countMin?: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly resources: Resources;
}

export type DependencyKind = "after" | "afterany" | "afterok" | "afternotok";
export interface Dependency {
  readonly kind: DependencyKind;
  readonly jobId: string;
}

export interface Constraints {
  /** Names of members that may serve the job; empty means any. */
  readonly members: readonly string[];
  readonly excludeMembers: readonly string[];
  /** Labels that a node must carry. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Shape of the shipped model family: a GPT on bytes. */
export interface ModelShape {
  readonly vocab: number;
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
}

/** The command that agents replace by the embedded training worker. */
export const TRAINER_COMMAND = "tequio:trainer";

/** The same program as a replica: it writes texts with a run's models and trains nothing. */
export const REPLICA_COMMAND: readonly string[] = [TRAINER_COMMAND, "serve"];

/** A model and data that only the command of a run knows. */
export interface OwnModel {
  readonly parameters: number;
  /** Samples of its training data. */
  readonly windows: number;
  /** Digest of its names and shapes, for the sites to compare; absent: they do not. */
  readonly layout?: string;
}

/** A spanning training: one model, trained by task groups on several members. */
export interface RunSpec {
  readonly model: ModelShape;
  /** Instead of `model`, of which only the context counts then. */
  readonly own?: OwnModel;
  /** Labels of the nodes that run the job's command; others run the embedded trainer. Absent: all
   * run the command of their task group. */
  readonly commandOn?: Readonly<Record<string, string>>;
  /** `sotu`, or the path of a text file that every site can read. */
  readonly corpus: string;
  /** `bpe-N`: tokens of byte pairs, trained on the corpus; the vocabulary is N. Absent: bytes. */
  readonly tokenizer?: string;
  readonly seed: number;
  /** The run ends at the first of these that is reached; at least one is given. */
  readonly stop: {
    readonly minutes?: number;
    readonly rounds?: number;
    readonly tokens?: number;
  };
  /** Inner steps between two exchanges; absent: chosen from the links. */
  readonly innerSteps?: number;
  readonly referenceBatch: number;
  readonly maxBatch: number;
  /** Of the embedded trainer; absent: adamw, or a command's own. */
  readonly optimiser?: "muon" | "adamw";
  readonly learningRate: number;
  readonly warmUpSteps: number;
  readonly codecUp?: string;
  readonly codecDown?: string;
  /** Most members that take part; absent: all that can. */
  readonly maxMembers?: number;
  /** The checkpoint of another run that this one goes on from; absent: a model drawn anew. */
  readonly from?: RunOrigin;
}

/** A model of a run, by the round after which it was made. */
export interface RunAncestor {
  readonly runId: string;
  readonly round: number;
  /** Digest of the model: little-endian fp32. */
  readonly digest: string;
}

/** Where a forked run begins. */
export interface RunOrigin extends RunAncestor {
  /** Blob of exact model, sites' copy and momentum; null: the other run had not merged yet. */
  readonly checkpointBlob: string | null;
  /** Blob of the model; null: it is read from the checkpoint. */
  readonly modelBlob: string | null;
  /** Optimiser state of a site; null: sites begin with a ramp. */
  readonly momentsBlob: string | null;
  /** From where that run was itself forked, the nearest first. */
  readonly before: readonly RunAncestor[];
}

export interface JobSpec {
  readonly name: string;
  readonly project: string;
  readonly user: string;
  /** 0 to 1000; a higher one goes first. */
  readonly priority: number;
  /** May be stopped and queued again for a job of higher priority. */
  readonly preemptible: boolean;
  readonly walltimeMs: number;
  readonly groups: readonly TaskGroup[];
  readonly constraints: Constraints;
  /** Of the nodes that fit: where it is done soonest, or for least; absent: as the pool likes. */
  readonly prefer?: "fast" | "cheap";
  readonly dependencies: readonly Dependency[];
  /** Started again after a lost site or preemption, at most LIMITS.ATTEMPTS_MAX times. */
  readonly requeue: boolean;
  /** When it must have ended, absolute or from its submission on; what cannot make it any more
   * does not begin and ends with the outcome `deadline`. */
  readonly deadline?: { readonly atMs: number } | { readonly afterMs: number };
  /** Present for a spanning training; `groups` then holds what each member runs. */
  readonly run?: RunSpec;
  /** Present for a replica: the id of the run whose models it writes texts with. */
  readonly serves?: string;
}

/** Place of a job in its array. `17_3` is index 3 of array 17. */
export interface ArrayPlace {
  readonly arrayId: string;
  readonly index: number;
  /** Most tasks of the array that may run at one time. */
  readonly maxRunning: number;
}

export type JobOutcome =
  | "completed" // every task ended with exit code 0
  | "failed" // a task ended with another code, or a signal
  | "cancelled" // somebody asked for it
  | "timeout" // the time limit was reached
  | "lost" // its site went away too often, or it may not be started again
  | "deadline" // it could not start in time to end before its deadline
  | "dependency"; // a dependency can never be satisfied

/** How one lease ended; several leases may belong to one job over its life. */
export type LeaseOutcome =
  | "completed"
  | "failed"
  | "cancelled"
  | "timeout"
  | "preempted"
  | "recalled"
  | "lost" // the site was silent until after its deadline
  | "refused" // the agent could not start it
  | "released"; // a site's part of a run is over, the run goes on or has ended

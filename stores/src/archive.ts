// What the control plane needs to keep what has left its state: ended jobs and lines of the books,
// in numbered batches. The archive is a fold of the journal and may be made anew from it at any
// time; it is written before the journal says that something has left. The bodies are JSON text
// that no store looks into; what is searched for stands beside them. What a batch holds and when
// one is written is left to the server.
import type { Outcome } from "@tequio/core/pool";

/** Place of a job in the order of submission. */
export interface JobPlace {
  /** Number of the job, or of its array. */
  readonly number: number;
  /** Index within the array; -1 for a job that is no task of one. */
  readonly index: number;
}

export interface ArchiveJob extends JobPlace {
  readonly jobId: string;
  readonly project: string;
  readonly outcome: string;
  /** Whose sites it had leases at. */
  readonly members: readonly string[];
  readonly body: string;
}

export type LineKind = "entry" | "hour";

export interface ArchiveLine {
  readonly kind: LineKind;
  /** Grows by one from line to line of a kind; the first is 0. */
  readonly number: number;
  /** Never smaller than that of the line before. */
  readonly atMs: number;
  readonly project: string;
  readonly member: string;
  readonly body: string;
}

export interface ArchiveBatch {
  /** 1 for the first. */
  readonly batch: number;
  /** The chain of digests up to this batch, 64 hexadecimal digits. */
  readonly digest: string;
  readonly jobs: readonly ArchiveJob[];
  readonly lines: readonly ArchiveLine[];
}

/** The newest batch; `batch` 0 and no digest before the first. */
export interface ArchiveHead {
  readonly batch: number;
  readonly digest: string;
}

export interface JobsWanted {
  /** Only jobs before this one, in the order of submission. */
  readonly below?: JobPlace;
  /** Only the tasks of this array. */
  readonly number?: number;
  readonly project?: string;
  readonly member?: string;
  /** At most so many, up to ARCHIVE_ROWS_MAX. */
  readonly limit: number;
}

export interface LinesWanted {
  readonly kind: LineKind;
  readonly project?: string;
  readonly member?: string;
  readonly fromMs: number;
  /** First moment that no longer counts. */
  readonly toMs: number;
  /** Only lines after this one. */
  readonly after?: { readonly atMs: number; readonly number: number };
  readonly limit: number;
}

export type JobBody = Pick<ArchiveJob, "jobId" | "number" | "index" | "body">;
export type LineBody = Pick<ArchiveLine, "number" | "atMs" | "body">;

/** Refuses what the journal of the same store refuses when its disk or server is in trouble. */
export interface ArchiveStore {
  head(): Promise<Outcome<ArchiveHead>>;
  /** Digest of a batch; undefined when it is not here. */
  digestAt(batch: number): Promise<Outcome<string | undefined>>;
  /** Keeps the next batch durably, whole or not at all. One that is not in the journal yet may be
   * put again and is replaced. Refuses SEQUENCE_CONFLICT for any other than these two. */
  put(batch: ArchiveBatch): Promise<Outcome<undefined>>;
  /** Forgets everything: the archive is to be made anew. */
  clear(): Promise<Outcome<undefined>>;
  /** The bodies of those jobs that are here; at most ARCHIVE_ROWS_MAX are asked for. */
  jobsById(jobIds: readonly string[]): Promise<Outcome<ReadonlyMap<string, string>>>;
  /** Jobs, the newest first. */
  jobs(wanted: JobsWanted): Promise<Outcome<readonly JobBody[]>>;
  /** Different outcomes of the tasks of an array; none when it is not here. */
  outcomes(number: number): Promise<Outcome<readonly string[]>>;
  /** Lines, the oldest first. */
  lines(wanted: LinesWanted): Promise<Outcome<readonly LineBody[]>>;
}

/** Rows that are asked for at once: about 5 MB of bodies. */
export const ARCHIVE_ROWS_MAX = 2_000;

/** `a` was submitted before `b`. */
export const isBefore = (a: JobPlace, b: JobPlace): boolean =>
  a.number === b.number ? a.index < b.index : a.number < b.number;

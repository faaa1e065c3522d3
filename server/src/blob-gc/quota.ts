// How many bytes of blobs a run, a project and the pool may hold. Asked before an upload begins,
// so that nothing is taken that may not stay. What the pool's own merges put counts, too, but is
// never refused: it is bounded by the rounds that are kept.
import type { State } from "@tequio/core/controller";
import { LIMITS, type Refusal, refuse } from "@tequio/core/pool";
import type { WatchedBlobs } from "./watched.ts";

export interface BlobQuotas {
  readonly poolBytes: number;
  readonly projectBytes: number;
  readonly runBytes: number;
}

export const BLOB_QUOTAS_DEFAULT: BlobQuotas = {
  poolBytes: LIMITS.BLOBS_POOL_BYTES_DEFAULT,
  projectBytes: LIMITS.BLOBS_PROJECT_BYTES_DEFAULT,
  runBytes: LIMITS.BLOBS_RUN_BYTES_DEFAULT,
};

export interface QuotaOptions {
  readonly quotas: BlobQuotas;
  readonly state: () => State;
  readonly blobs: WatchedBlobs;
  /** Digests of the blobs that belong to a job's run. */
  readonly blobsOf: (jobId: string) => Iterable<string>;
}

export interface BlobQuota {
  /** Counts the upload, or says why it may not begin. Refuses BLOB_QUOTA; `at` names whose. */
  readonly admit: (digest: string, size: number, jobId: string | undefined) => Refusal | undefined;
  /** Bytes that a job's run holds or was promised. */
  readonly runBytes: (jobId: string) => number;
}

/** Keeps the quotas. Uploads under way count with the size that was promised to them. */
export function makeBlobQuota({ quotas, state, blobs, blobsOf }: QuotaOptions): BlobQuota {
  /** Whose the uploads under way are, as far as this process has begun them. */
  const owners = new Map<string, string>();
  const runBytes = (jobId: string): number => {
    let sum = 0;
    const counted = new Set(blobsOf(jobId));
    for (const digest of counted) sum += blobs.sizeOf(digest) ?? 0;
    for (const [digest, size] of blobs.promised) {
      if (owners.get(digest) === jobId) sum += size;
    }
    return sum;
  };
  const projectBytes = (project: string): number => {
    let sum = 0;
    for (const jobId of state().runs.keys()) {
      if (state().jobs.get(jobId)?.spec.project === project) sum += runBytes(jobId);
    }
    return sum;
  };
  const poolBytes = (): number => {
    let sum = blobs.bytes();
    for (const size of blobs.promised.values()) sum += size;
    return sum;
  };
  const refused = (size: number, jobId: string | undefined): Refusal | undefined => {
    const project = jobId === undefined ? undefined : state().jobs.get(jobId)?.spec.project;
    if (jobId !== undefined && runBytes(jobId) + size > quotas.runBytes) {
      return over(`Run ${jobId}`, quotas.runBytes, size, `run ${jobId}`);
    }
    if (project !== undefined && projectBytes(project) + size > quotas.projectBytes) {
      return over(`Project ${project}`, quotas.projectBytes, size, `project ${project}`);
    }
    return poolBytes() + size > quotas.poolBytes
      ? over("The pool", quotas.poolBytes, size, "pool")
      : undefined;
  };
  return {
    runBytes,
    admit(digest, size, jobId) {
      for (const known of owners.keys()) if (!blobs.promised.has(known)) owners.delete(known);
      // What is there costs nothing, and what was begun is counted with its size already.
      if (blobs.sizeOf(digest) !== undefined || blobs.promised.get(digest) === size) return;
      const refusal = refused(size - (blobs.promised.get(digest) ?? 0), jobId);
      if (refusal !== undefined) return refusal;
      blobs.promise(digest, size);
      if (jobId !== undefined) owners.set(digest, jobId);
      return undefined;
    },
  };
}

const over = (whose: string, max: number, size: number, at: string): Refusal =>
  refuse(
    "BLOB_QUOTA",
    `${whose} may hold ${max} bytes of blobs; ${size} more are over that.`,
    "Stop runs whose models nobody needs, wait for unused blobs to go, or ask for a higher quota.",
    at,
  );

// Which blobs belong to which run: what a task may read, and what nobody needs any more. A blob is
// deleted two merges after its run last referred to it, so that a site that is still fetching the
// step of the round before gets it. Blobs that a person has put are not deleted here. Kept in
// memory: what was retiring when the control plane stopped is left to the collector (blob-gc/).
import type { RunState, State } from "@tequio/core/controller";
import type { JobSpec } from "@tequio/core/pool";
import type { RunEvent } from "@tequio/core/training";
import type { BlobStore } from "@tequio/stores";
import type { Committed } from "./pump.ts";

/** Merges for which a blob outlives its last reference. */
const ROUNDS_KEPT = 2;

export interface BlobGuard {
  /** True when a task of this job may read the blob. */
  readonly mayRead: (jobId: string, digest: string) => boolean;
  /** A task of the job has put the blob. */
  readonly note: (jobId: string, digest: string) => void;
  /** A person has put the blob: it stays. */
  readonly keep: (digest: string) => void;
  readonly take: (events: readonly Committed[]) => void;
  /** Blobs that belong to the job's run. */
  readonly blobsOf: (jobId: string) => Iterable<string>;
}

/** The blobs that a run needs now. */
export function blobsOf({ machine, milestones = [] }: RunState): Set<string> {
  const { model, config, assignments, offered, phase } = machine;
  const found = new Set<string | null>([
    ...[config.start.modelBlob, config.start.modelDigest],
    ...[model.digest, model.modelBlob, model.stepBlob, model.checkpointBlob, model.momentsBlob],
    ...assignments.map((assignment) => assignment.modelDigest),
    ...milestones.map(({ checkpointBlob }) => checkpointBlob),
  ]);
  const merging = phase.kind === "aggregating" ? phase.contributions : [];
  for (const { blob, momentsBlob } of [...offered, ...merging]) found.add(blob).add(momentsBlob);
  return new Set([...found].filter((digest) => digest !== null));
}

/** Blobs that an event names beside those that the state holds afterwards. */
function blobsIn(event: RunEvent): readonly (string | null)[] {
  if (event.type === "contribution.refused") return [event.blob];
  if (event.type !== "contribution.accepted") return [];
  return [event.contribution.blob, event.contribution.momentsBlob];
}

/** Guards the blobs of the runs in `state()`, which may be another object after a failed append. */
export function makeBlobGuard(state: () => State, blobs: BlobStore): BlobGuard {
  /** By job: digest to the merge in which it was last referred to. */
  const known = new Map<string, Map<string, number>>();
  const kept = new Set<string>();
  /** What forks begin with that have no model of their own yet, by job. */
  const origins = new Map<string, readonly (string | null)[]>();
  const expect = (jobId: string, { run }: JobSpec): void => {
    if (run?.from === undefined) return;
    const { checkpointBlob, modelBlob, momentsBlob } = run.from;
    origins.set(jobId, [checkpointBlob, modelBlob, momentsBlob]);
  };
  const rows = (jobId: string): Map<string, number> => {
    const found = known.get(jobId) ?? new Map<string, number>();
    known.set(jobId, found);
    return found;
  };
  const roundOf = (jobId: string): number => state().runs.get(jobId)?.machine.round ?? 0;
  const note = (jobId: string, digest: string): void => {
    rows(jobId).set(digest, roundOf(jobId));
  };
  const refresh = (run: RunState): void => {
    for (const digest of blobsOf(run)) note(run.jobId, digest);
  };
  const neededByAnyRun = (digest: string): boolean =>
    kept.has(digest) ||
    origins.values().some((digests) => digests.includes(digest)) ||
    state()
      .runs.values()
      .some((run) => blobsOf(run).has(digest));
  const retire = (jobId: string, roundsKept: number): void => {
    const round = roundOf(jobId);
    for (const [digest, last] of rows(jobId)) {
      if (round - last < roundsKept || neededByAnyRun(digest)) continue;
      rows(jobId).delete(digest);
      // A blob that cannot be deleted now costs space and nothing else.
      blobs.delete(digest).catch(() => undefined);
    }
  };
  for (const run of state().runs.values()) refresh(run);
  for (const { jobId, spec, stage } of state().jobs.values()) {
    if (stage !== "ended" && !state().runs.has(jobId)) expect(jobId, spec);
  }
  return {
    mayRead: (jobId, digest) => known.get(jobId)?.has(digest) === true,
    note,
    keep: (digest) => void kept.add(digest),
    blobsOf: (jobId) => known.get(jobId)?.keys() ?? [],
    take(events) {
      for (const { event } of events) {
        if (event.type === "job.submitted") expect(event.jobId, event.spec);
        if (event.type === "job.ended") {
          origins.delete(event.jobId);
          if (known.has(event.jobId)) retire(event.jobId, 0);
          continue;
        }
        if (event.type !== "run.prepared" && event.type !== "run.advanced") continue;
        const run = state().runs.get(event.jobId);
        if (run === undefined) continue;
        if (event.type === "run.advanced") {
          for (const digest of blobsIn(event.event)) if (digest) note(event.jobId, digest);
        }
        refresh(run);
        if (event.type === "run.prepared") origins.delete(event.jobId);
        if (event.type === "run.advanced" && event.event.type === "round.merged") {
          retire(event.jobId, ROUNDS_KEPT);
        }
      }
    },
  };
}

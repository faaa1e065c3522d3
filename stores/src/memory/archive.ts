// The archive of the memory store: its batches as they came, looked through from end to end.
import { assert, ok } from "@tequio/core/pool";
import { ARCHIVE_ROWS_MAX, type ArchiveBatch, type ArchiveStore, isBefore } from "../archive.ts";
import { archiveConflict } from "../refusals.ts";

const NO_HEAD = { batch: 0, digest: "" };

/** The archive whose batches lie in `batches`. */
export function createMemoryArchive(batches: ArchiveBatch[]): ArchiveStore {
  const head = () => batches.at(-1) ?? NO_HEAD;
  const allJobs = () => batches.flatMap(({ jobs }) => jobs);
  return {
    async head() {
      const { batch, digest } = head();
      return ok({ batch, digest });
    },
    async digestAt(batch) {
      return ok(batches.find((one) => one.batch === batch)?.digest);
    },
    async put(batch) {
      const last = head().batch;
      if (batch.batch === last && last > 0) batches.pop();
      else if (batch.batch !== last + 1) return archiveConflict(batch.batch, last);
      batches.push(structuredClone(batch));
      return ok(undefined);
    },
    async clear() {
      batches.length = 0;
      return ok(undefined);
    },
    async jobsById(jobIds) {
      assert(jobIds.length <= ARCHIVE_ROWS_MAX, "jobs are asked for within the limit");
      const wanted = new Set(jobIds);
      const found = allJobs().filter(({ jobId }) => wanted.has(jobId));
      return ok(new Map(found.map(({ jobId, body }) => [jobId, body])));
    },
    async jobs({ below, number, project, member, limit }) {
      const found = allJobs().filter(
        (job) =>
          (below === undefined || isBefore(job, below)) &&
          (number === undefined || (job.number === number && job.index >= 0)) &&
          (project === undefined || job.project === project) &&
          (member === undefined || job.members.includes(member)),
      );
      const sorted = found.sort((a, b) => (isBefore(a, b) ? 1 : -1)).slice(0, limit);
      return ok(sorted.map(({ jobId, number, index, body }) => ({ jobId, number, index, body })));
    },
    async outcomes(number) {
      const tasks = allJobs().filter((job) => job.number === number && job.index >= 0);
      return ok([...new Set(tasks.map(({ outcome }) => outcome))].sort());
    },
    async lines({ kind, project, member, fromMs, toMs, after, limit }) {
      const found = batches
        .flatMap(({ lines }) => lines)
        .filter(
          (line) =>
            line.kind === kind &&
            line.atMs >= fromMs &&
            line.atMs < toMs &&
            (after === undefined || line.number > after.number) &&
            (project === undefined || line.project === project) &&
            (member === undefined || line.member === member),
        );
      return ok(found.slice(0, limit).map(({ number, atMs, body }) => ({ number, atMs, body })));
    },
  };
}

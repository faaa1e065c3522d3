// What has left the state, as rows of the archive and back. The rows of a batch are a function of
// the state before its event, so the archive can be made anew from the journal.
import { createHash } from "node:crypto";
import {
  type ArchivedJob,
  archivedJob,
  type JobState,
  type LeaseState,
  type Leaving,
  type State,
} from "@tequio/core/controller";
import type { ContributionHour, Entry } from "@tequio/core/ledger";
import type { ArchiveBatch, ArchiveJob, ArchiveLine, JobPlace } from "@tequio/stores";

/** A job as it lies in the archive. */
interface Body extends ArchivedJob {
  /** Tasks of its array, and the first and the last of them; null for a job of its own. */
  readonly tasks: readonly [count: number, first: string, last: string] | null;
}

/** Place of a job by its id, e.g. `12_3`. */
export function placeOfId(jobId: string): JobPlace {
  const [number = 0, index = -1] = jobId.split("_").map(Number);
  return { number, index };
}

function jobRow(state: State, job: JobState): ArchiveJob {
  const { jobId, spec, place } = job;
  const kept = archivedJob(state, job);
  const members = kept.leases.map(({ lease }) => state.sites.get(lease.siteId)!.member);
  const tasks = place === null ? [] : (state.arrays.get(place.arrayId) ?? []);
  const ends: Body["tasks"] = place === null ? null : [tasks.length, tasks[0]!, tasks.at(-1)!];
  return {
    ...{ ...placeOfId(jobId), jobId, project: spec.project, outcome: job.outcome! },
    members: [...new Set(members)],
    body: JSON.stringify({ ...kept, tasks: ends } satisfies Body),
  };
}

const entryRow = (entry: Entry, number: number): ArchiveLine => ({
  ...{ kind: "entry", number, atMs: entry.atMs, project: entry.project },
  member: entry.memberName,
  body: JSON.stringify(entry),
});

const hourRow = (hour: ContributionHour, number: number): ArchiveLine => ({
  ...{ kind: "hour", number, atMs: hour.hourMs, project: hour.project },
  member: hour.memberName,
  body: JSON.stringify(hour),
});

/** The rows of what is due, with the digest that follows the state's. */
export function batchOf(state: State, due: Leaving): ArchiveBatch {
  const { left } = state.ledger;
  const jobs = due.jobs.map((job) => jobRow(state, job));
  const lines = [
    ...due.entries.map((entry, i) => entryRow(entry, left.entries + i)),
    ...due.hours.map((hour, i) => hourRow(hour, left.hours + i)),
  ];
  const digest = createHash("sha256").update(state.archived.digest);
  for (const { body } of [...jobs, ...lines]) digest.update(`\n${body}`);
  return { batch: due.batch, digest: digest.digest("hex"), jobs, lines };
}

/** An entry of the books. */
export const entryOf = (body: string): Entry => JSON.parse(body) as Entry;
/** An hour of contributions. */
export const hourOfBody = (body: string): ContributionHour => JSON.parse(body) as ContributionHour;

/**
 * The state as somebody sees it who asks for jobs that have left: those jobs with their leases in
 * the place of the ones that are there. For views only; of an array it knows how many tasks there
 * are, the first and the last.
 */
export function viewOf(state: State, bodies: readonly string[]): State {
  const jobs = new Map<string, JobState>();
  const leases = new Map<string, LeaseState>();
  const arrays = new Map<string, string[]>();
  for (const text of bodies) {
    const { job, leases: held, tasks } = JSON.parse(text) as Body;
    jobs.set(job.jobId, job);
    for (const lease of held) leases.set(lease.lease.leaseId, lease);
    if (job.place === null || tasks === null) continue;
    const [count, first, last] = tasks;
    arrays.set(job.place.arrayId, [first, ...new Array<string>(count - 1).fill(last)]);
  }
  return { ...state, jobs, leases, arrays };
}

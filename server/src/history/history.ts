// Answers about jobs and books, whether they are in the state or have left it. The state is asked
// first: what leaves it was in the archive before, so nothing is missed in between.
import type { JobState, PastJob, State } from "@tequio/core/controller";
import {
  hourOf,
  liveLines,
  type Statement,
  type StatementFilter,
  StatementSum,
} from "@tequio/core/ledger";
import {
  type JobOutcome,
  type JobSpec,
  type Outcome,
  ok,
  type Refusal,
  refuse,
} from "@tequio/core/pool";
import { ARCHIVE_ROWS_MAX, type ArchiveStore, isBefore, type LineKind } from "@tequio/stores";
import { type JobFilter, jobPage } from "../views/pages.ts";
import { entryOf, hourOfBody, placeOfId, viewOf } from "./rows.ts";

/** A job and the state that its leases and its array are looked up in. */
export interface FoundJob {
  readonly state: State;
  readonly job: JobState;
}

export interface FoundPage {
  readonly rows: readonly FoundJob[];
  readonly nextCursor: string | undefined;
}

interface Parties {
  readonly member: string;
  readonly project: string;
}

/** Lines of one statement: about 15 MB of JSON. Longer ones are asked for in parts. */
export const STATEMENT_LINES_MAX = 50_000;

export class History {
  /** Why the archive cannot be asked now. */
  trouble: Refusal | undefined;
  readonly #state: () => State;
  readonly #archive: () => ArchiveStore | undefined;
  /** The newest batch of the archive that is known to be there. */
  #seen = 0;

  constructor(state: () => State, archive: () => ArchiveStore | undefined) {
    this.#state = state;
    this.#archive = archive;
  }

  /** The archive, if anything has left the state. Refuses ARCHIVE_INCOMPLETE. */
  async #past(state: State): Promise<Outcome<ArchiveStore | undefined>> {
    const { batches } = state.archived;
    if (batches === 0) return ok(undefined);
    const archive = this.#archive();
    if (this.trouble !== undefined) return this.trouble;
    if (archive === undefined || batches <= this.#seen) return ok(archive);
    // Another control plane may be making it anew, or this one is about to.
    const head = await archive.head();
    if (!head.ok) return head;
    if (head.value.batch < batches) return archiveIncomplete();
    this.#seen = batches;
    return ok(archive);
  }

  /** The job by its id; undefined when there is none. Refuses what the archive refuses. */
  async find(jobId: string): Promise<Outcome<FoundJob | undefined>> {
    const state = this.#state();
    const job = state.jobs.get(jobId);
    if (job !== undefined) return ok({ state, job });
    const archive = await this.#past(state);
    if (!archive.ok) return archive;
    const found = await archive.value?.jobsById([jobId]);
    if (found?.ok === false) return found;
    const body = found?.value.get(jobId);
    if (body === undefined) return ok(undefined);
    const view = viewOf(this.#state(), [body]);
    return ok({ state: view, job: view.jobs.get(jobId)! });
  }

  /** One task of an array that has left the state; undefined when there is no such array. */
  async findTask(arrayId: string): Promise<Outcome<FoundJob | undefined>> {
    const archive = await this.#past(this.#state());
    if (!archive.ok) return archive;
    const found = await archive.value?.jobs({ number: Number(arrayId), limit: 1 });
    if (found?.ok === false) return found;
    const row = found?.value[0];
    if (row === undefined) return ok(undefined);
    const view = viewOf(this.#state(), [row.body]);
    return ok({ state: view, job: view.jobs.get(row.jobId)! });
  }

  /** What became of those jobs a submission depends on that have left the state. */
  async past({ dependencies }: JobSpec): Promise<Outcome<readonly PastJob[]>> {
    const past: PastJob[] = [];
    for (const { jobId } of dependencies) {
      const state = this.#state();
      if (state.jobs.has(jobId) || state.arrays.has(jobId)) continue;
      const archive = await this.#past(state);
      if (!archive.ok) return archive;
      if (archive.value === undefined) continue;
      const known = await this.find(jobId);
      if (!known.ok) return known;
      const outcome = known.value?.job.outcome ?? undefined;
      const tasks = /^[0-9]{1,12}$/.test(jobId)
        ? await archive.value.outcomes(Number(jobId))
        : ok([]);
      if (!tasks.ok) return tasks;
      const outcomes = outcome === undefined ? (tasks.value as readonly JobOutcome[]) : [outcome];
      if (outcomes.length > 0) past.push({ jobId, outcomes });
    }
    return ok(past);
  }

  /** One page of a list, from the state into the archive without a seam. */
  async page(
    filter: JobFilter,
    limit: number,
    cursor: string | undefined,
  ): Promise<Outcome<FoundPage>> {
    const state = this.#state();
    const live = jobPage(state, filter, limit, cursor);
    const rows = live.jobs.map((job) => ({ state, job }));
    const stays = filter.state === "queued" || filter.state === "active";
    const archive = stays ? ok(undefined) : await this.#past(state);
    if (!archive.ok) return archive;
    if (archive.value === undefined) return ok({ rows, nextCursor: live.nextCursor });
    const { arrayId, project, member, visible } = filter;
    const found = await archive.value.jobs({
      ...(cursor === undefined ? {} : { below: placeOfId(cursor) }),
      ...(arrayId === undefined ? {} : { number: Number(arrayId) }),
      ...(project === undefined ? {} : { project }),
      ...(member === undefined ? {} : { member }),
      limit,
    });
    if (!found.ok) return found;
    // What has not left the state is there twice for a moment.
    const shown = new Set(live.jobs.map(({ jobId }) => jobId));
    const gone = found.value.filter(({ jobId }) => !shown.has(jobId) && !state.jobs.has(jobId));
    const view = viewOf(
      state,
      gone.map(({ body }) => body),
    );
    for (const job of view.jobs.values()) {
      if (visible?.(job, view) !== false) rows.push({ state: view, job });
    }
    const ends = found.value.length === limit ? [found.value.at(-1)!.jobId] : [];
    if (live.nextCursor !== undefined) ends.push(live.nextCursor);
    return ok(cut(rows, limit, ends));
  }

  /** The statement of lines in the state and in the archive, as far as they may be seen. */
  async statement(
    filter: StatementFilter,
    visible: (parties: Parties) => boolean = () => true,
  ): Promise<Outcome<Statement>> {
    const { ledger } = this.#state();
    const sees = (line: { readonly memberName: string; readonly project: string }): boolean =>
      visible({ member: line.memberName, project: line.project });
    const sum = new StatementSum(filter);
    const live = liveLines(ledger);
    sum.add({ entries: live.entries, hours: live.hours }, sees);
    const left = { ...ledger.left };
    const archive = await this.#past(this.#state());
    if (!archive.ok) return archive;
    if (archive.value !== undefined) {
      const { fromMs = 0, toMs = Number.MAX_SAFE_INTEGER } = filter;
      const entries = await eachLine(archive.value, "entry", filter, { fromMs, toMs }, (rows) => {
        const own = rows.filter(({ number }) => number < left.entries);
        sum.add({ entries: own.map(({ body }) => entryOf(body)), hours: [] }, sees);
        return sum.size <= STATEMENT_LINES_MAX;
      });
      if (!entries.ok) return entries;
      const whole = { fromMs: hourOf(fromMs), toMs: hourOf(toMs) };
      const hours = await eachLine(archive.value, "hour", filter, whole, (rows) => {
        const own = rows.filter(({ number }) => number < left.hours);
        sum.add({ entries: [], hours: own.map(({ body }) => hourOfBody(body)) }, sees);
        return sum.size <= STATEMENT_LINES_MAX;
      });
      if (!hours.ok) return hours;
    }
    if (sum.size > STATEMENT_LINES_MAX) return tooManyLines(sum.size);
    return ok(sum.statement());
  }

  /** The jobs of these ids, wherever they are. */
  async jobsOf(jobIds: Iterable<string>): Promise<Outcome<ReadonlyMap<string, JobState>>> {
    const state = this.#state();
    const jobs = new Map<string, JobState>();
    const gone: string[] = [];
    for (const jobId of jobIds) {
      const job = state.jobs.get(jobId);
      if (job === undefined) gone.push(jobId);
      else jobs.set(jobId, job);
    }
    const archive = await this.#past(state);
    if (!archive.ok) return archive;
    for (let from = 0; from < gone.length && archive.value !== undefined; ) {
      const some = gone.slice(from, from + ARCHIVE_ROWS_MAX);
      const found = await archive.value.jobsById(some);
      if (!found.ok) return found;
      for (const [jobId, job] of viewOf(state, [...found.value.values()]).jobs) {
        jobs.set(jobId, job);
      }
      from += some.length;
      await new Promise((turn) => setImmediate(turn));
    }
    return ok(jobs);
  }
}

/** While the archive does not hold all that has left the state. */
export const archiveIncomplete = (): Refusal =>
  refuse(
    "ARCHIVE_INCOMPLETE",
    "The archive of ended jobs and of the books is being made anew from the journal.",
    "Ask again later; what is newer is answered meanwhile.",
  );

/** The newest rows, as far as both sources were looked through; `ends`: where they stopped. */
function cut(rows: readonly FoundJob[], limit: number, ends: readonly string[]): FoundPage {
  const before = (a: string, b: string): boolean => isBefore(placeOfId(a), placeOfId(b));
  const end = ends.reduce<string | undefined>(
    (newest, one) => (newest === undefined || before(newest, one) ? one : newest),
    undefined,
  );
  const sorted = [...rows]
    .filter(({ job }) => end === undefined || !before(job.jobId, end))
    .sort((a, b) => (before(a.job.jobId, b.job.jobId) ? 1 : -1));
  const page = sorted.slice(0, limit);
  const nextCursor = sorted.length > limit ? page.at(-1)!.job.jobId : end;
  return { rows: page, nextCursor };
}

type Rows = readonly { readonly number: number; readonly atMs: number; readonly body: string }[];

/** All lines of a window, some at a time, until `take` has enough. */
async function eachLine(
  archive: ArchiveStore,
  kind: LineKind,
  { member, project }: StatementFilter,
  window: { readonly fromMs: number; readonly toMs: number },
  take: (rows: Rows) => boolean,
): Promise<Outcome<undefined>> {
  let after: { readonly atMs: number; readonly number: number } | undefined;
  for (;;) {
    const page = await archive.lines({
      ...{ kind, ...window, limit: ARCHIVE_ROWS_MAX },
      ...(member === undefined ? {} : { member }),
      ...(project === undefined ? {} : { project }),
      ...(after === undefined ? {} : { after }),
    });
    if (!page.ok) return page;
    after = page.value.at(-1);
    if (!take(page.value) || page.value.length < ARCHIVE_ROWS_MAX) return ok(undefined);
    await new Promise((turn) => setImmediate(turn));
  }
}

const tooManyLines = (lines: number): Refusal =>
  refuse(
    "TOO_LARGE",
    `The statement has ${lines} lines or more; at most ${STATEMENT_LINES_MAX} are given at once.`,
    "Ask for one member or project, or for a shorter time.",
  );

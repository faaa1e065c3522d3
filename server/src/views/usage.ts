// The statement of the books, joined with the names of the jobs.
import type { StatementView } from "@tequio/contract";
import { type JobState, type State, userName } from "@tequio/core/controller";
import type { Statement, StatementFilter } from "@tequio/core/ledger";
import { type Outcome, ok } from "@tequio/core/pool";

type Visible = (line: { readonly member: string; readonly project: string }) => boolean;

/** Where lines and jobs are found, whether they are in the state or have left it. */
export interface Books {
  statement(filter: StatementFilter, visible?: Visible): Promise<Outcome<Statement>>;
  jobsOf(jobIds: Iterable<string>): Promise<Outcome<ReadonlyMap<string, JobState>>>;
}

interface Window {
  readonly member?: string | undefined;
  readonly project?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/**
 * Who used what, whose it was, and what is owed, as far as the reader may see it; the totals are of
 * what is shown. Refuses TOO_LARGE, and what the archive refuses.
 */
export async function statementView(
  books: Books,
  state: State,
  window: Window,
  nowMs: number,
  visible?: Visible,
): Promise<Outcome<StatementView>> {
  const filter = Object.fromEntries(
    Object.entries(window).filter(([, value]) => value !== undefined),
  ) as StatementFilter;
  const found = await books.statement(filter, visible);
  if (!found.ok) return found;
  const { lines, totals } = found.value;
  const jobs = await books.jobsOf(new Set(lines.map(({ jobId }) => jobId)));
  if (!jobs.ok) return jobs;
  return ok({
    nowMs,
    ...(filter.fromMs === undefined ? {} : { fromMs: filter.fromMs }),
    ...(filter.toMs === undefined ? {} : { toMs: filter.toMs }),
    lines: lines.map((line) => {
      const job = jobs.value.get(line.jobId);
      return {
        ...{ member: line.member, project: line.project, jobId: line.jobId },
        jobName: job?.spec.name ?? line.jobId,
        ...(job === undefined ? {} : { user: userName(state, job.spec.user) }),
        kind: job?.spec.run === undefined ? ("batch" as const) : ("run" as const),
        attempts: line.leases,
        // A correction alone in its window may be negative; what is shown never is.
        deviceMs: Math.max(0, line.deviceMs),
        cpuMs: Math.max(0, line.cpuMs),
        ...{ tokens: line.tokens, rounds: line.contributions },
        ...{ bytesUp: line.bytesUp, bytesDown: line.bytesDown },
        microCredits: line.creditsMicro,
      };
    }),
    totals: {
      deviceMs: Math.max(0, totals.deviceMs),
      cpuMs: Math.max(0, totals.cpuMs),
      ...{ tokens: totals.tokens, bytesUp: totals.bytesUp, bytesDown: totals.bytesDown },
      microCredits: totals.creditsMicro,
    },
  });
}

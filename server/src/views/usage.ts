// The statement of the books, joined with the names of the jobs. Pure.
import type { StatementView } from "@tequio/contract";
import type { State } from "@tequio/core/controller";
import { type StatementFilter, statement } from "@tequio/core/ledger";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

/** Lines of one statement: about 15 MB of JSON. Longer ones are asked for in parts. */
const LINES_MAX = 50_000;

interface Window {
  readonly member?: string | undefined;
  readonly project?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Who used what, whose it was, and what is owed. Refuses TOO_LARGE. */
export function statementView(state: State, window: Window, nowMs: number): Outcome<StatementView> {
  const filter = Object.fromEntries(
    Object.entries(window).filter(([, value]) => value !== undefined),
  ) as StatementFilter;
  const { lines, totals } = statement(state.ledger, filter);
  if (lines.length > LINES_MAX) {
    return refuse(
      "TOO_LARGE",
      `The statement has ${lines.length} lines; at most ${LINES_MAX} are given at once.`,
      "Ask for one member or project, or for a shorter time.",
    );
  }
  return ok({
    nowMs,
    ...(filter.fromMs === undefined ? {} : { fromMs: filter.fromMs }),
    ...(filter.toMs === undefined ? {} : { toMs: filter.toMs }),
    lines: lines.map((line) => {
      const job = state.jobs.get(line.jobId);
      return {
        ...{ member: line.member, project: line.project, jobId: line.jobId },
        jobName: job?.spec.name ?? line.jobId,
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

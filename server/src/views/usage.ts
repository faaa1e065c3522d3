// The statement of the books, joined with the names of the jobs. Pure.
import type { StatementView } from "@tequio/contract";
import { type State, userName } from "@tequio/core/controller";
import { type StatementFilter, statement } from "@tequio/core/ledger";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

/** Lines of one statement: about 15 MB of JSON. Longer ones are asked for in parts. */
const LINES_MAX = 50_000;

type Line = ReturnType<typeof statement>["lines"][number];

/** Sums of the lines that are shown. */
function totalsOf(lines: readonly Line[]): ReturnType<typeof statement>["totals"] {
  const sum = (of: (line: Line) => number): number =>
    lines.reduce((total, line) => total + of(line), 0);
  return {
    leases: sum(({ leases }) => leases),
    deviceMs: sum(({ deviceMs }) => deviceMs),
    cpuMs: sum(({ cpuMs }) => cpuMs),
    contributions: sum(({ contributions }) => contributions),
    tokens: sum(({ tokens }) => tokens),
    computeMs: sum(({ computeMs }) => computeMs),
    bytesUp: sum(({ bytesUp }) => bytesUp),
    bytesDown: sum(({ bytesDown }) => bytesDown),
    creditsMicro: sum(({ creditsMicro }) => creditsMicro),
  };
}

interface Window {
  readonly member?: string | undefined;
  readonly project?: string | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/**
 * Who used what, whose it was, and what is owed, as far as the reader may see it; the totals are of
 * what is shown. Refuses TOO_LARGE.
 */
export function statementView(
  state: State,
  window: Window,
  nowMs: number,
  visible?: (line: { readonly member: string; readonly project: string }) => boolean,
): Outcome<StatementView> {
  const filter = Object.fromEntries(
    Object.entries(window).filter(([, value]) => value !== undefined),
  ) as StatementFilter;
  const whole = statement(state.ledger, filter);
  const lines = visible === undefined ? whole.lines : whole.lines.filter(visible);
  const totals = visible === undefined ? whole.totals : totalsOf(lines);
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

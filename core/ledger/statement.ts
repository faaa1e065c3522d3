// Statements: what a member earned, or what a project owes, job by job and counterpart by
// counterpart. Adds up entries; decides nothing about money and writes nothing. Lines that have
// left the books come from the archive: whoever reads it adds them here.
import { hourOf } from "./ledger.ts";
import { safe } from "./rates.ts";
import type {
  ContributionHour,
  Entry,
  LedgerState,
  Statement,
  StatementAmounts,
  StatementFilter,
  StatementLine,
} from "./types.ts";

/** Amounts of no line at all. */
export const NOTHING: StatementAmounts = {
  leases: 0,
  deviceMs: 0,
  cpuMs: 0,
  contributions: 0,
  tokens: 0,
  computeMs: 0,
  bytesUp: 0,
  bytesDown: 0,
  creditsMicro: 0,
};

/** Lines of the books: those in the state, or some of the archive. */
export interface BookLines {
  readonly entries: Iterable<Entry>;
  readonly hours: Iterable<ContributionHour>;
}

/**
 * Adds up what the filter lets through; without `member` and `project` that is the whole pool.
 * An entry counts in the window that holds its time, whole: windows side by side add up exactly.
 */
export class StatementSum {
  readonly filter: StatementFilter;
  readonly #lines = new Map<string, StatementLine>();

  constructor(filter: StatementFilter = {}) {
    this.filter = filter;
  }

  /** Different lines so far. */
  get size(): number {
    return this.#lines.size;
  }

  /** Adds lines, as far as the filter wants them and `sees` lets them through. */
  add({ entries, hours }: BookLines, sees: (parties: Parties) => boolean = () => true): void {
    const { filter } = this;
    for (const entry of entries) {
      if (wanted(filter, entry) && inWindow(filter, entry.atMs) && sees(entry)) {
        addLine(this.#lines, { ...amountsOfEntry(entry), ...placeOf(entry, entry.jobId) });
      }
    }
    const whole = { fromMs: wholeHour(filter.fromMs), toMs: wholeHour(filter.toMs) };
    for (const hour of hours) {
      if (wanted(filter, hour) && inWindow(whole, hour.hourMs) && sees(hour)) {
        addLine(this.#lines, { ...amountsOfHour(hour), ...placeOf(hour, hour.runId) });
      }
    }
  }

  statement(): Statement {
    const sorted = [...this.#lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
    return { filter: this.filter, lines: sorted, totals: sorted.reduce(addAmounts, NOTHING) };
  }
}

/** The lines that have not left the books. */
export const liveLines = (state: LedgerState): BookLines => ({
  entries: state.entries,
  hours: Object.values(state.contributions),
});

/** Adds up the lines that have not left the books. */
export function statement(state: LedgerState, filter: StatementFilter = {}): Statement {
  const sum = new StatementSum(filter);
  sum.add(liveLines(state));
  return sum.statement();
}

/** Adds two sets of amounts, each whole and safe. */
export function addAmounts(a: StatementAmounts, b: StatementAmounts): StatementAmounts {
  return {
    leases: safe(a.leases + b.leases),
    deviceMs: safe(a.deviceMs + b.deviceMs),
    cpuMs: safe(a.cpuMs + b.cpuMs),
    contributions: safe(a.contributions + b.contributions),
    tokens: safe(a.tokens + b.tokens),
    computeMs: safe(a.computeMs + b.computeMs),
    bytesUp: safe(a.bytesUp + b.bytesUp),
    bytesDown: safe(a.bytesDown + b.bytesDown),
    creditsMicro: safe(a.creditsMicro + b.creditsMicro),
  };
}

interface Parties {
  readonly project: string;
  readonly memberName: string;
}

const wanted = (filter: StatementFilter, parties: Parties): boolean =>
  (filter.member === undefined || filter.member === parties.memberName) &&
  (filter.project === undefined || filter.project === parties.project);

interface Window {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

const inWindow = (window: Window, atMs: number): boolean =>
  (window.fromMs === undefined || atMs >= window.fromMs) &&
  (window.toMs === undefined || atMs < window.toMs);

const wholeHour = (atMs: number | undefined): number | undefined =>
  atMs === undefined ? undefined : hourOf(atMs);

const placeOf = (parties: Parties, jobId: string) => ({
  jobId,
  member: parties.memberName,
  project: parties.project,
});

/** What an entry adds to a statement. */
export const amountsOfEntry = (entry: Entry): StatementAmounts => ({
  ...NOTHING,
  leases: entry.kind === "lease" ? 1 : 0,
  deviceMs: entry.usage.deviceMs,
  cpuMs: entry.usage.cpuMs,
  creditsMicro: entry.chargeMicro,
});

/** What an hour of contributions adds to a statement. */
export const amountsOfHour = (hour: ContributionHour): StatementAmounts => ({
  ...NOTHING,
  contributions: hour.contributions,
  tokens: hour.tokens,
  computeMs: hour.computeMs,
  bytesUp: hour.bytesUp,
  bytesDown: hour.bytesDown,
});

function addLine(lines: Map<string, StatementLine>, line: StatementLine): void {
  const key = JSON.stringify([line.jobId, line.member, line.project]);
  const before = lines.get(key);
  const { jobId, member, project } = line;
  lines.set(
    key,
    before === undefined ? line : { ...addAmounts(before, line), jobId, member, project },
  );
}

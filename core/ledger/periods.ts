// How lines leave the books: oldest first, into totals of their month, which stay for good; the
// lines themselves go to the archive. A month that is over is closed: its totals never change
// again. Lines are booked at the journal's time, which never goes back, so what is late (the end
// of a lease that was lost, a correction) falls into the month in which it became known. When
// lines leave, and where the archive lies, is left to others.
import { assert } from "../pool/index.ts";
import { HOUR_MS, safe } from "./rates.ts";
import { addAmounts, amountsOfEntry, amountsOfHour, NOTHING } from "./statement.ts";
import type {
  ContributionHour,
  LedgerState,
  PeriodBooks,
  StatementAmounts,
  StatementFilter,
} from "./types.ts";

const DAY_MS = 24 * HOUR_MS;

interface YearMonth {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
}

/** Year and month of a day since 1970 in the Gregorian calendar, UTC; from Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms", civil_from_days. Years begin in March there. */
function monthOfDay(day: number): YearMonth {
  const shifted = day + 719_468; // Days since 0000-03-01.
  const era = Math.floor(shifted / 146_097); // Days of 400 years.
  const ofEra = shifted - era * 146_097;
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return { year: year + era * 400 + (month <= 2 ? 1 : 0), month };
}

/** Day since 1970 of the first of a month; days_from_civil of the same source. */
function firstDayOf({ year, month }: YearMonth): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5);
  const ofEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear;
  return era * 146_097 + ofEra - 719_468;
}

/** The month that holds a moment, UTC, e.g. `2026-11`. */
export function periodOf(atMs: number): string {
  const { year, month } = monthOfDay(Math.floor(atMs / DAY_MS));
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
}

/** First moment of a month and first moment after it, ms since 1970. */
export function periodWindow(period: string): { readonly fromMs: number; readonly toMs: number } {
  const [year = 1970, month = 1] = period.split("-").map(Number);
  const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
  return { fromMs: firstDayOf({ year, month }) * DAY_MS, toMs: firstDayOf(next) * DAY_MS };
}

/** The oldest `count` hours of contributions, which are kept in the order of their time. */
export function oldestHours(ledger: LedgerState, count: number): readonly ContributionHour[] {
  const oldest: ContributionHour[] = [];
  if (count === 0) return oldest;
  for (const key in ledger.contributions) {
    oldest.push(ledger.contributions[key]!);
    if (oldest.length === count) break;
  }
  return oldest;
}

/** The oldest entries and hours leave: their amounts join the totals of their months. */
export function leaveBooks(ledger: LedgerState, entries: number, hours: number): void {
  assert(entries <= ledger.entries.length, "only entries that are there leave the books");
  for (const entry of ledger.entries.splice(0, entries)) {
    addTo(ledger, entry.atMs, entry, amountsOfEntry(entry));
    const booked = entry.kind === "lease" ? ledger.leases[entry.leaseId] : undefined;
    // A correction needs to know whom it concerns.
    if (booked !== undefined) ledger.leases[entry.leaseId] = { ...booked, first: entry };
  }
  const keys = hours === 0 ? [] : Object.keys(ledger.contributions).slice(0, hours);
  assert(keys.length === hours, "only hours that are there leave the books");
  for (const key of keys) {
    const hour = ledger.contributions[key]!;
    addTo(ledger, hour.hourMs, hour, amountsOfHour(hour));
    delete ledger.contributions[key];
  }
  ledger.left.entries += entries;
  ledger.left.hours += hours;
}

/** The books of the lease are of no use any more: nothing can correct it. */
export function forgetLease(ledger: LedgerState, leaseId: string): void {
  delete ledger.leases[leaseId];
}

/** Closes a month whose lines have all left. */
export function closePeriod(ledger: LedgerState, period: string, digest: string): void {
  const books = ledger.periods[period];
  assert(books !== undefined && books.digest === null, `the books of ${period} close once`);
  ledger.periods[period] = { ...books, digest };
}

/** Months that are over at `nowMs`, whose lines have all left, and that are not closed. */
export function periodsToClose(ledger: LedgerState, nowMs: number): string[] {
  const live = firstLiveMs(ledger);
  return Object.values(ledger.periods)
    .filter(({ period, digest }) => {
      const { toMs } = periodWindow(period);
      return digest === null && toMs <= nowMs && toMs <= live;
    })
    .map(({ period }) => period)
    .sort();
}

/** Time of the oldest line that has not left; infinite without one. */
function firstLiveMs(ledger: LedgerState): number {
  const entryMs = ledger.entries[0]?.atMs ?? Number.POSITIVE_INFINITY;
  const hourMs = oldestHours(ledger, 1)[0]?.hourMs ?? Number.POSITIVE_INFINITY;
  return Math.min(entryMs, hourMs);
}

/** The text whose digest closes a month: rows in a fixed order, fields in a fixed order. */
export function periodText({ period, rows }: PeriodBooks): string {
  const sorted = Object.values(rows).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const lines = sorted.map((row) =>
    JSON.stringify([
      ...[row.project, row.member, row.leases, row.deviceMs, row.cpuMs, row.contributions],
      ...[row.tokens, row.computeMs, row.bytesUp, row.bytesDown, row.creditsMicro],
    ]),
  );
  return [period, ...lines].join("\n");
}

/** Sums of all lines that have left, of one project, one member or both. */
export function leftTotals(
  ledger: LedgerState,
  { member, project }: Pick<StatementFilter, "member" | "project"> = {},
): StatementAmounts {
  let sum = NOTHING;
  for (const { rows } of Object.values(ledger.periods)) {
    for (const row of Object.values(rows)) {
      if (member !== undefined && row.member !== member) continue;
      if (project !== undefined && row.project !== project) continue;
      sum = addAmounts(sum, row);
    }
  }
  return sum;
}

const keyOf = ({ project, member }: { readonly project: string; readonly member: string }) =>
  JSON.stringify([project, member]);

function addTo(
  ledger: LedgerState,
  atMs: number,
  parties: { readonly project: string; readonly memberName: string },
  amounts: StatementAmounts,
): void {
  const period = periodOf(safe(atMs));
  const books = ledger.periods[period] ?? { period, digest: null, rows: {} };
  assert(books.digest === null, `the books of ${period} are closed`);
  const { project, memberName: member } = parties;
  const key = keyOf({ project, member });
  const before = books.rows[key];
  books.rows[key] =
    before === undefined
      ? { ...amounts, project, member }
      : { ...addAmounts(before, amounts), project, member };
  ledger.periods[period] = books;
}

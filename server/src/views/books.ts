// The months of the books from the state: what has left them and what is still there. Pure.
import type { BookMonth } from "@tequio/contract";
import type { State } from "@tequio/core/controller";
import {
  addAmounts,
  amountsOfEntry,
  amountsOfHour,
  NOTHING,
  periodOf,
  periodWindow,
  type StatementAmounts,
} from "@tequio/core/ledger";

interface Parties {
  readonly member: string;
  readonly project: string;
}

/** All months with something that the reader may see, newest first. */
export function booksView({ ledger }: State, visible: (parties: Parties) => boolean): BookMonth[] {
  const months = new Map<string, StatementAmounts>();
  const add = (period: string, parties: Parties, amounts: StatementAmounts): void => {
    if (!visible(parties)) return;
    months.set(period, addAmounts(months.get(period) ?? NOTHING, amounts));
  };
  for (const { period, rows } of Object.values(ledger.periods)) {
    for (const row of Object.values(rows)) add(period, row, row);
  }
  for (const entry of ledger.entries) {
    const parties = { member: entry.memberName, project: entry.project };
    add(periodOf(entry.atMs), parties, amountsOfEntry(entry));
  }
  for (const hour of Object.values(ledger.contributions)) {
    const parties = { member: hour.memberName, project: hour.project };
    add(periodOf(hour.hourMs), parties, amountsOfHour(hour));
  }
  return [...months]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([period, sum]) => {
      const digest = ledger.periods[period]?.digest ?? undefined;
      return {
        ...{ period, ...periodWindow(period), leases: sum.leases },
        ...(digest === undefined ? { state: "open" } : { state: "closed", digest }),
        // A correction alone in its month may be negative; what is shown never is.
        ...{ deviceMs: Math.max(0, sum.deviceMs), cpuMs: Math.max(0, sum.cpuMs) },
        ...{ tokens: sum.tokens, bytesUp: sum.bytesUp, bytesDown: sum.bytesDown },
        microCredits: sum.creditsMicro,
      };
    });
}

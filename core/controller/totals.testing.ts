// What a state amounts to, in figures that stay the same from release to release: for the fixtures
// of journals. For tests and releases only.
import { addAmounts, leftTotals, type StatementAmounts, statement } from "../ledger/index.ts";
import type { State } from "./index.ts";

export interface Totals {
  readonly seq: number;
  readonly members: number;
  readonly sites: number;
  readonly users: number;
  readonly projects: number;
  /** Jobs that are in the state or have left it. */
  readonly jobs: number;
  readonly waiting: number;
  readonly runs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly books: StatementAmounts;
  readonly booksOfMembers: Readonly<Record<string, StatementAmounts>>;
}

/** The figures of a state. */
export function totalsOf(state: State): Totals {
  const { archived, ledger, members } = state;
  const outcomes: Record<string, number> = { ...archived.outcomes };
  for (const { outcome } of state.jobs.values()) {
    if (outcome !== null) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  const books = (filter: { readonly member?: string }): StatementAmounts =>
    addAmounts(statement(ledger, filter).totals, leftTotals(ledger, filter));
  return {
    ...{ seq: state.seq, members: members.size, sites: state.sites.size },
    ...{ users: state.users.size, projects: state.projects.size, runs: state.runs.size },
    ...{ jobs: state.jobs.size + archived.jobs, waiting: state.queue.size },
    outcomes: Object.fromEntries(Object.entries(outcomes).sort(([a], [b]) => (a < b ? -1 : 1))),
    books: books({}),
    booksOfMembers: Object.fromEntries(
      [...members.keys()].map((member) => [member, books({ member })]),
    ),
  };
}

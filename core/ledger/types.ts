// The books of the pool as plain values: what each lease used and cost, and what each member gave
// to each run. Written only by ledger.ts; who may see which statement is decided elsewhere.
import type { AcceleratorKind, LeaseOutcome, Usage } from "../pool/index.ts";
import type { UsageAccounts } from "./usage.ts";

/** Accelerators of one model that a lease held. */
export interface HeldAccelerators {
  readonly kind: AcceleratorKind;
  readonly vendor: string;
  readonly model: string;
  readonly count: number;
  /** What the owner asks, in millionths of a credit; absent: the pool's price. */
  readonly microPerDeviceHour?: number;
}

/** An ended lease, as it is put into the books. */
export interface LeaseRecord {
  readonly leaseId: string;
  readonly jobId: string;
  readonly project: string;
  readonly user: string;
  readonly memberName: string;
  readonly siteId: string;
  readonly acceleratorModels: readonly HeldAccelerators[];
  readonly startedAtMs: number;
  /** The moment at which the lease stands in statements. */
  readonly endedAtMs: number;
  readonly usage: Usage;
  /** What one of its device-milliseconds counts in fair share; absent: 1. */
  readonly share?: number;
  readonly outcome: LeaseOutcome;
}

/** The true report of a lease whose usage had to be estimated. */
export interface Correction {
  readonly leaseId: string;
  /** The whole true usage, not the difference. */
  readonly usage: Usage;
  /** When the correction stands in statements; absent: at the end of its lease. */
  readonly atMs?: number;
}

/** One member's part in one round of a run. */
export interface ContributionRecord {
  readonly runId: string;
  readonly project: string;
  readonly memberName: string;
  readonly round: number;
  readonly atMs: number;
  readonly tokens: number;
  readonly computeMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** False if the aggregator threw it away: bytes and time count, tokens do not. */
  readonly accepted: boolean;
  /** A late contribution and the next one may be merged in one round; absent: 1. */
  readonly contributions?: number;
}

/** Price of one model, in millionths of a credit for one device-hour. */
export interface ModelRate {
  /** Absent: every vendor. Compared without case. */
  readonly vendor?: string;
  /** The catalogue's product name, or its first words. Compared without case. */
  readonly model: string;
  readonly microPerDeviceHour: number;
}

export interface RateTable {
  /** For what no entry of `models` matches. */
  readonly microPerDeviceHour: Readonly<Record<AcceleratorKind, number>>;
  /** The first one that matches holds. */
  readonly models: readonly ModelRate[];
}

/** A group of a lease's accelerators with the price that held when it was booked. */
export interface PricedAccelerators extends HeldAccelerators {
  readonly microPerDeviceHour: number;
}

/** One line of the books; never changed after it was written. */
export interface Entry {
  readonly kind: "lease" | "correction";
  readonly leaseId: string;
  readonly jobId: string;
  readonly project: string;
  readonly user: string;
  readonly memberName: string;
  readonly siteId: string;
  readonly atMs: number;
  /** For a correction the difference, which may be negative. */
  readonly usage: Usage;
  /** Millionths of a credit: charged to the project, earned by the member. */
  readonly chargeMicro: number;
}

/** What the books remember of a lease so that it can be corrected. */
export interface BookedLease {
  /** Number of its first entry, counted from the first entry that ever was. */
  readonly entry: number;
  /** That entry, once it has left the books for the archive. */
  readonly first?: Entry;
  readonly accelerators: readonly PricedAccelerators[];
  readonly outcome: LeaseOutcome;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Usage after all corrections. */
  readonly usage: Usage;
  /** What one of its device-milliseconds counts in fair share; absent: 1. */
  readonly share?: number;
}

/** Contributions of one member to one run within one hour, added up. */
export interface ContributionHour {
  readonly runId: string;
  readonly project: string;
  readonly memberName: string;
  /** Start of the hour. */
  readonly hourMs: number;
  readonly contributions: number;
  readonly rejected: number;
  readonly tokens: number;
  readonly computeMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** What one project and one member did together in one month. */
export interface PeriodRow extends StatementAmounts {
  readonly project: string;
  readonly member: string;
}

/** Totals of the lines of one month that have left the books. */
export interface PeriodBooks {
  /** Year and month, UTC, e.g. `2026-11`. */
  readonly period: string;
  /** Set when the month was closed: from then on nothing of it changes. */
  readonly digest: string | null;
  /** By project and member. */
  readonly rows: Record<string, PeriodRow>;
}

/** Plain and serialisable. Owned by ledger.ts and periods.ts, changed only by applying an event. */
export interface LedgerState {
  readonly rates: RateTable;
  /** Those that have not left for the archive; the oldest leave first. */
  readonly entries: Entry[];
  /** How many entries and hours of contributions have left for the archive. */
  readonly left: { entries: number; hours: number };
  readonly periods: Record<string, PeriodBooks>;
  readonly leases: Record<string, BookedLease>;
  /** Per project and member: the part of a micro-credit that is not charged yet, in
   * micro-credit-milliseconds per hour; always from 0 to 3,599,999. */
  readonly remainders: Record<string, number>;
  /** By run, member and hour, in the order of the hours. */
  readonly contributions: Record<string, ContributionHour>;
  /** Decayed usage of projects, users and members. */
  readonly usage: UsageAccounts;
}

export interface StatementFilter {
  /** Statement of what this member earned; counterparts are projects. */
  readonly member?: string;
  /** Statement of what this project owes; counterparts are members. */
  readonly project?: string;
  /** First moment that counts; contributions are counted by whole hours. */
  readonly fromMs?: number;
  /** First moment that no longer counts. */
  readonly toMs?: number;
}

export interface StatementAmounts {
  readonly leases: number;
  readonly deviceMs: number;
  readonly cpuMs: number;
  readonly contributions: number;
  readonly tokens: number;
  readonly computeMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Millionths of a credit: earned by the member, owed by the project. */
  readonly creditsMicro: number;
}

export interface StatementLine extends StatementAmounts {
  /** Job id, or run id for contributions. */
  readonly jobId: string;
  readonly member: string;
  readonly project: string;
}

export interface Statement {
  readonly filter: StatementFilter;
  /** By job, then member, then project. */
  readonly lines: readonly StatementLine[];
  readonly totals: StatementAmounts;
}

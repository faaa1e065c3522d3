// The books: each ended lease and each contribution is written once, corrections are added as
// entries of their own. Everything here is a fold of the journal, so it agrees with the journal
// by construction. Changes the state that it is given; statements are read by statement.ts.
import { assert, type Outcome, ok, refuse, type Usage } from "../pool/index.ts";
import {
  cost,
  DEFAULT_HALF_LIFE_MS,
  DEFAULT_RATES,
  HOUR_MS,
  priced,
  roundCharge,
  safe,
} from "./rates.ts";
import type {
  BookedLease,
  ContributionHour,
  ContributionRecord,
  Correction,
  Entry,
  LeaseRecord,
  LedgerState,
  RateTable,
} from "./types.ts";
import { addUsage, emptyUsage } from "./usage.ts";

/** Empty books. */
export const emptyLedger = (
  rates: RateTable = DEFAULT_RATES,
  halfLifeMs: number = DEFAULT_HALF_LIFE_MS,
): LedgerState => ({
  rates,
  entries: [],
  left: { entries: 0, hours: 0 },
  periods: {},
  leases: {},
  remainders: {},
  contributions: {},
  usage: emptyUsage(halfLifeMs),
});

/** Books an ended lease. A lease that is booked already is a bug. Gives the new entry. */
export function recordLease(state: LedgerState, lease: LeaseRecord): Entry {
  assert(!Object.hasOwn(state.leases, lease.leaseId), `lease ${lease.leaseId} is booked once`);
  assertUsage(lease.usage);
  const accelerators = priced(lease.acceleratorModels, state.rates);
  state.leases[lease.leaseId] = {
    entry: state.left.entries + state.entries.length,
    accelerators,
    outcome: lease.outcome,
    startedAtMs: safe(lease.startedAtMs),
    endedAtMs: safe(lease.endedAtMs),
    usage: lease.usage,
    ...(lease.share === undefined ? {} : { share: lease.share }),
  };
  return book(state, {
    kind: "lease",
    leaseId: lease.leaseId,
    jobId: lease.jobId,
    project: lease.project,
    user: lease.user,
    memberName: lease.memberName,
    siteId: lease.siteId,
    atMs: lease.endedAtMs,
    usage: lease.usage,
    exactCost: cost(accelerators, lease.usage.deviceMs),
    usedAtMs: lease.endedAtMs,
    ...(lease.share === undefined ? {} : { share: lease.share }),
  });
}

/**
 * Replaces the usage of a booked lease by a later, true report. The first entry stays; a second
 * one holds the difference, at the prices of the first. Refuses a lease that was never booked.
 */
export function correct(state: LedgerState, correction: Correction): Outcome<Entry> {
  const { leaseId, usage } = correction;
  const lease = Object.hasOwn(state.leases, leaseId) ? state.leases[leaseId] : undefined;
  if (lease === undefined) {
    return refuse(
      "NOT_FOUND",
      `Lease ${leaseId} is not in the books.`,
      "Report the end of the lease before a correction.",
    );
  }
  assertUsage(usage);
  const first = lease.first ?? state.entries[lease.entry - state.left.entries]!;
  state.leases[leaseId] = { ...lease, usage } satisfies BookedLease;
  const { leaseId: id, jobId, project, user, memberName, siteId } = first;
  const entry = book(state, {
    kind: "correction",
    leaseId: id,
    jobId,
    project,
    user,
    memberName,
    siteId,
    atMs: safe(correction.atMs ?? lease.endedAtMs),
    usage: {
      ranMs: usage.ranMs - lease.usage.ranMs,
      deviceMs: usage.deviceMs - lease.usage.deviceMs,
      cpuMs: usage.cpuMs - lease.usage.cpuMs,
    },
    exactCost:
      cost(lease.accelerators, usage.deviceMs) - cost(lease.accelerators, lease.usage.deviceMs),
    usedAtMs: lease.endedAtMs,
    ...(lease.share === undefined ? {} : { share: lease.share }),
  });
  return ok(entry);
}

/** Adds one member's part of a round to its hour. */
export function recordContribution(state: LedgerState, part: ContributionRecord): void {
  const hourMs = hourOf(part.atMs);
  const key = JSON.stringify([part.runId, part.project, part.memberName, hourMs]);
  const before: ContributionHour = state.contributions[key] ?? {
    runId: part.runId,
    project: part.project,
    memberName: part.memberName,
    hourMs,
    contributions: 0,
    rejected: 0,
    tokens: 0,
    computeMs: 0,
    bytesUp: 0,
    bytesDown: 0,
  };
  for (const count of [part.tokens, part.computeMs, part.bytesUp, part.bytesDown]) {
    assert(count >= 0, "a contribution counts nothing negative");
  }
  state.contributions[key] = {
    ...before,
    contributions: before.contributions + (part.contributions ?? 1),
    rejected: before.rejected + (part.accepted ? 0 : 1),
    tokens: safe(before.tokens + (part.accepted ? part.tokens : 0)),
    computeMs: safe(before.computeMs + part.computeMs),
    bytesUp: safe(before.bytesUp + part.bytesUp),
    bytesDown: safe(before.bytesDown + part.bytesDown),
  };
}

/** Start of the whole hour that holds `atMs`. */
export const hourOf = (atMs: number): number => safe(Math.floor(atMs / HOUR_MS) * HOUR_MS);

interface Draft extends Omit<Entry, "chargeMicro"> {
  readonly exactCost: bigint;
  /** When the devices were used, for fair share; a correction is booked later than that. */
  readonly usedAtMs: number;
  /** What one device-millisecond counts in fair share; absent: 1. */
  readonly share?: number;
}

function book(state: LedgerState, draft: Draft): Entry {
  const { exactCost, usedAtMs, share, ...line } = draft;
  const account = JSON.stringify([line.project, line.memberName]);
  const { chargeMicro, remainder } = roundCharge(exactCost, state.remainders[account] ?? 0);
  state.remainders[account] = remainder;
  const entry: Entry = { ...line, chargeMicro };
  state.entries.push(entry);
  addUsage(state.usage, {
    project: line.project,
    user: line.user,
    member: line.memberName,
    deviceMs: line.usage.deviceMs,
    ...(share === undefined ? {} : { shareMs: share * line.usage.deviceMs }),
    atMs: usedAtMs,
  });
  return entry;
}

function assertUsage(usage: Usage): void {
  for (const value of [usage.ranMs, usage.deviceMs, usage.cpuMs]) {
    assert(safe(value) >= 0, "usage is never negative");
  }
}

// Tests of lines that leave the books: sums stay, closed months stay, corrections find their lease.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addAmounts,
  type ContributionHour,
  closePeriod,
  correct,
  type Entry,
  emptyLedger,
  forgetLease,
  HOUR_MS,
  type LedgerState,
  leaveBooks,
  leftTotals,
  liveLines,
  oldestHours,
  periodsToClose,
  periodText,
  recordContribution,
  recordLease,
  StatementSum,
  statement,
} from "./index.ts";

const DAY_MS = 24 * HOUR_MS;

const lease = (ledger: LedgerState, leaseId: string, atMs: number, ranMs: number, at = 0) =>
  recordLease(ledger, {
    ...{ leaseId, jobId: leaseId, project: `p${at % 2}`, user: "ana", memberName: `m${at % 3}` },
    ...{ siteId: "s", acceleratorModels: [{ kind: "gpu", vendor: "v", model: "x", count: 1 }] },
    ...{ startedAtMs: atMs, endedAtMs: atMs, outcome: "completed" },
    usage: { ranMs, deviceMs: ranMs, cpuMs: ranMs },
  });

const part = (ledger: LedgerState, atMs: number, at: number, tokens: number): void =>
  recordContribution(ledger, {
    ...{ runId: "9", project: "p0", memberName: `m${at % 3}`, round: 1, atMs, tokens },
    ...{ computeMs: 5, bytesUp: 7, bytesDown: 11, accepted: at % 4 !== 0 },
  });

const steps = fc.array(
  fc.record({
    what: fc.constantFrom("lease", "lease", "part", "leave"),
    afterMs: fc.constantFrom(1, HOUR_MS, 9 * DAY_MS),
    count: fc.nat(4),
  }),
  { minLength: 5, maxLength: 60, size: "max" },
);

test("statements add up the same from lines that have left and lines that have not", () => {
  let moved = 0;
  const check = fc.property(steps, (sequence) => {
    const [whole, ledger] = [emptyLedger(), emptyLedger()];
    const left: { entries: Entry[]; hours: ContributionHour[] } = { entries: [], hours: [] };
    let atMs = 0;
    for (const [i, { what, afterMs, count }] of sequence.entries()) {
      atMs += afterMs;
      for (const one of [whole, ledger]) {
        if (what === "lease") lease(one, `L${i}`, atMs, 1_000 * count + 1, i);
        if (what === "part") part(one, atMs, i, count);
      }
      if (what !== "leave") continue;
      const entries = Math.min(count, ledger.entries.length);
      const hours = oldestHours(ledger, 1).filter(({ hourMs }) => hourMs + HOUR_MS <= atMs);
      left.entries.push(...ledger.entries.slice(0, entries));
      left.hours.push(...hours);
      leaveBooks(ledger, entries, hours.length);
      moved += entries + hours.length;
    }
    for (const filter of [{}, { member: "m1" }, { project: "p0", fromMs: DAY_MS }]) {
      const sum = new StatementSum(filter);
      sum.add(liveLines(ledger));
      sum.add(left);
      assert.deepEqual(sum.statement(), statement(whole, filter));
    }
    const member = { member: "m2" };
    const all = addAmounts(leftTotals(ledger, member), statement(ledger, member).totals);
    assert.deepEqual(all, statement(whole, member).totals);
    assert.deepEqual(ledger.left, { entries: left.entries.length, hours: left.hours.length });
  });
  fc.assert(check, { numRuns: 200, seed: 20_261_122 });
  assert.ok(moved > 500, `the sample has lines that left: ${moved}`);
});

test("nothing is ever added to a closed month, which closes after its last line has left", () => {
  const ledger = emptyLedger();
  lease(ledger, "L1", 5 * DAY_MS, 1_000);
  lease(ledger, "L2", 40 * DAY_MS, 2_000);
  assert.deepEqual(periodsToClose(ledger, 50 * DAY_MS), []);
  leaveBooks(ledger, 1, 0);
  assert.deepEqual(periodsToClose(ledger, 30 * DAY_MS), []);
  assert.deepEqual(periodsToClose(ledger, 31 * DAY_MS), ["1970-01"]);
  const text = periodText(ledger.periods["1970-01"]!);
  assert.equal(text, '1970-01\n["p0","m0",1,1000,1000,0,0,0,0,0,2777]');
  closePeriod(ledger, "1970-01", "digest");
  assert.deepEqual(periodsToClose(ledger, 60 * DAY_MS), []);
  assert.throws(() => closePeriod(ledger, "1970-01", "other"), /Invariant broken/);
  const late = emptyLedger();
  Object.assign(late.periods, ledger.periods);
  lease(late, "L3", 6 * DAY_MS, 1);
  assert.throws(() => leaveBooks(late, 1, 0), /closed/);
});

test("a correction finds its lease when the line has left, and not after it was forgotten", () => {
  const ledger = emptyLedger();
  lease(ledger, "L1", 5, 1_000);
  lease(ledger, "L2", 6, 1_000);
  leaveBooks(ledger, 1, 0);
  const usage = { ranMs: 400, deviceMs: 400, cpuMs: 400 };
  for (const leaseId of ["L1", "L2"]) {
    const corrected = correct(ledger, { leaseId, usage, atMs: 9 });
    assert.equal(corrected.ok && corrected.value.usage.deviceMs, -600);
    assert.equal(corrected.ok && corrected.value.jobId, leaseId);
  }
  forgetLease(ledger, "L1");
  const gone = correct(ledger, { leaseId: "L1", usage, atMs: 9 });
  assert.equal(!gone.ok && gone.code, "NOT_FOUND");
});

// Tests of the books: whatever was booked and corrected, all statements agree to the last unit.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { correct, emptyLedger, recordContribution, recordLease } from "./ledger.ts";
import { HOUR_MS, MICRO_PER_CREDIT } from "./rates.ts";
import { addAmounts, statement } from "./statement.ts";
import type {
  ContributionRecord,
  HeldAccelerators,
  LeaseRecord,
  LedgerState,
  RateTable,
} from "./types.ts";

const GPU: HeldAccelerators = { kind: "gpu", vendor: "NVIDIA", model: "H100 SXM5", count: 1 };

const lease = (leaseId: string, deviceMs: number, change: Partial<LeaseRecord> = {}) => ({
  leaseId,
  jobId: "1",
  project: "lab",
  user: "eva",
  memberName: "ana",
  siteId: "s1",
  acceleratorModels: [GPU],
  startedAtMs: 0,
  endedAtMs: deviceMs,
  usage: { ranMs: deviceMs, deviceMs, cpuMs: 0 },
  outcome: "completed" as const,
  ...change,
});

test("a device-hour costs 10 credits with a GPU and 1 without; the owner earns the same", () => {
  const books = emptyLedger();
  recordLease(books, lease("L1", HOUR_MS));
  recordLease(books, lease("L2", HOUR_MS, { acceleratorModels: [{ ...GPU, kind: "cpu" }] }));
  const owed = statement(books, { project: "lab" }).totals.creditsMicro;
  assert.equal(owed, 11 * MICRO_PER_CREDIT);
  assert.equal(statement(books, { member: "ana" }).totals.creditsMicro, owed);
});

test("rates of a model go by its first words, the first match holds", () => {
  const rates: RateTable = {
    microPerDeviceHour: { cpu: 1, gpu: 2 },
    models: [
      { vendor: "nvidia", model: "H100", microPerDeviceHour: 7 },
      { model: "A10", microPerDeviceHour: 5 },
    ],
  };
  const charge = (model: string, vendor = "NVIDIA"): number => {
    const acceleratorModels = [{ ...GPU, vendor, model }];
    return recordLease(emptyLedger(rates), lease("L", HOUR_MS, { acceleratorModels })).chargeMicro;
  };
  assert.deepEqual([charge("H100 SXM5"), charge("H100", "Other")], [7, 2]);
  assert.deepEqual([charge("A10"), charge("A100")], [5, 2]);
});

test("device time that does not divide evenly over models is charged whole", () => {
  const books = emptyLedger({ microPerDeviceHour: { cpu: HOUR_MS, gpu: HOUR_MS }, models: [] });
  const acceleratorModels = [GPU, { ...GPU, model: "A10", count: 2 }];
  // At one micro-credit a device-millisecond the charge is the device time.
  assert.equal(recordLease(books, lease("L1", 100, { acceleratorModels })).chargeMicro, 100);
});

test("what is too small to charge is kept and joins the next charge", () => {
  const books = emptyLedger({ microPerDeviceHour: { cpu: 1, gpu: 1 }, models: [] });
  const charges = [1, 2, 3].map((n) => recordLease(books, lease(`L${n}`, HOUR_MS / 2)).chargeMicro);
  assert.deepEqual(charges, [0, 1, 0]);
  assert.deepEqual(Object.values(books.remainders), [HOUR_MS / 2]);
});

test("a correction keeps the estimate and adds the difference", () => {
  const books = emptyLedger();
  recordLease(books, lease("L1", HOUR_MS, { outcome: "lost" }));
  const usage = { ranMs: HOUR_MS / 2, deviceMs: HOUR_MS / 2, cpuMs: 5 };
  const answer = correct(books, { leaseId: "L1", usage });
  assert.ok(answer.ok);
  assert.deepEqual(
    books.entries.map(({ kind, chargeMicro }) => [kind, chargeMicro]),
    [
      ["lease", 10 * MICRO_PER_CREDIT],
      ["correction", -5 * MICRO_PER_CREDIT],
    ],
  );
  const { totals } = statement(books);
  assert.deepEqual([totals.leases, totals.deviceMs, totals.cpuMs], [1, HOUR_MS / 2, 5]);
  assert.equal(books.usage.accounts["project:lab"]?.value, HOUR_MS / 2);
});

test("a lease is booked once, and only a booked one can be corrected", () => {
  const books = emptyLedger();
  recordLease(books, lease("L1", 1));
  assert.throws(() => recordLease(books, lease("L1", 1)), /booked once/);
  const answer = correct(books, { leaseId: "L2", usage: { ranMs: 0, deviceMs: 0, cpuMs: 0 } });
  assert.ok(!answer.ok && answer.code === "NOT_FOUND");
});

test("amounts that a double cannot hold exactly are a broken invariant", () => {
  assert.throws(() => recordLease(emptyLedger(), lease("L1", 0.5)), /whole units/);
  assert.throws(() => recordLease(emptyLedger(), lease("L1", 2 ** 53)), /whole units/);
  assert.throws(() => recordLease(emptyLedger(), lease("L1", -1)), /never negative/);
});

test("a rejected contribution counts its time and bytes, but no tokens", () => {
  const books = emptyLedger();
  recordContribution(books, part({ tokens: 100 }));
  recordContribution(books, part({ tokens: 50, accepted: false }));
  const { totals, lines } = statement(books, { member: "ana" });
  assert.deepEqual([totals.contributions, totals.tokens, totals.bytesUp], [2, 100, 6]);
  assert.equal(Object.values(books.contributions)[0]?.rejected, 1);
  assert.deepEqual([lines.length, lines[0]?.jobId, lines[0]?.project], [1, "R1", "lab"]);
});

const part = (change: Partial<ContributionRecord>): ContributionRecord => ({
  runId: "R1",
  project: "lab",
  memberName: "ana",
  round: 1,
  atMs: 0,
  tokens: 1,
  computeMs: 2,
  bytesUp: 3,
  bytesDown: 4,
  accepted: true,
  ...change,
});

const PROJECTS = ["lab", "firm", "lab/x"];
const MEMBERS = ["ana", "bob"];
const SPAN_MS = 20 * HOUR_MS;
const whole = (max: number) => fc.integer({ min: 0, max });
// Objects without a prototype would not be equal to what comes back from JSON.
const usage = fc.record(
  { ranMs: whole(1e9), deviceMs: whole(1e10), cpuMs: whole(1e10) },
  { noNullPrototype: true },
);
const event = fc.oneof(
  fc.record({
    kind: fc.constant("lease" as const),
    project: fc.constantFrom(...PROJECTS),
    memberName: fc.constantFrom(...MEMBERS),
    jobId: fc.constantFrom("1", "2", "3"),
    endedAtMs: whole(SPAN_MS),
    usage,
    acceleratorModels: fc.array(
      fc.record({
        kind: fc.constantFrom("gpu" as const, "cpu" as const),
        vendor: fc.constant("NVIDIA"),
        model: fc.constantFrom("A10", "A100 PCIe", "H100"),
        count: fc.integer({ min: 1, max: 8 }),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    kind: fc.constant("correction" as const),
    of: whole(100),
    usage,
    atMs: whole(SPAN_MS),
  }),
  fc.record({
    kind: fc.constant("contribution" as const),
    project: fc.constantFrom(...PROJECTS),
    memberName: fc.constantFrom(...MEMBERS),
    runId: fc.constantFrom("R1", "R2"),
    atMs: whole(SPAN_MS),
    tokens: whole(1e9),
    accepted: fc.boolean(),
  }),
);
const RATES: RateTable = {
  microPerDeviceHour: { cpu: 999_983, gpu: 9_999_991 },
  models: [{ model: "H100", microPerDeviceHour: 27_182_818 }],
};

interface Told {
  readonly books: LedgerState;
  /** True device-milliseconds of each lease by the newest report. */
  readonly deviceMs: ReadonlyMap<string, number>;
  readonly tokens: number;
}

function tell(events: readonly (typeof event extends fc.Arbitrary<infer T> ? T : never)[]): Told {
  const books = emptyLedger(RATES);
  const deviceMs = new Map<string, number>();
  let tokens = 0;
  events.forEach((told, index) => {
    if (told.kind === "lease") {
      const { kind: _kind, ...record } = told;
      recordLease(books, lease(`L${index}`, 0, record));
      deviceMs.set(`L${index}`, told.usage.deviceMs);
    } else if (told.kind === "correction") {
      const leaseId = [...deviceMs.keys()][told.of % Math.max(1, deviceMs.size)];
      if (leaseId === undefined) return;
      assert.ok(correct(books, { leaseId, usage: told.usage, atMs: told.atMs }).ok);
      deviceMs.set(leaseId, told.usage.deviceMs);
    } else {
      const { kind: _kind, ...record } = told;
      recordContribution(books, part(record));
      tokens += told.accepted ? told.tokens : 0;
    }
  });
  return { books, deviceMs, tokens };
}

const story = fc.array(event, { maxLength: 40 });

test("members earn what projects owe, and both are the sum of the leases, to the last unit", () => {
  const check = fc.property(story, (events) => {
    const { books, deviceMs, tokens } = tell(events);
    const { totals: all } = statement(books);
    const sum = (filters: readonly object[]) =>
      filters.map((filter) => statement(books, filter).totals).reduce(addAmounts);
    assert.deepEqual(sum(MEMBERS.map((member) => ({ member }))), all);
    assert.deepEqual(sum(PROJECTS.map((project) => ({ project }))), all);
    assert.equal(
      all.deviceMs,
      [...deviceMs.values()].reduce((total, ms) => total + ms, 0),
    );
    assert.equal(all.leases, deviceMs.size);
    assert.equal(all.tokens, tokens);
  });
  fc.assert(check, { numRuns: 300, seed: 8 });
});

test("charges and kept remainders are exactly what the final usage costs", () => {
  const check = fc.property(story, (events) => {
    const { books } = tell(events);
    // Books that never knew an estimate: the same leases with their final usage at once.
    const straight = emptyLedger(RATES);
    for (const [leaseId, booked] of Object.entries(books.leases)) {
      const { jobId, project, user, memberName, siteId } = books.entries[booked.entry]!;
      const who = { leaseId, jobId, project, user, memberName, siteId };
      const acceleratorModels = booked.accelerators;
      const { startedAtMs, endedAtMs, usage: final, outcome } = booked;
      const what = { acceleratorModels, startedAtMs, endedAtMs, usage: final, outcome };
      recordLease(straight, { ...who, ...what });
    }
    const totals = ({ entries }: LedgerState) => {
      const charges: Record<string, number> = {};
      for (const { project, memberName, chargeMicro } of entries) {
        const account = JSON.stringify([project, memberName]);
        charges[account] = (charges[account] ?? 0) + chargeMicro;
      }
      return charges;
    };
    assert.deepEqual(totals(books), totals(straight));
    assert.deepEqual(books.remainders, straight.remainders);
    for (const left of Object.values(books.remainders)) assert.ok(left >= 0 && left < HOUR_MS);
  });
  fc.assert(check, { numRuns: 300, seed: 9 });
});

test("windows side by side add up to the whole", () => {
  const cuts = fc.array(whole(SPAN_MS), { maxLength: 5 });
  const check = fc.property(story, cuts, (events, drawn) => {
    const { books } = tell(events);
    const edges = [0, ...drawn.sort((a, b) => a - b), SPAN_MS + HOUR_MS];
    for (const filter of [{}, { member: "ana" }, { project: "lab" }]) {
      const parts = edges.slice(1).map((toMs, index) => {
        return statement(books, { ...filter, fromMs: edges[index]!, toMs }).totals;
      });
      assert.deepEqual(parts.reduce(addAmounts), statement(books, filter).totals);
    }
  });
  fc.assert(check, { numRuns: 200, seed: 10 });
});

test("the books survive being written and read", () => {
  const check = fc.property(story, story, (before, after) => {
    const { books } = tell([...before, ...after]);
    const read = JSON.parse(JSON.stringify(books)) as LedgerState;
    assert.deepEqual(read, books);
    assert.deepEqual(statement(read), statement(books));
  });
  fc.assert(check, { numRuns: 50, seed: 12 });
});

// Tests of what leaves the state: nothing is lost, nothing is counted twice, and everybody who
// depended on it is told. The archive is played by a list in the story.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  leftTotals,
  liveLines,
  periodOf,
  periodWindow,
  type StatementFilter,
  StatementSum,
  statement,
} from "../ledger/index.ts";
import { LIMITS } from "../pool/index.ts";
import { longActs, world } from "./arbitraries.testing.ts";
import { apply, type Event, emptyState, type State } from "./index.ts";
import { ended, itself, Story, spec } from "./story.testing.ts";

const NOW = { endedMs: 0, endedMax: 0 };

/** The same pool, had nothing ever left its state. */
function whole(story: Story): State {
  const state = emptyState();
  for (const { atMs, text } of story.journal) {
    const event = JSON.parse(text) as Event;
    if (event.type === "history.archived" || event.type === "books.closed") continue;
    apply(state, event, atMs);
  }
  return state;
}

const filtersOf = ({ members, projects, nowMs }: State): StatementFilter[] => [
  {},
  ...[...members.keys()].map((member) => ({ member })),
  ...[...projects.keys()].map((project) => ({ project })),
  { ...periodWindow(periodOf(nowMs)), project: "default" },
  { toMs: Math.floor(nowMs / 2) },
  { fromMs: Math.floor(nowMs / 2), member: "m0" },
];

test("every statement is the same whether its lines have left or not, to the line", () => {
  let left = 0;
  let closed = 0;
  const check = fc.property(longActs, (sequence) => {
    const story = world();
    for (const act of sequence) act(story);
    const full = whole(story);
    for (const filter of filtersOf(story.state)) {
      const sum = new StatementSum(filter);
      sum.add(story.past);
      sum.add(liveLines(story.state.ledger));
      assert.deepEqual(sum.statement(), statement(full.ledger, filter));
    }
    const archive = new StatementSum({ project: "default" });
    archive.add(story.past);
    const totals = leftTotals(story.state.ledger, { project: "default" });
    assert.deepEqual(totals, archive.statement().totals);
    assert.deepEqual(story.state.ledger.remainders, full.ledger.remainders);
    assert.deepEqual(story.state.ledger.usage, full.ledger.usage);
    left += story.past.entries.length;
    closed += Object.values(story.state.ledger.periods).filter(({ digest }) => digest).length;
  });
  fc.assert(check, { numRuns: 150, seed: 20_261_122 });
  assert.ok(left > 100 && closed > 20, `the sample has lines that left: ${left}, ${closed}`);
});

test("every job is in the state or in the archive, as it was, and replay finds the same", () => {
  let gone = 0;
  const check = fc.property(longActs, (sequence) => {
    const story = world();
    for (const act of sequence) act(story);
    story.check();
    const full = whole(story);
    const rows = new Map(story.past.rows.map((row) => [row.job.jobId, row]));
    for (const [jobId, job] of full.jobs) {
      const row = rows.get(jobId);
      assert.deepEqual(row?.job ?? story.state.jobs.get(jobId), job);
      for (const [i, leaseId] of job.leaseIds.entries()) {
        const lease = row?.leases[i] ?? story.state.leases.get(leaseId);
        assert.deepEqual(lease, full.leases.get(leaseId));
      }
    }
    assert.equal(rows.size + story.state.jobs.size, full.jobs.size);
    assert.equal(story.state.archived.jobs, rows.size);
    gone += rows.size;
  });
  fc.assert(check, { numRuns: 150, seed: 20_261_123 });
  assert.ok(gone > 50, `the sample has jobs that left: ${gone}`);
});

test("who waits in vain for a job that leaves is ended first; who need not wait starts", () => {
  const story = new Story(1);
  const first = story.submit();
  const chain = (kind: "afterok" | "afternotok") =>
    story.submit(spec({ dependencies: [{ kind, jobId: first }] }), false);
  const [good, bad] = [chain("afterok"), chain("afternotok")];
  story.report(story.runs(first), itself(0));
  assert.ok(story.archive(NOW));
  assert.equal(story.job(bad).outcome, "dependency");
  assert.ok(!story.state.jobs.has(first));
  story.ok({ type: "schedule" });
  assert.equal(story.job(good).stage, "active");
  story.check();
});

test("a job may depend on one that has left, when it is said what became of that", () => {
  const story = new Story(1);
  const first = story.submit();
  story.report(story.runs(first), itself(1));
  story.archive(NOW);
  const wish = (kind: "afterok" | "afterany") => ({
    ...({ type: "submit", array: null, key: null } as const),
    spec: spec({ dependencies: [{ kind, jobId: first }] }),
  });
  assert.equal(story.refused(wish("afterany")), "DEPENDENCY_UNKNOWN");
  const past = [{ jobId: first, outcomes: ["failed"] as const }];
  const free = story.ok({ ...wish("afterany"), past }) as { jobId: string };
  const dead = story.ok({ ...wish("afterok"), past }) as { jobId: string };
  assert.equal(story.job(dead.jobId).outcome, "dependency");
  assert.equal(story.job(dead.jobId).message, `afterok:${first} can never be satisfied`);
  story.ok({ type: "schedule" });
  assert.equal(story.job(free.jobId).stage, "active");
  story.check();
});

test("an array leaves as a whole, and its idempotency key still answers", () => {
  const story = new Story(2);
  const key = { key: "k", digest: "d" };
  const array = { indices: [4, 7], maxRunning: 2 };
  const submitted = story.ok({ type: "submit", spec: spec(), array, key });
  story.ok({ type: "schedule" });
  story.report(story.runs("1_4"), itself(0));
  story.archive(NOW);
  assert.equal(story.state.jobs.size, 2);
  story.report(story.runs("1_7"), itself(0));
  story.archive(NOW);
  assert.deepEqual([story.state.jobs.size, story.state.arrays.size], [0, 0]);
  assert.deepEqual(story.ok({ type: "submit", spec: spec(), array, key }), submitted);
  story.check();
});

test("an estimate waits for its true report, which finds its lease when its line has left", () => {
  const story = new Story(1);
  const lost = story.runs(story.submit(spec({ requeue: false })));
  story.pass(120_000);
  assert.ok(story.lease(lost).estimated);
  story.archive(NOW);
  assert.equal(story.state.ledger.entries.length, 0);
  assert.ok(story.state.leases.has(lost), "its job stays");
  story.report(lost, ended("deadline", 7_000));
  const [correction] = story.state.ledger.entries;
  assert.deepEqual([correction?.kind, correction?.leaseId], ["correction", lost]);
  story.archive(NOW);
  assert.equal(story.state.leases.size, 0);
  assert.equal(leftTotals(story.state.ledger).deviceMs, 7_000);
  story.check();
});

test("an estimate that nobody puts right holds its job for a named time and no longer", () => {
  const story = new Story(1);
  story.runs(story.submit(spec({ requeue: false })));
  story.pass(120_000);
  story.archive(NOW);
  assert.equal(story.state.jobs.size, 1);
  story.atMs += LIMITS.ESTIMATE_KEPT_MS + 120_000;
  story.ok({ type: "tick" });
  story.archive(NOW);
  assert.equal(story.state.jobs.size, 0);
});

test("a month closes when it is over, not before, and what is late falls into the next", () => {
  const story = new Story(1);
  const work = (ranMs: number): void => {
    story.report(story.runs(story.submit()), itself(0, ranMs));
  };
  work(1_000);
  const keepAll = { endedMs: LIMITS.ENDED_KEPT_MS * 12, endedMax: 1_000 };
  assert.equal(story.archive(keepAll), false);
  assert.equal(
    story.refused({ type: "closeBooks", period: "1970-01", digest: "x" }),
    "WRONG_STATE",
  );
  story.atMs = periodWindow("1970-01").toMs + LIMITS.BOOKS_CLOSE_AFTER_MS - 1;
  work(2_000);
  assert.equal(story.archive(keepAll), false);
  story.atMs += 1;
  assert.ok(story.archive(keepAll));
  const books = story.state.ledger.periods["1970-01"]!;
  assert.equal(books.digest, "m1970-01");
  assert.deepEqual(
    Object.values(books.rows).map(({ deviceMs }) => deviceMs),
    [1_000],
  );
  assert.equal(statement(story.state.ledger).totals.deviceMs, 2_000);
  assert.equal(story.state.jobs.size, 2);
  assert.equal(
    story.refused({ type: "closeBooks", period: "1970-01", digest: "x" }),
    "WRONG_STATE",
  );
});

test("months are those of the calendar", () => {
  const at = (iso: string): number => Date.parse(iso);
  for (const [iso, period] of [
    ["1970-01-01T00:00:00.000Z", "1970-01"],
    ["2024-02-29T23:59:59.999Z", "2024-02"],
    ["2024-03-01T00:00:00.000Z", "2024-03"],
    ["2026-12-31T23:59:59.999Z", "2026-12"],
    ["2100-03-01T00:00:00.000Z", "2100-03"],
  ] as const) {
    assert.equal(periodOf(at(iso)), period);
    const { fromMs, toMs } = periodWindow(period);
    assert.equal(new Date(fromMs).toISOString(), `${period}-01T00:00:00.000Z`);
    assert.ok(fromMs <= at(iso) && at(iso) < toMs);
  }
  const check = fc.property(fc.integer({ min: 0, max: 100_000 }), (day) => {
    const atMs = day * 86_400_000;
    assert.equal(periodOf(atMs), new Date(atMs).toISOString().slice(0, 7));
    assert.equal(periodOf(periodWindow(periodOf(atMs)).toMs - 1), periodOf(atMs));
  });
  fc.assert(check, { numRuns: 500, seed: 1 });
});

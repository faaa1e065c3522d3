// Tests of leases: fences, deadlines, lost sites, late reports, time limits, restarts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { statement } from "../ledger/index.ts";
import { LIMITS } from "../pool/index.ts";
import { ordersAfter, ordersOf } from "./index.ts";
import { ended, itself, node, Story, spec } from "./story.testing.ts";

/** Both by name: jobs of the story run on s0 first. */
const onlyM0 = { constraints: { members: ["m0"], excludeMembers: [], labels: {} } };

test("a job of a lost site starts again elsewhere, only after the deadline and its margin", () => {
  const story = new Story(1, 1);
  const jobId = story.submit();
  const lease = story.runs(jobId);
  const silent = story.lease(lease).lease.siteId;
  const other = silent === "s0" ? "s1" : "s0";
  const { leaseUntilMs } = story.state.sites.get(silent)!;
  story.ok({ type: "siteAway", siteId: silent, reason: "silent" });
  story.pass(leaseUntilMs + LIMITS.LEASE_MARGIN_MS - story.atMs, other);
  assert.equal(story.lease(lease).stage, "running", "until then it may still run there");
  story.pass(1_000, other);
  assert.equal(story.endOf(lease).outcome, "lost");
  assert.ok(story.lease(lease).estimated);
  story.ok({ type: "schedule" });
  assert.deepEqual(
    [story.newest(jobId).lease.siteId, story.newest(jobId).lease.attempt],
    [other, 2],
  );
  assert.ok(story.newest(jobId).lease.fence > story.lease(lease).lease.fence);
  story.check();
});

test("a late report puts the books right, once", () => {
  const story = new Story(1);
  const jobId = story.submit();
  const lease = story.runs(jobId);
  story.pass(2 * LIMITS.LEASE_HORIZON_MS);
  const guessed = story.endOf(lease).usage.deviceMs;
  assert.equal(statement(story.state.ledger).totals.deviceMs, guessed);
  story.report(lease, { kind: "running" });
  assert.deepEqual(story.events, [], "only its end counts");
  story.report(lease, itself(0, 12_345));
  assert.deepEqual(
    story.events.map(({ type }) => type),
    ["lease.corrected"],
  );
  assert.equal(story.endOf(lease).outcome, "lost", "the attempt stays lost");
  story.report(lease, itself(0, 99_999));
  assert.deepEqual(story.events, [], "a second report changes nothing");
  assert.equal(statement(story.state.ledger).totals.deviceMs, 12_345);
  story.check();
});

test("a tab that was closed ends its leases at once, paid for the time until then", () => {
  const story = new Story();
  story.site("ana", "tab", [node("n", 1)], "browser");
  const jobId = story.submit(spec({ requeue: false }));
  const lease = story.runs(jobId);
  story.pass(7_000, "tab");
  const leave = { type: "siteLeft", siteId: "tab", reason: "its tab was closed" } as const;
  story.ok(leave);
  assert.equal(story.state.sites.get("tab")!.state, "away");
  const { outcome, usage, message } = story.endOf(lease);
  assert.deepEqual([outcome, usage.ranMs, message], ["recalled", 7_000, "its tab was closed"]);
  story.ok(leave);
  assert.deepEqual(story.events, [], "said twice it is counted once");
  story.report(lease, ended("offer", 6_500));
  assert.equal(story.endOf(lease).usage.ranMs, 6_500, "what the tab measured itself holds");
  story.report(lease, ended("offer", 1));
  assert.deepEqual(story.events, []);
  story.ok({ type: "siteHere", siteId: "tab", agentVersion: "1" });
  story.ok({ type: "schedule" });
  assert.equal(story.runs(story.submit()), story.state.sites.get("tab")!.openLeases[0]);
  story.check();
});

test("only a tab can leave: what an agent runs may outlive the agent", () => {
  const story = new Story(1);
  story.runs(story.submit());
  const reason = "closed";
  assert.equal(story.refused({ type: "siteLeft", siteId: "s0", reason }), "WRONG_STATE");
  assert.equal(story.refused({ type: "siteLeft", siteId: "s9", reason }), "SITE_UNKNOWN");
});

test("a lease that never ran is lost without any use", () => {
  const story = new Story(1);
  const jobId = story.submit();
  story.pass(2 * LIMITS.LEASE_HORIZON_MS);
  assert.deepEqual(story.endOf(story.job(jobId).leaseIds[0]!).usage.ranMs, 0);
});

test("a report under another fence is refused, and one of another site or lease is unknown", () => {
  const story = new Story(1, 1);
  const jobId = story.submit(spec(onlyM0));
  const { leaseId, fence } = story.newest(jobId).lease;
  const base = { type: "report", siteId: "s0", leaseId, fence, report: itself(0) } as const;
  assert.equal(story.refused({ ...base, fence: fence + 1 }), "LEASE_OUTDATED");
  assert.equal(story.refused({ ...base, siteId: "s1" }), "NOT_FOUND");
  assert.equal(story.refused({ ...base, leaseId: "L99" }), "NOT_FOUND");
  story.ok(base);
});

test("a time limit that the site should have kept is enforced when it is overdue", () => {
  const story = new Story(1);
  const jobId = story.submit(spec({ walltimeMs: 60_000 }));
  const lease = story.runs(jobId);
  story.pass(89_000, "s0");
  assert.equal(story.lease(lease).stop, null, "the site has 30 s for it");
  story.pass(3_000, "s0");
  assert.equal(story.lease(lease).stop?.outcome, "timeout");
  story.ends(jobId, ended("stop", 92_000));
  assert.equal(story.job(jobId).outcome, "timeout");
});

test("a site's own word for the time limit, the deadline and a dead machine is kept", () => {
  const cases = [
    ["walltime", "timeout", "timeout"],
    ["deadline", "lost", null],
    ["lost", "lost", null],
    ["stop", "lost", null],
  ] as const;
  for (const [endedBy, leaseOutcome, jobOutcome] of cases) {
    const story = new Story(1);
    const jobId = story.submit();
    const lease = story.runs(jobId);
    story.report(lease, ended(endedBy, 77));
    assert.deepEqual(
      [story.endOf(lease).outcome, story.lease(lease).estimated, story.job(jobId).outcome],
      [leaseOutcome, false, jobOutcome],
      endedBy,
    );
  }
});

test("a job that loses its site too often, or must not be repeated, is lost", () => {
  const story = new Story(1);
  const once = story.submit(spec({ requeue: false }));
  story.ends(once, ended("lost"));
  assert.deepEqual([story.job(once).outcome, story.job(once).attempts], ["lost", 1]);
  const jobId = story.submit();
  for (let i = 1; i <= LIMITS.ATTEMPTS_MAX; i += 1) {
    assert.equal(story.newest(jobId).lease.attempt, i);
    story.ends(jobId, { kind: "refused", code: "ENGINE_FAILED", message: "no shell" });
  }
  assert.deepEqual(
    [story.job(jobId).outcome, story.job(jobId).attempts],
    ["lost", LIMITS.ATTEMPTS_MAX],
  );
  assert.match(story.job(jobId).message, /ENGINE_FAILED: no shell/);
});

test("a requeued job says why it waits again", () => {
  const story = new Story(1);
  const jobId = story.submit();
  const { leaseId } = story.newest(jobId).lease;
  story.report(leaseId, { kind: "refused", code: "ENGINE_FAILED", message: "no shell" });
  assert.match(story.job(jobId).message, /refused \(ENGINE_FAILED: no shell\)/);
});

test("after a restart no site counts as here until it speaks", () => {
  const story = new Story(1);
  story.ok({ type: "boot" });
  assert.equal(story.state.sites.get("s0")!.state, "away");
  const jobId = story.submit();
  assert.equal(story.job(jobId).stage, "queued");
  story.ok({ type: "siteHere", siteId: "s0", agentVersion: "1" });
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.equal(story.job(jobId).stage, "active");
});

test("a wall clock that was set forward during a restart ends no lease that may still run", () => {
  const story = new Story(1);
  const jobId = story.submit(spec({ walltimeMs: LIMITS.WALLTIME_MAX_MS }));
  const lease = story.runs(jobId);
  story.atMs += 86_400_000;
  story.ok({ type: "boot" });
  story.pass(LIMITS.LEASE_HORIZON_MS + LIMITS.LEASE_MARGIN_MS);
  assert.equal(story.lease(lease).stage, "running", "its right may be as young as the restart");
  story.pass(1_000);
  assert.equal(story.endOf(lease).outcome, "lost");
  assert.ok(story.endOf(lease).usage.ranMs <= LIMITS.LEASE_HORIZON_MS, "nobody pays for the jump");
  story.check();
});

test("orders go out for granted and stopping leases, and a whole list tells all of them", () => {
  const story = new Story(2);
  const first = story.submit();
  const granted = ordersAfter(story.state, story.events).get("s0")!;
  assert.deepEqual(
    granted.map(({ lease, stop }) => [lease.jobId, stop]),
    [[first, null]],
  );
  assert.deepEqual(granted[0]!.tasks[0]!.group.command, ["work"]);
  const second = story.submit();
  story.ok({ type: "cancel", jobId: first });
  const stopping = ordersAfter(story.state, story.events).get("s0")!;
  assert.deepEqual(
    stopping.map(({ lease, stop }) => [lease.jobId, stop?.outcome]),
    [[first, "cancelled"]],
  );
  assert.deepEqual(
    ordersOf(story.state, "s0").map(({ lease }) => lease.jobId),
    [first, second],
  );
  story.ends(first, ended("stop"));
  assert.equal(ordersOf(story.state, "s0").length, 1);
});

test("device time is the same in leases, ledger and statements", () => {
  const story = new Story(2, 1);
  story.ok({ type: "setProject", name: "lab", parent: null, shares: 1 });
  const jobs = [story.submit(), story.submit(spec({ project: "lab" })), story.submit()];
  for (const [i, jobId] of jobs.entries()) story.ends(jobId, itself(0, 1_000 * (i + 1) + 1));
  const { ledger, leases } = story.state;
  const leased = [...leases.values()].reduce((sum, { end }) => sum + end!.usage.deviceMs, 0);
  assert.equal(leased, 6_003);
  assert.equal(statement(ledger).totals.deviceMs, leased);
  const of = (filter: object) => statement(ledger, filter).totals.deviceMs;
  assert.equal(of({ member: "m0" }) + of({ member: "m1" }), leased);
  assert.equal(of({ project: "lab" }), 2_001);
});

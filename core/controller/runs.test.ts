// Tests of spanning runs: from the first model to the last merge, with sites that come and go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { statement } from "../ledger/index.ts";
import type { JobSpec } from "../pool/index.ts";
import { DEFAULT_OFFER, LIMITS } from "../pool/index.ts";
import {
  type AggregateRow,
  assignmentOf,
  codedBytes,
  pendingAggregation,
  splitRanges,
} from "../training/index.ts";
import type { RunInput } from "./index.ts";
import { ended, itself, node, runSpec, Story } from "./story.testing.ts";

const PARAMETERS = 1_000;
const CONTEXT = 16;
const GATHER_MS = 3_000;
const LINK = { rttMs: 20, upMbitPerS: 20, downMbitPerS: 20 };

const prepare = (jobId: string) =>
  ({
    type: "prepareRun",
    jobId,
    parameters: PARAMETERS,
    windows: 300,
    batchSizes: [1, 2, 4, 8, 16, 32],
    modelDigest: "m",
    modelBlob: "b",
    heldOutLoss: 5,
  }) as const;

/** A run with its first model and a worker at each of its sites. */
function started(story: Story, job: JobSpec = runSpec()): string {
  const jobId = story.submit(job);
  assert.equal(story.job(jobId).leaseIds.length, 0, "no site before the first model");
  story.ok(prepare(jobId));
  story.ok({ type: "schedule" });
  for (const leaseId of story.job(jobId).leaseIds) arrives(story, jobId, leaseId);
  gathers(story);
  return jobId;
}

/** The run waits a little for others that come at the same time. */
function gathers(story: Story): void {
  story.pass(GATHER_MS, ...story.state.sites.keys());
}

function arrives(story: Story, jobId: string, leaseId: string): void {
  story.report(leaseId, { kind: "running" });
  const { siteId } = story.lease(leaseId).lease;
  story.run(jobId, { type: "site.available", siteId, link: LINK });
}

function machineOf(story: Story, jobId: string) {
  const run = story.state.runs.get(jobId);
  assert.ok(run !== undefined);
  return run.machine;
}

/** The honest offer of a site for its stretch. */
function offer(story: Story, jobId: string, siteId: string, blob = "x"): RunInput {
  const asked = assignmentOf(machineOf(story, jobId), siteId);
  assert.ok(asked !== undefined, `${siteId} has a stretch`);
  const { round, innerSteps, batch, codec, modelDigest, dataRange } = asked;
  return {
    type: "contribution.offered",
    ...{ siteId, round, innerSteps, batch, codec, modelDigest },
    tokens: innerSteps * batch * CONTEXT,
    computeMs: 900,
    transferMs: 50,
    blob: `${siteId}@${round}${blob}`,
    bytes: codedBytes(codec, PARAMETERS),
    dataRange: splitRanges(dataRange, innerSteps * batch)[0],
    meanLoss: 3,
  };
}

function aggregated(story: Story, jobId: string, verdict: AggregateRow["verdict"] = "passed") {
  const request = pendingAggregation(machineOf(story, jobId));
  assert.ok(request !== undefined, "a round waits for its merge");
  const { round } = request;
  const rows = request.contributions.map(({ contributionId, siteId }) => {
    const numbers = { norm: 1, clipFactor: 1, lossBefore: 2, lossAfter: 2 };
    return { contributionId, siteId, ...numbers, verdict, reason: null };
  });
  const model = { modelDigest: `m${round}`, modelBlob: `b${round}`, stepBlob: `s${round}` };
  const numbers = { heldOutLoss: 4, bytesDown: 1_020, checkpointBlob: null };
  return { type: "round.aggregated", round, ...model, ...numbers, rows } as const;
}

/** One round in which everybody who was asked delivers. */
function playRound(story: Story, jobId: string): void {
  story.atMs += 1_000;
  for (const { siteId } of [...machineOf(story, jobId).assignments]) {
    story.run(jobId, offer(story, jobId, siteId));
  }
  story.run(jobId, aggregated(story, jobId));
}

test("a run takes every site, merges its rounds, and completes when its workers have gone", () => {
  const story = new Story(1, 1, 1);
  const jobId = started(story);
  assert.equal(story.job(jobId).leaseIds.length, 3);
  assert.equal(
    new Set(story.job(jobId).leaseIds.map((id) => story.lease(id).lease.siteId)).size,
    3,
  );
  playRound(story, jobId);
  assert.equal(story.job(jobId).stage, "active");
  playRound(story, jobId);
  const machine = machineOf(story, jobId);
  assert.equal(machine.phase.kind, "finished");
  for (const leaseId of story.job(jobId).leaseIds) {
    assert.equal(story.lease(leaseId).stop?.outcome, "released");
    story.report(leaseId, itself(0, 60_000));
  }
  const job = story.job(jobId);
  assert.deepEqual([job.stage, job.outcome, job.message], ["ended", "completed", "rounds reached"]);
  story.ok({ type: "schedule" });
  assert.equal(job.leaseIds.length, 3, "a run that is over takes no site");
  story.check();
});

test("the books hold each site's part of a round once, whole, with its tokens", () => {
  const story = new Story(1, 1);
  const jobId = started(story);
  playRound(story, jobId);
  playRound(story, jobId);
  const { totals, tokensMerged } = machineOf(story, jobId);
  for (const { siteId, roundsMerged, ...sums } of totals) {
    const member = story.state.sites.get(siteId)!.member;
    const booked = statement(story.state.ledger, { member }).totals;
    assert.equal(booked.contributions, roundsMerged);
    assert.equal(booked.tokens, sums.tokensMerged);
    assert.equal(booked.computeMs, sums.computeMs);
    assert.equal(booked.bytesUp, sums.bytesUp);
    assert.equal(booked.bytesDown, sums.bytesDown);
  }
  assert.equal(statement(story.state.ledger).totals.tokens, tokensMerged);
  assert.ok(tokensMerged > 0);
});

test("what was sent but never merged is in the books when the run ends", () => {
  const story = new Story(1, 1);
  const jobId = started(story);
  story.run(jobId, offer(story, jobId, "s0"));
  story.ok({ type: "cancel", jobId });
  for (const leaseId of story.job(jobId).leaseIds) story.report(leaseId, ended("stop"));
  assert.equal(story.job(jobId).outcome, "cancelled");
  const { totals } = statement(story.state.ledger);
  assert.deepEqual([totals.computeMs, totals.tokens], [900, 0]);
  assert.equal(totals.bytesUp, machineOf(story, jobId).totals[0]!.bytesUp);
  story.check();
});

test("a contribution is merged once, however often it is offered or the merge is told", () => {
  const story = new Story(1);
  const jobId = started(story);
  const first = offer(story, jobId, "s0");
  story.run(jobId, first);
  story.run(jobId, first);
  assert.deepEqual(story.events, []);
  story.run(jobId, { ...first, blob: "another" } as RunInput);
  assert.match(JSON.stringify(story.events), /"contribution.refused".*"CONTRIBUTION_REPEATED"/);
  const merge = aggregated(story, jobId);
  story.run(jobId, merge);
  const tokens = machineOf(story, jobId).tokensMerged;
  story.run(jobId, merge);
  assert.equal(machineOf(story, jobId).tokensMerged, tokens);
});

test("the rounds that people see hold each member's part and verdict", () => {
  const story = new Story(1, 1);
  const jobId = started(story);
  story.run(jobId, offer(story, jobId, "s0"));
  story.run(jobId, offer(story, jobId, "s1"));
  story.run(jobId, aggregated(story, jobId, "gate-failed"));
  const [round] = story.state.runs.get(jobId)!.rounds;
  assert.equal(round!.round, 1);
  assert.deepEqual(
    round!.rows.map(({ siteId, share }) => [siteId, share]),
    [
      ["s0", 0],
      ["s1", 0],
    ],
  );
  for (const { verdict } of round!.rows) assert.notEqual(verdict, "merged");
  playRound(story, jobId);
  const last = story.state.runs.get(jobId)!.rounds.at(-1)!;
  assert.deepEqual(
    last.rows.map(({ verdict }) => verdict),
    ["merged", "merged"],
  );
  assert.ok(Math.abs(last.rows.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
});

test("a run goes on without a site that is lost, and takes it again when it is back", () => {
  const story = new Story(1, 1);
  const jobId = started(story);
  const lost = story.job(jobId).leaseIds.find((id) => story.lease(id).lease.siteId === "s1")!;
  story.pass(LIMITS.LEASE_HORIZON_MS + LIMITS.LEASE_MARGIN_MS + 1_000, "s0");
  assert.equal(story.endOf(lost).outcome, "lost");
  assert.deepEqual([story.job(jobId).stage, story.job(jobId).leaseIds.length], ["active", 2]);
  playRound(story, jobId);
  story.ok({ type: "siteAway", siteId: "s1", reason: "silent" });
  story.ok({ type: "siteHere", siteId: "s1", agentVersion: "1" });
  story.ok({ type: "schedule" });
  assert.equal(story.newest(jobId).lease.siteId, "s1");
  arrives(story, jobId, story.newest(jobId).lease.leaseId);
  playRound(story, jobId);
  assert.equal(machineOf(story, jobId).phase.kind, "finished");
});

test("a run goes on at once without a tab that was closed", () => {
  const story = new Story(1);
  story.site("ana", "tab", [node("n", 1)], "browser");
  const jobId = started(story);
  story.ok({ type: "siteLeft", siteId: "tab", reason: "its tab was closed" });
  assert.ok(machineOf(story, jobId).sites.some(({ siteId, here }) => siteId === "tab" && !here));
  playRound(story, jobId);
});

test("a run whose last site went away waits for the next one", () => {
  const story = new Story(1);
  const jobId = started(story);
  story.report(story.newest(jobId).lease.leaseId, ended("lost"));
  assert.equal(story.job(jobId).stage, "queued");
  assert.match(story.job(jobId).message, /waits for a site/);
  story.ok({ type: "schedule" });
  assert.equal(story.newest(jobId).lease.attempt, 2);
  story.report(story.newest(jobId).lease.leaseId, ended("lost"));
  story.ok({ type: "cancel", jobId });
  assert.equal(story.job(jobId).message, "cancelled while it waited");
});

test("a run fails when its workers fail three times in a row at each of its sites", () => {
  const story = new Story(1, 1);
  const jobId = started(story);
  for (let i = 0; i < 6; i += 1) {
    assert.equal(story.job(jobId).stage, "active", `after ${i} failures`);
    const open = story.job(jobId).leaseIds.find((id) => story.lease(id).stage !== "ended")!;
    story.report(open, itself(1));
    story.ok({ type: "schedule" });
  }
  assert.equal(story.job(jobId).outcome, "failed");
  assert.match(story.job(jobId).message, /its workers failed/);
});

test("a worker that delivers in between has not failed in a row", () => {
  const story = new Story(1);
  const jobId = started(story, { ...runSpec(), run: { ...runSpec().run!, stop: { rounds: 9 } } });
  for (let i = 0; i < 5; i += 1) {
    playRound(story, jobId);
    story.ends(jobId, itself(1));
    assert.equal(story.job(jobId).stage, "active", `after ${i + 1} failures`);
    arrives(story, jobId, story.newest(jobId).lease.leaseId);
    gathers(story);
  }
});

test("a run that reaches its time limit ends so when its last site has stopped", () => {
  const story = new Story(1);
  const jobId = started(story);
  story.ends(jobId, ended("walltime"));
  assert.equal(story.job(jobId).outcome, "timeout");
});

test("no more members than asked for take part", () => {
  const story = new Story(1, 1, 1);
  const base = runSpec();
  const jobId = started(story, { ...base, run: { ...base.run!, maxMembers: 2 } });
  assert.equal(story.job(jobId).leaseIds.length, 2);
  story.ok({ type: "schedule" });
  assert.equal(story.job(jobId).leaseIds.length, 2);
});

test("a site that left for good is replaced by another, also when members are limited", () => {
  const story = new Story(1, 1);
  const base = runSpec();
  const jobId = started(story, { ...base, run: { ...base.run!, maxMembers: 1 } });
  const { siteId } = story.newest(jobId).lease;
  story.ok({ type: "siteAway", siteId, reason: "silent" });
  story.report(story.newest(jobId).lease.leaseId, ended("lost"));
  story.ok({ type: "schedule" });
  const next = story.newest(jobId).lease;
  assert.notEqual(next.siteId, siteId);
  arrives(story, jobId, next.leaseId);
  gathers(story);
  assert.ok(assignmentOf(machineOf(story, jobId), next.siteId) !== undefined);
});

test("a run that cannot be prepared fails with the reason, a prepared one does not", () => {
  const story = new Story(1);
  const jobId = story.submit(runSpec());
  story.ok({ type: "failRun", jobId, message: "its text is missing" });
  assert.deepEqual(
    [story.job(jobId).outcome, story.job(jobId).message],
    ["failed", "its text is missing"],
  );
  story.ok(prepare(jobId));
  assert.deepEqual(story.events, [], "a run that is over is not prepared");
  const second = started(story);
  story.ok({ type: "failRun", jobId: second, message: "late" });
  assert.deepEqual(story.events, []);
  story.ok(prepare(second));
  assert.deepEqual(story.events, [], "a run is prepared once");
});

test("what is no run, or is over, is refused", () => {
  const story = new Story(1);
  const batch = story.submit();
  for (const jobId of ["99", batch]) {
    assert.equal(story.refused(prepare(jobId)), "NOT_FOUND");
    assert.equal(story.refused({ type: "failRun", jobId, message: "no" }), "NOT_FOUND");
    assert.equal(story.refused({ type: "run", jobId, input: { type: "pause" } }), "NOT_FOUND");
  }
  story.ends(batch, itself(0));
  const jobId = started(story);
  const late = offer(story, jobId, "s0");
  story.ok({ type: "cancel", jobId });
  story.ends(jobId, ended("stop"));
  assert.equal(story.refused({ type: "run", jobId, input: late }), "WRONG_STATE");
});

test("a run that is stopped keeps what it merged and is completed", () => {
  const story = new Story(1);
  const jobId = started(story);
  playRound(story, jobId);
  story.run(jobId, { type: "stop" });
  story.ends(jobId, ended("stop"));
  const job = story.job(jobId);
  assert.deepEqual([job.outcome, job.message], ["completed", "stopped"]);
  assert.equal(machineOf(story, jobId).model.digest, "m1");
});

test("a stop that meets a run without sites ends it at once", () => {
  const story = new Story(1);
  const jobId = started(story);
  story.report(story.newest(jobId).lease.leaseId, ended("lost"));
  story.run(jobId, { type: "stop" });
  assert.deepEqual([story.job(jobId).stage, story.job(jobId).outcome], ["ended", "completed"]);
});

test("the time of a restart does not count for the minutes of a run", () => {
  const story = new Story(1);
  const base = runSpec();
  const jobId = started(story, { ...base, run: { ...base.run!, stop: { minutes: 5 } } });
  playRound(story, jobId);
  story.atMs += 3_600_000;
  story.ok({ type: "boot" });
  story.pass(30_000, "s0");
  // Its stretch expired meanwhile; the worker asks for the next one.
  story.run(jobId, { type: "site.available", siteId: "s0", link: LINK });
  gathers(story);
  assert.equal(machineOf(story, jobId).phase.kind, "open", "four minutes are left");
  story.pass(300_000, "s0");
  const { phase } = machineOf(story, jobId);
  assert.equal(phase.kind === "finished" && phase.reason, "time is up");
  story.check();
});

test("a merge that was under way when the control plane died is asked for again", () => {
  const story = new Story(1);
  const jobId = started(story);
  story.run(jobId, offer(story, jobId, "s0"));
  story.ok({ type: "boot" });
  const request = pendingAggregation(machineOf(story, jobId));
  assert.equal(request?.contributions.length, 1);
  story.run(jobId, aggregated(story, jobId));
  assert.equal(machineOf(story, jobId).roundsMerged, 1);
});

test("the next round is planned by what owners let training use of their links at its hour", () => {
  const story = new Story(1, 1);
  const [siteId] = [...story.state.sites.keys()];
  const { member } = story.state.sites.get(siteId!)!;
  const minuteMs = 60_000;
  // Bounded in every second minute of the week, so that some round begins on either side.
  const spans = Array.from({ length: 5_040 }, (_, i) => ({ from: 2 * i, to: 2 * i + 1 }));
  const hours = { zone: "UTC", windows: [], spans, offsets: [{ fromMs: 0, minutes: 0 }] };
  const bandwidth = [{ hours, upMbitPerS: 2 }];
  const offer = { ...DEFAULT_OFFER, bandwidth };
  story.ok({ type: "setOffer", name: member, siteId: null, offer });
  const { run } = runSpec();
  const jobId = started(story, runSpec({ run: { ...run!, stop: { rounds: 20 } } }));
  const linkOf = () => machineOf(story, jobId).sites.find((one) => one.siteId === siteId)!.link;
  const seen = new Set<number | undefined>();
  for (let round = 0; round < 6; round += 1) {
    playRound(story, jobId);
    const bounded = Math.floor(story.state.nowMs / minuteMs) % 2 === 0;
    assert.equal(linkOf().upCapMbitPerS, bounded ? 2 : undefined);
    seen.add(linkOf().upCapMbitPerS);
    story.pass(minuteMs / 2, ...story.state.sites.keys());
  }
  assert.equal(seen.size, 2, "both kinds of minutes were met");
  const other = machineOf(story, jobId).sites.find((one) => one.siteId !== siteId)!;
  assert.equal(other.link.upCapMbitPerS, undefined);
});

// Tests of the life of jobs: admission and its refusals, arrays, dependencies, cancelling.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dependency } from "../pool/index.ts";
import { LIMITS } from "../pool/index.ts";
import { apply, decodeState, encodeState, taskSpec } from "./index.ts";
import { ended, itself, node, Story, spec } from "./story.testing.ts";

const key = (name: string, digest: string) => ({ key: name, digest });
const after = (kind: Dependency["kind"], jobId: string) =>
  spec({ dependencies: [{ kind, jobId }] });

test("a job that fits starts, runs and is completed", () => {
  const story = new Story(1);
  const jobId = story.submit();
  const { lease } = story.newest(jobId);
  assert.ok(lease.reason.length > 0);
  assert.deepEqual([lease.attempt, lease.fence, lease.siteId], [1, 1, "s0"]);
  story.report(lease.leaseId, { kind: "starting" });
  assert.equal(story.newest(jobId).stage, "starting");
  story.atMs += 500;
  story.runs(jobId);
  story.report(lease.leaseId, { kind: "running" });
  assert.deepEqual(story.events, [], "saying it twice changes nothing");
  story.report(lease.leaseId, { kind: "starting" });
  assert.equal(story.newest(jobId).stage, "running", "late words change nothing");
  story.ends(jobId, itself(0, 2_000));
  const job = story.job(jobId);
  assert.deepEqual([job.stage, job.outcome, job.exitCode], ["ended", "completed", 0]);
  assert.deepEqual(story.endOf(lease.leaseId).usage, {
    ...{ ranMs: 2_000, deviceMs: 2_000, cpuMs: 1_000 },
  });
  story.check();
});

test("a job whose task fails is failed with its exit code, and is not tried again", () => {
  const story = new Story(1);
  const jobId = story.submit();
  story.ends(jobId, itself(7));
  const job = story.job(jobId);
  assert.deepEqual([job.outcome, job.exitCode, job.leaseIds.length], ["failed", 7, 1]);
});

test("the same key and request are one job, also for an array", () => {
  const story = new Story(1);
  const input = { type: "submit", spec: spec(), array: null, key: key("k", "d") } as const;
  const first = story.ok(input);
  assert.deepEqual(story.ok(input), first);
  assert.equal(story.state.jobs.size, 1);
  const array = { indices: [3, 5], maxRunning: 2 };
  const many = { ...input, array, key: key("k2", "d2") };
  const answer = story.ok(many);
  assert.deepEqual(answer, { jobId: "2", tasks: 2 });
  assert.deepEqual(story.ok(many), answer);
  assert.equal(story.state.jobs.size, 3);
});

test("the same key with another request is refused", () => {
  const story = new Story(1);
  const input = { type: "submit", spec: spec(), array: null } as const;
  story.ok({ ...input, key: key("k", "d") });
  assert.equal(story.refused({ ...input, key: key("k", "other") }), "IDEMPOTENCY_MISMATCH");
});

test("of too many idempotency keys the oldest is forgotten", () => {
  const story = new Story(1);
  for (let i = 0; i < LIMITS.IDEMPOTENCY_KEYS_MAX; i += 1) {
    story.state.keys.set(`old-${i}`, { digest: "d", jobId: "1" });
  }
  const event = { type: "job.submitted", jobId: "1", spec: spec(), place: null } as const;
  apply(story.state, { ...event, key: key("new", "d") }, story.atMs);
  assert.equal(story.state.keys.size, LIMITS.IDEMPOTENCY_KEYS_MAX);
  assert.ok(!story.state.keys.has("old-0") && story.state.keys.has("new"));
});

test("what can never be served is refused at once", () => {
  const story = new Story(2);
  const submit = (change: Parameters<typeof spec>[0]) =>
    story.refused({ type: "submit", spec: spec(change), array: null, key: null });
  assert.equal(submit({ resources: { accelerators: 3 } }), "IMPOSSIBLE_REQUEST");
  assert.equal(submit({ resources: { vendor: "AMD" } }), "IMPOSSIBLE_REQUEST");
  assert.equal(submit({ count: 3 }), "IMPOSSIBLE_REQUEST");
  assert.equal(submit({ project: "nobody" }), "PROJECT_UNKNOWN");
  assert.equal(submit({ dependencies: [{ kind: "afterok", jobId: "99" }] }), "DEPENDENCY_UNKNOWN");
  const nobody = { members: ["nobody"], excludeMembers: [], labels: {} };
  assert.equal(submit({ constraints: nobody }), "NOT_FOUND");
  assert.equal(
    submit({ constraints: { ...nobody, members: [], excludeMembers: ["nobody"] } }),
    "NOT_FOUND",
  );
});

test("a queue that is full takes no further job", () => {
  const story = new Story(1);
  const { queue } = story.state;
  for (let i = 0; i < LIMITS.QUEUE_JOBS_MAX - 1; i += 1) queue.set(`x${i}`, true);
  const two = { indices: [0, 1], maxRunning: 2 };
  const { outcome } = story.give({ type: "submit", spec: spec(), array: two, key: null });
  assert.ok(!outcome.ok && outcome.code === "TOO_MANY");
  story.ok({ type: "submit", spec: spec(), array: null, key: null });
});

test("an array runs at most so many tasks at one time, each with its index", () => {
  const story = new Story(4);
  const array = { indices: [2, 4, 8], maxRunning: 2 };
  story.ok({ type: "submit", spec: spec({ env: { A: "b" } }), array, key: null });
  story.ok({ type: "schedule" });
  assert.deepEqual(story.state.arrays.get("1"), ["1_2", "1_4", "1_8"]);
  const active = () => [...story.state.jobs.values()].filter((job) => job.stage === "active");
  assert.deepEqual(
    active().map((job) => job.jobId),
    ["1_2", "1_4"],
  );
  assert.deepEqual(taskSpec(story.state, story.job("1_4")).groups[0]!.env, {
    A: "b",
    SLURM_ARRAY_JOB_ID: "1",
    SLURM_ARRAY_TASK_ID: "4",
    SLURM_ARRAY_TASK_COUNT: "3",
    SLURM_ARRAY_TASK_MIN: "2",
    SLURM_ARRAY_TASK_MAX: "8",
  });
  story.ends("1_2", itself(0));
  assert.deepEqual(
    active().map((job) => job.jobId),
    ["1_4", "1_8"],
  );
  assert.equal(story.submit(spec(), false), "2", "an array takes one number");
  story.check();
});

test("a job waits until the jobs that it depends on ended as it asks", () => {
  const outcomes = { afterok: itself(0), afternotok: itself(1), afterany: itself(1) } as const;
  for (const [kind, how] of Object.entries(outcomes)) {
    const story = new Story(2);
    const first = story.submit();
    story.runs(first);
    const second = story.submit(after(kind as Dependency["kind"], first));
    assert.equal(story.job(second).stage, "queued", kind);
    story.ends(first, how);
    assert.equal(story.job(second).stage, "active", kind);
  }
});

test("a job that waits for another's start goes when that starts, without any other event", () => {
  const story = new Story(2);
  const first = story.submit();
  const second = story.submit(after("after", first));
  assert.equal(story.job(second).stage, "queued", "a lease is no start yet");
  story.ok({ type: "tick" });
  assert.equal(story.wantsSchedule, false);
  story.runs(first);
  story.ok({ type: "tick" });
  assert.equal(story.wantsSchedule, true, "the tick calls for the scheduler");
  story.ok({ type: "schedule" });
  assert.equal(story.job(second).stage, "active");
  story.ok({ type: "tick" });
  assert.equal(story.wantsSchedule, false, "and not again once it has started");
});

test("a dependency that can never be satisfied ends the job, and those that wait for it", () => {
  const story = new Story(1);
  const first = story.submit();
  const second = story.submit(after("afterok", first));
  const third = story.submit(after("afterok", second));
  const fourth = story.submit(after("afterany", third));
  story.ends(first, itself(1));
  story.ok({ type: "tick" });
  assert.equal(story.job(second).outcome, "dependency");
  assert.match(story.job(second).message, /afterok:1 can never be satisfied/);
  story.ok({ type: "tick" });
  assert.equal(story.job(third).outcome, "dependency");
  story.ok({ type: "schedule" });
  assert.equal(story.job(fourth).stage, "active");
});

test("a dependency on an array waits for all of its tasks", () => {
  const story = new Story(2);
  const array = { indices: [0, 1], maxRunning: 2 };
  story.ok({ type: "submit", spec: spec(), array, key: null });
  story.ok({ type: "schedule" });
  const second = story.submit(after("afterok", "1"));
  story.ends("1_0", itself(0));
  assert.equal(story.job(second).stage, "queued");
  story.ends("1_1", itself(0));
  assert.equal(story.job(second).stage, "active");
});

test("a job that waits is cancelled at once", () => {
  const story = new Story(1);
  story.submit();
  const second = story.submit();
  assert.deepEqual(story.ok({ type: "cancel", jobId: second }), { cancelled: [second] });
  const job = story.job(second);
  assert.deepEqual([job.stage, job.outcome], ["ended", "cancelled"]);
  assert.equal(job.message, "cancelled before it started");
  assert.deepEqual(story.ok({ type: "cancel", jobId: second }), { cancelled: [] });
  assert.equal(story.refused({ type: "cancel", jobId: "99" }), "NOT_FOUND");
});

test("a job that is leased, starting or running is stopped, and then is cancelled", () => {
  for (const stage of ["leased", "starting", "running"] as const) {
    const story = new Story(1);
    const jobId = story.submit();
    const { leaseId } = story.newest(jobId).lease;
    if (stage !== "leased") story.report(leaseId, { kind: stage });
    story.ok({ type: "cancel", jobId });
    assert.equal(story.lease(leaseId).stop?.outcome, "cancelled", stage);
    assert.equal(story.job(jobId).stage, "active", "not over before the site says so");
    assert.deepEqual(story.ok({ type: "cancel", jobId }), { cancelled: [] });
    story.ends(jobId, ended("stop"));
    assert.deepEqual([story.job(jobId).outcome, story.job(jobId).attempts], ["cancelled", 1]);
    story.check();
  }
});

test("a task that ended by itself before the cancel reached it counts as it ended", () => {
  const story = new Story(1);
  const jobId = story.submit();
  story.ok({ type: "cancel", jobId });
  story.ends(jobId, itself(0));
  assert.equal(story.job(jobId).outcome, "completed");
});

test("a cancelled job whose site is lost is not started again", () => {
  const story = new Story(1, 1);
  const jobId = story.submit();
  story.runs(jobId);
  story.ok({ type: "cancel", jobId });
  story.pass(2 * LIMITS.LEASE_HORIZON_MS);
  assert.deepEqual([story.job(jobId).outcome, story.job(jobId).attempts], ["cancelled", 1]);
});

test("cancelling an array ends every task that has not ended", () => {
  const story = new Story(1);
  const array = { indices: [0, 1, 2], maxRunning: 3 };
  story.ok({ type: "submit", spec: spec(), array, key: null });
  story.ok({ type: "schedule" });
  story.ends("1_0", itself(0));
  assert.deepEqual(story.ok({ type: "cancel", jobId: "1" }), { cancelled: ["1_1", "1_2"] });
  assert.equal(story.job("1_0").outcome, "completed");
  assert.equal(story.job("1_2").outcome, "cancelled");
  assert.equal(story.job("1_1").stage, "active");
});

test("a job of higher priority preempts one that may be, which waits and runs again", () => {
  const story = new Story(1);
  const low = story.submit(spec({ preemptible: true, priority: 50 }));
  const lease = story.runs(low);
  const high = story.submit(spec({ priority: 200 }));
  assert.equal(story.lease(lease).stop?.outcome, "preempted");
  assert.match(story.lease(lease).stop?.reason ?? "", /2/, "the reason names the other job");
  story.ends(low, ended("stop", 4_000));
  assert.equal(story.endOf(lease).outcome, "preempted");
  assert.deepEqual([story.job(high).stage, story.job(low).stage], ["active", "queued"]);
  story.ends(high, itself(0));
  assert.equal(story.newest(low).lease.attempt, 2);
  assert.ok(story.newest(low).lease.fence > story.lease(lease).lease.fence);
  story.ends(low, itself(0));
  assert.equal(story.job(low).outcome, "completed");
  story.check();
});

test("no accelerator is leased twice: the next job waits until one is given back", () => {
  const story = new Story(2);
  const ids = [story.submit(), story.submit(), story.submit()];
  const held = ids.slice(0, 2).map((id) => story.newest(id).lease.placements[0]!.acceleratorIds[0]);
  assert.deepEqual(held.toSorted(), ["gpu0", "gpu1"]);
  assert.equal(story.job(ids[2]!).stage, "queued");
  story.ends(ids[1]!, itself(0));
  assert.deepEqual(story.newest(ids[2]!).lease.placements[0]!.acceleratorIds, [held[1]]);
});

test("a gang starts whole, with one placement for each of its tasks", () => {
  const story = new Story();
  story.site("m0", "s0", [node("a", 2), node("b", 1)]);
  const jobId = story.submit(spec({ count: 3 }));
  const { placements } = story.newest(jobId).lease;
  assert.deepEqual(placements.map(({ node: name }) => name).toSorted(), ["a", "a", "b"]);
});

test("a snapshot keeps whatever users call their variables", () => {
  const story = new Story(1);
  const env = { $map: "x", __proto__x: "y", constructor: "z" };
  const jobId = story.submit(spec({ env }));
  const again = decodeState(encodeState(story.state));
  assert.equal(encodeState(again), encodeState(story.state));
  assert.deepEqual(again.jobs.get(jobId)!.spec.groups[0]!.env, env);
});

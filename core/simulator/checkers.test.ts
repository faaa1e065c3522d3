// Tests of the checkers themselves, each with a story in which the rule is kept and one in which
// it is broken.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../controller/index.ts";
import { emptyState } from "../controller/index.ts";
import { Story, spec } from "../controller/story.testing.ts";
import { checkBooks, checkEvent, checkRest, RealityChecker } from "./checkers.ts";
import { RunChecker } from "./run-checker.ts";
import type { Held } from "./site.ts";

const held = (leaseId: string, jobId: string, ...accelerators: string[]): Held => ({
  ...{ leaseId, jobId, fence: 1, accelerators, startedMs: 0, durationMs: 1, walltimeMs: 1 },
  ...{ exitCode: 0, stopAtMs: undefined, worker: undefined },
});

test("one job on two sites at one time is found out, and one after the other is fine", () => {
  const checker = new RealityChecker();
  checker.onRun("s0", held("L1", "1"));
  assert.throws(() => checker.onRun("s1", held("L2", "1")), /job 1 runs once at a time/);
  checker.onEnd("s0", held("L1", "1"), 5);
  checker.onRun("s1", held("L2", "1"));
});

test("two leases on one accelerator at one time are found out", () => {
  const checker = new RealityChecker();
  checker.onRun("s0", held("L1", "1", "s0/n/gpu0"));
  checker.onRun("s0", held("L2", "2", "s0/n/gpu1"));
  assert.throws(() => checker.onRun("s0", held("L3", "3", "s0/n/gpu1")), /one lease at a time/);
});

/** The event of the newest grant, in the state that it led to. */
function granted(story: Story): Event {
  const event = story.events.find(({ type }) => type === "lease.granted");
  assert.ok(event !== undefined);
  return event;
}

test("an accelerator that is leased twice is found out", () => {
  const story = new Story(2);
  story.submit();
  const first = granted(story);
  checkEvent(story.state, first);
  story.submit();
  const second = granted(story);
  checkEvent(story.state, second);
  const [one, two] = [...story.state.leases.values()];
  Object.assign(two!.lease.placements[0]!, {
    acceleratorIds: one!.lease.placements[0]!.acceleratorIds,
  });
  assert.throws(() => checkEvent(story.state, second), /leased once at a time/);
});

test("a lease before its dependency, or without a reason, is found out", () => {
  const story = new Story(2);
  const first = story.submit();
  story.submit(spec());
  const event = granted(story);
  checkEvent(story.state, event);
  assert.ok(event.type === "lease.granted");
  const job = story.state.jobs.get(event.lease.jobId)!;
  Object.assign(job.spec, { dependencies: [{ kind: "afterok", jobId: first }] });
  assert.throws(() => checkEvent(story.state, event), /dependencies are respected/);
  const mute = { ...event, lease: { ...event.lease, reason: "" } };
  assert.throws(() => checkEvent(story.state, mute), /no lease without its reason/);
});

test("books that differ from the leases, or from what really ran, are found out", () => {
  const story = new Story(1);
  const jobId = story.submit();
  const { leaseId } = story.newest(jobId).lease;
  const report = {
    kind: "ended",
    exitCode: 0,
    signal: null,
    ranMs: 50,
    endedBy: "itself",
    message: "",
  } as const;
  story.report(leaseId, report);
  checkBooks(story.state, new Map([[leaseId, 50]]));
  assert.throws(() => checkBooks(story.state, new Map([[leaseId, 51]])), /as it really ran/);
  const lease = story.lease(leaseId);
  lease.end = { ...lease.end!, usage: { ...lease.end!.usage, deviceMs: 49 } };
  assert.throws(() => checkBooks(story.state, new Map()), /the same device time/);
});

test("a job that has not ended when the world is at rest is found out", () => {
  const story = new Story(1);
  checkRest(story.state);
  story.submit();
  assert.throws(() => checkRest(story.state), /job 1 reaches an end \(it is active\)/);
});

const range = { pass: 0, from: 0, to: 4 };
const prepared = { type: "run.prepared", jobId: "1" } as unknown as Event;
const advanced = (event: object): Event =>
  ({ type: "run.advanced", jobId: "1", event }) as unknown as Event;
const accepted = (contributionId: string, dataRange = [range]): Event =>
  advanced({ type: "contribution.accepted", contribution: { contributionId, dataRange } });
const merged = (...ids: readonly string[]): Event =>
  advanced({
    type: "round.merged",
    rows: ids.map((contributionId) => ({
      ...{ contributionId, weight: 8, tokens: 8, share: 1 / ids.length },
    })),
  });

test("a contribution that is accepted or merged twice is found out", () => {
  const checker = new RunChecker();
  for (const event of [prepared, accepted("a@1"), merged("a@1")]) checker.onEvent(event);
  assert.throws(() => checker.onEvent(accepted("a@1")), /is accepted once/);
  assert.throws(() => checker.onEvent(merged("a@1")), /is merged once/);
  assert.throws(() => checker.onEvent(merged("b@1")), /was accepted before its merge/);
});

test("a window that counts twice in one pass is found out, in two passes it is fine", () => {
  const checker = new RunChecker();
  for (const event of [prepared, accepted("a@1"), merged("a@1")]) checker.onEvent(event);
  checker.onEvent(accepted("a@2", [{ ...range, pass: 1 }]));
  checker.onEvent(merged("a@2"));
  checker.onEvent(accepted("a@3", [{ pass: 1, from: 3, to: 6 }]));
  assert.throws(() => checker.onEvent(merged("a@3")), /window 1:3 counts once/);
});

test("shares that do not sum up are found out", () => {
  const checker = new RunChecker();
  checker.onEvent(prepared);
  const rows = [{ contributionId: "a@1", weight: 8, tokens: 8, share: 0.5 }];
  assert.throws(() => checker.onEvent(advanced({ type: "round.merged", rows })), /sum to one/);
});

test("a run that nobody saw begin is found out", () => {
  const state = emptyState();
  state.runs.set("1", { jobId: "1" } as never);
  const excuses = { failedRuns: new Set<string>(), clockJumps: 0 };
  assert.throws(() => new RunChecker().check(state, excuses), /was seen to be prepared/);
});

// Tests of deadlines and of the pool's ageing, from the request to the journal.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { latestStartMs } from "../pool/index.ts";
import { queueOf } from "./queue-index.ts";
import { itself, Story, spec } from "./story.testing.ts";

const MINUTE = 60_000;

test("a job that cannot end in time any more ends with that outcome and says when", () => {
  const story = new Story(1);
  const first = story.submit(spec({ walltimeMs: 60 * MINUTE }));
  story.runs(first);
  const due = story.submit(spec({ deadline: { afterMs: 20 * MINUTE } }));
  const late = story.submit(spec({ deadline: { atMs: story.atMs + 15 * MINUTE } }));
  story.pass(5 * MINUTE, "s0");
  assert.equal(story.job(late).stage, "queued", "it may still start at this very moment");
  story.pass(1_000, "s0");
  const { stage, outcome, message } = story.job(late);
  assert.deepEqual([stage, outcome], ["ended", "deadline"]);
  assert.match(message, /^it cannot end before its deadline any more, 1970-01-01 00:31 UTC$/);
  assert.equal(story.job(due).stage, "queued");
  story.ends(first, itself(0));
  assert.equal(story.job(due).stage, "active");
  story.pass(10 * MINUTE, "s0");
  assert.equal(story.job(due).stage, "active", "what runs is stopped by its time limit alone");
  story.check();
});

test("a schedule never starts a job that is too late, though no tick came in between", () => {
  const story = new Story(1);
  const first = story.submit();
  story.runs(first);
  const due = story.submit(spec({ deadline: { afterMs: 20 * MINUTE } }));
  story.atMs += 10 * MINUTE + 1;
  story.ends(first, itself(0));
  assert.equal(story.job(due).outcome, "deadline");
});

test("who depends on a job that missed its deadline is told, and afternotok goes on", () => {
  const story = new Story(1);
  const long = spec({ walltimeMs: 600 * MINUTE });
  story.runs(story.submit(long));
  const due = story.submit(spec({ deadline: { afterMs: 20 * MINUTE } }));
  const wants = story.submit(spec({ dependencies: [{ kind: "afterok", jobId: due }] }));
  const not = story.submit(spec({ dependencies: [{ kind: "afternotok", jobId: due }] }));
  story.pass(11 * MINUTE, "s0");
  assert.equal(story.job(wants).outcome, "dependency");
  assert.equal(story.job(not).stage, "queued");
  story.check();
});

test("a deadline that is too soon is refused, and what waits for others has one, too", () => {
  const story = new Story(1);
  const submit = (job: ReturnType<typeof spec>) =>
    ({ type: "submit", spec: job, array: null, key: null }) as const;
  const soon = spec({ deadline: { afterMs: 9 * MINUTE } });
  assert.equal(story.refused(submit(soon)), "DEADLINE_TOO_SOON");
  assert.equal(story.refused(submit(spec({ deadline: { atMs: 5 } }))), "DEADLINE_TOO_SOON");
  const first = story.submit();
  story.runs(first);
  const dependencies = [{ kind: "afterok", jobId: first }] as const;
  const due = story.submit(spec({ dependencies, deadline: { afterMs: 11 * MINUTE } }));
  story.pass(2 * MINUTE, "s0");
  assert.equal(story.job(due).outcome, "deadline");
});

test("lines of jobs with deadlines stay in their order, whatever comes and goes", () => {
  const acts = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.nat(40)), { maxLength: 40 });
  let late = 0;
  const check = fc.property(acts, (drawn) => {
    const story = new Story(1);
    for (const [kind, value] of drawn) {
      if (kind === 0) story.atMs += value * 30_000;
      const deadline =
        kind === 1 ? { afterMs: (11 + value) * MINUTE } : { atMs: story.atMs + 20 * MINUTE };
      if (kind > 0) story.submit(spec({ deadline }), value % 2 === 0);
      story.ok({ type: "tick" });
    }
    for (const { due, jobs, head, live } of queueOf(story.state).lines.values()) {
      const waiting = jobs.slice(head).filter(({ stage }) => stage === "queued");
      assert.ok(due && waiting.length === live);
      const starts = waiting.map((job) => latestStartMs(job.spec, job.submittedAtMs));
      assert.deepEqual(
        starts,
        starts.toSorted((a, b) => a - b),
      );
      assert.ok(starts.every((ms) => ms >= story.atMs));
    }
    const ended = [...story.state.jobs.values()].filter(({ outcome }) => outcome === "deadline");
    late += ended.length;
    story.check();
  });
  fc.assert(check, { numRuns: 30, seed: 5 });
  assert.ok(late > 10, `${late} were late`);
});

test("the pool's ageing is kept in the journal and decides who starts", () => {
  const story = new Story(1);
  const first = story.submit(spec({ walltimeMs: 600 * MINUTE }));
  story.runs(first);
  const low = story.submit(spec({ priority: 0 }));
  story.pass(3 * MINUTE, "s0");
  const high = story.submit(spec({ priority: 2 }));
  story.ok({ type: "setPool", ageing: { pointMs: MINUTE, pointsMax: 10 } });
  story.ok({ type: "setPool", ageing: { pointMs: MINUTE, pointsMax: 10 } });
  assert.deepEqual(story.events, [], "the same again is no event");
  story.ends(first, itself(0));
  assert.deepEqual([story.job(low).stage, story.job(high).stage], ["active", "queued"]);
  story.ok({ type: "setPool", ageing: null });
  story.check();
});

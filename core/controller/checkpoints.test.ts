// Tests of checkpoints: told by the job, kept with its lease, and what preemption makes of them.
// Also of run times, which leases teach the same way: by their events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../pool/index.ts";
import { schedulerInput } from "./index.ts";
import { itself, Story, spec } from "./story.testing.ts";

const MINUTE_MS = 60_000;

test("the lease that lost least since its checkpoint is preempted", () => {
  const story = new Story(2);
  const older = story.submit(spec({ preemptible: true }));
  story.runs(older);
  story.pass(MINUTE_MS, "s0");
  const younger = story.submit(spec({ preemptible: true }));
  story.runs(younger);
  story.pass(MINUTE_MS, "s0");
  story.ok({ type: "checkpoint", jobId: older });
  story.check();
  const { running } = schedulerInput(story.state, story.atMs);
  assert.deepEqual(
    running.map(({ jobId, checkpointAtMs }) => [jobId, checkpointAtMs]),
    [
      [older, story.atMs],
      [younger, undefined],
    ],
  );
  story.submit(spec({ priority: 900 }));
  assert.equal(story.newest(older).stage, "stopping");
  assert.equal(story.newest(younger).stage, "running");
});

test("checkpoints that come all the time are noted every few seconds only", () => {
  const story = new Story(1);
  const jobId = story.submit();
  story.runs(jobId);
  story.ok({ type: "checkpoint", jobId });
  assert.equal(story.events.length, 1);
  story.pass(LIMITS.CHECKPOINT_EVERY_MS - 1_000, "s0");
  story.ok({ type: "checkpoint", jobId });
  assert.equal(story.events.length, 0);
  story.pass(1_000, "s0");
  story.ok({ type: "checkpoint", jobId });
  assert.equal(story.events.length, 1);
});

test("a checkpoint of a job that does not run is refused with the reason", () => {
  const story = new Story(1);
  const jobId = story.submit();
  const codes = [jobId, "99"].map((id) => {
    const { outcome } = story.give({ type: "checkpoint", jobId: id });
    return outcome.ok ? "" : outcome.code;
  });
  assert.deepEqual(codes, ["WRONG_STATE", "NOT_FOUND"]);
});

test("ended leases teach how long a job runs, and the next passes a reserved job by that", () => {
  const story = new Story(2);
  const quick = spec({ name: "quick", walltimeMs: 60 * MINUTE_MS });
  const slow = spec({ name: "slow", walltimeMs: 30 * MINUTE_MS });
  for (let i = 0; i < 10; i += 1) {
    for (const [job, ranMs] of [
      [quick, MINUTE_MS],
      [slow, 20 * MINUTE_MS],
    ] as const) {
      const jobId = story.submit({ ...job, name: `${job.name}-${i}` });
      story.runs(jobId);
      story.ends(jobId, itself(0, ranMs));
    }
  }
  story.runs(story.submit({ ...slow, name: "slow-99" }));
  const wide = story.submit(spec({ count: 2 }));
  assert.equal(story.job(wide).stage, "queued");
  const next = story.submit({ ...quick, name: "quick-77" });
  const { backfill } = story.newest(next).lease;
  assert.equal(backfill?.jobId, wide);
  assert.ok(backfill.expectedMs <= story.atMs + 2 * MINUTE_MS);
  story.check();
});

test("the pool's backfill is a setting in the journal; the same again is no event", () => {
  const story = new Story(2);
  const running = story.submit();
  story.runs(running);
  const wide = story.submit(spec({ count: 2 }));
  story.ok({ type: "setPool", backfill: "none" });
  assert.deepEqual(story.events, [{ type: "pool.set", backfill: "none" }]);
  story.ok({ type: "setPool", backfill: "none" });
  assert.deepEqual(story.events, []);
  const short = story.submit(spec({ walltimeMs: 1_000 }));
  assert.deepEqual(
    [wide, short].map((id) => story.job(id).stage),
    ["queued", "queued"],
  );
  story.ok({ type: "setPool", backfill: "easy" });
  story.ok({ type: "schedule" });
  assert.equal(story.job(short).stage, "active");
  story.check();
});

// Tests of caps from the request to the journal: who may wait, who may run, and that lines of the
// queue follow when caps change while jobs wait.
import assert from "node:assert/strict";
import { test } from "node:test";
import { itself, runSpec, Story, spec } from "./story.testing.ts";

const cap = (story: Story, name: string, caps: object) =>
  story.ok({ type: "setProject", name, caps });
const stages = (story: Story, ids: readonly string[]) => ids.map((id) => story.job(id).stage);

test("a project with its queue full refuses more, arrays as a whole, and others are free", () => {
  const story = new Story(1);
  story.ok({ type: "setProject", name: "lab", shares: 3 });
  story.ok({ type: "setProject", name: "deep", parent: "lab" });
  cap(story, "lab", { maxQueuedJobs: 3, perUser: { maxQueuedJobs: 2 } });
  const submit = (project: string, user: string, tasks = 1) =>
    ({
      type: "submit",
      ...{ spec: spec({ project, user }), key: null },
      array: tasks === 1 ? null : { indices: [...Array(tasks).keys()], maxRunning: tasks },
    }) as const;
  assert.equal(story.refused(submit("deep", "ana", 4)), "QUEUE_CAP");
  story.ok(submit("deep", "ana", 2));
  assert.equal(story.refused(submit("lab", "ana")), "QUEUE_CAP", "two of one user wait");
  story.ok(submit("lab", "bo"));
  assert.equal(story.refused(submit("lab", "cy")), "QUEUE_CAP", "three of the project wait");
  story.ok(submit("default", "ana", 5));
  story.ok({ type: "schedule" });
  story.ok({ type: "cancel", jobId: "2" });
  story.ok(submit("lab", "cy"));
  story.check();
});

test("a run that has its sites does not wait any more, as far as caps go", () => {
  const story = new Story(1);
  cap(story, "default", { maxQueuedJobs: 1 });
  const run = story.submit(runSpec());
  const next = { type: "submit", spec: spec(), array: null, key: null } as const;
  assert.equal(story.refused(next), "QUEUE_CAP");
  const model = { modelDigest: "m", modelBlob: "b", heldOutLoss: 5 };
  const sizes = { parameters: 1_000, windows: 300, batchSizes: [1, 2, 4, 8, 16] };
  story.ok({ type: "prepareRun", jobId: run, ...model, ...sizes });
  story.ok({ type: "schedule" });
  assert.equal(story.job(run).stage, "active");
  story.ok(next);
  assert.equal(story.refused(next), "QUEUE_CAP");
});

test("caps hold for what waits already, and go when they are taken away", () => {
  const story = new Story(4);
  const users = ["ana", "ana", "bo", "ana"];
  const ids = users.map((user) => story.submit(spec({ user }), false));
  cap(story, "default", { perUser: { maxAccelerators: 1 } });
  const { plan } = story.give({ type: "schedule" });
  assert.deepEqual(stages(story, ids), ["active", "queued", "active", "queued"]);
  assert.equal(plan?.waits[0]?.reasons[0]?.code, "USER_CAP");
  story.runs(ids[0]!);
  story.ends(ids[0]!, itself(0));
  assert.deepEqual(stages(story, ids), ["ended", "active", "active", "queued"]);
  cap(story, "default", { perUser: { maxAccelerators: null } });
  story.ok({ type: "schedule" });
  assert.deepEqual(stages(story, ids), ["ended", "active", "active", "active"]);
  assert.deepEqual(story.state.projects.get("default"), {
    ...{ name: "default", parent: null, shares: 1 },
  });
  story.check();
});

// Proves that in a mixed run each node starts what its labels say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_OFFER } from "../pool/index.ts";
import { ordersOf } from "./index.ts";
import { runSpec, Story } from "./story.testing.ts";

test("nodes with the labels run the command, all others the embedded trainer", () => {
  const story = new Story(2, 4);
  const offer = { ...DEFAULT_OFFER, labels: { torch: "yes" } };
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
  const mixed = { ...runSpec().run!, commandOn: { torch: "yes" } };
  const jobId = story.submit(runSpec({ run: mixed }));
  const sizes = { parameters: 1_000, windows: 300, batchSizes: [1, 2, 4, 8, 16] };
  const model = { modelDigest: "m", modelBlob: "b", heldOutLoss: null };
  story.ok({ type: "prepareRun", jobId, ...model, ...sizes });
  for (let i = 0; i < 3; i += 1) story.ok({ type: "schedule" });
  const [own] = story.job(jobId).spec.groups;
  const commandsAt = (siteId: string) =>
    ordersOf(story.state, siteId).flatMap(({ tasks }) => tasks.map(({ group }) => group.command));
  assert.deepEqual(commandsAt("s0"), [own!.command]);
  assert.notDeepEqual(own!.command, ["tequio:trainer"]);
  assert.deepEqual(commandsAt("s1"), [["tequio:trainer"]]);
});

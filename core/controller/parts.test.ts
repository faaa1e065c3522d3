// Parts of accelerators in the controller: several leases on one device, what each is charged, and
// what happens when the owner does not share any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_OFFER } from "../pool/index.ts";
import { itself, Story, spec } from "./story.testing.ts";
import { nodeViews } from "./views.ts";

const half = (change: Parameters<typeof spec>[0] = {}) =>
  spec({ ...change, resources: { accelerators: 1, partMilli: 500, milliCpu: 100, memoryMiB: 1 } });

function sharing(gpus: number): Story {
  const story = new Story(gpus);
  const offer = { ...DEFAULT_OFFER, shareAccelerators: true };
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
  return story;
}

test("two halves share one accelerator, and each is charged for half of the time", () => {
  const story = sharing(1);
  const jobs = [story.submit(half()), story.submit(half()), story.submit(half())];
  assert.deepEqual(
    jobs.map((id) => story.job(id).stage),
    ["active", "active", "queued"],
  );
  const placement = { node: "n", acceleratorIds: ["gpu0"], partMilli: 500 };
  assert.deepEqual(story.newest(jobs[0]!).lease.placements, [
    { ...placement, milliCpu: 100, memoryMiB: 1 },
  ]);
  assert.deepEqual(nodeViews(story.state)[0]?.leftMilli, { gpu0: 0 });
  story.runs(jobs[0]!);
  story.ends(jobs[0]!, itself(0, 3_001));
  assert.equal(story.endOf(story.newest(jobs[0]!).lease.leaseId).usage.deviceMs, 1_500);
  assert.equal(story.job(jobs[2]!).stage, "active", "its half is free");
  const [entry] = story.state.ledger.entries;
  assert.equal(entry?.usage.deviceMs, 1_500);
  // A GPU costs ten credits an hour unless its owner says otherwise.
  assert.equal(entry?.chargeMicro, Math.floor((1_500 * 10_000_000) / 3_600_000));
  story.check();
});

test("a part is refused for ever where nobody shares, and recalled when an owner ceases to", () => {
  const story = new Story(1);
  const submit = { type: "submit", spec: half(), array: null, key: null } as const;
  assert.equal(story.refused(submit), "IMPOSSIBLE_REQUEST");
  const other = sharing(2);
  const [part, whole] = [other.submit(half()), other.submit(spec())];
  for (const jobId of [part, whole]) other.runs(jobId);
  other.ok({ type: "setOffer", name: "m0", siteId: null, offer: DEFAULT_OFFER });
  assert.match(other.newest(part).stop?.reason ?? "", /does not share its accelerators any more/);
  assert.equal(other.newest(whole).stop, null);
  other.check();
});

// A spanning run takes the sites that bring it to its target sooner, says why, and grows by the
// same rule; what its stretches and completed jobs show of devices is learned.
import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf, plan } from "../scheduler/index.ts";
import { codedBytes, pendingAggregation } from "../training/index.ts";
import { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { siteChoices } from "./span.ts";
import { encodeState } from "./state.ts";
import { itself, node, runSpec, Story, spec } from "./story.testing.ts";
import { speedsOf, throughputOf } from "./throughput.ts";
import { schedulerInput } from "./views.ts";

const PARAMETERS = 1_000_000;

const prepare = (jobId: string) =>
  ({
    type: "prepareRun",
    jobId,
    parameters: PARAMETERS,
    windows: 3_000,
    batchSizes: [1, 2, 4, 8, 16],
    modelDigest: "m",
    modelBlob: "b",
    heldOutLoss: 5,
  }) as const;

const calibrated = (story: Story, siteId: string, gemmGflops: number, mbitPerS: number): unknown =>
  story.ok({
    type: "calibration",
    siteId,
    calibration: {
      ...{ gemmGflops, memoryGBPerS: 10 },
      link: { rttMs: 20, upMbitPerS: mbitPerS, downMbitPerS: mbitPerS },
    },
  });

/** Sites of the open leases of a job, and why they were given. */
const leasesOf = (story: Story, jobId: string) =>
  story.job(jobId).leaseIds.map((leaseId) => story.lease(leaseId).lease);

const sitesOf = (story: Story, jobId: string): readonly string[] =>
  leasesOf(story, jobId)
    .map(({ siteId }) => siteId)
    .sort();

function prepared(story: Story, job = runSpec()): string {
  const jobId = story.submit(job, false);
  story.ok(prepare(jobId));
  story.ok({ type: "schedule" });
  return jobId;
}

const reasonsOf = (story: Story, jobId: string): readonly string[] =>
  plan(schedulerInput(story.state, story.atMs))
    .waits.filter((wait) => wait.jobId === jobId)
    .flatMap(({ reasons }) => reasons.map(({ code, text }) => `${code} ${text}`));

test("a site whose link would slow every round is left out, and the run says so", () => {
  const story = new Story(1, 1, 1);
  calibrated(story, "s0", 20, 500);
  calibrated(story, "s1", 20, 500);
  calibrated(story, "s2", 22, 0.3);
  const jobId = prepared(story);
  assert.deepEqual(sitesOf(story, jobId), ["s0", "s1"]);
  for (const lease of leasesOf(story, jobId)) {
    assert.match(lease.reason, /site s\d takes part: [\d,]+ tokens\/s.* sooner/);
  }
  const said = reasonsOf(story, jobId).find((reason) => reason.startsWith("SITE_LEFT_OUT"));
  const why = /site s2 left out: its 0\.3 Mbit\/s link would add .* to each round/;
  assert.match(said ?? "", why);
  const choices = siteChoices(
    story.state,
    story.job(jobId),
    plan(schedulerInput(story.state, story.atMs)),
  );
  assert.deepEqual(
    choices.map(({ siteId, taken }) => [siteId, taken]),
    [
      ["s0", true],
      ["s1", true],
      ["s2", false],
    ],
  );
  assert.match(choices[0]!.text, /site s0 takes part: .* the target is reached \d+ % sooner/);
  assert.match(choices[2]!.text, why);
  story.check();
});

test("a site that is alone is taken however slow it is, and better ones join it", () => {
  const story = new Story(1);
  calibrated(story, "s0", 1, 0.5);
  const jobId = prepared(story);
  assert.deepEqual(sitesOf(story, jobId), ["s0"]);
  story.site("m1", "s1", [node("n", 1)]);
  calibrated(story, "s1", 20, 500);
  story.ok({ type: "schedule" });
  assert.deepEqual(sitesOf(story, jobId), ["s0", "s1"]);
});

test("of more sites than a run may have the best are taken", () => {
  const story = new Story(1, 1, 1);
  calibrated(story, "s0", 5, 500);
  calibrated(story, "s1", 40, 500);
  calibrated(story, "s2", 30, 500);
  const { run, ...rest } = runSpec();
  const jobId = prepared(story, runSpec({ ...rest, run: { ...run!, maxMembers: 2 } }));
  assert.deepEqual(sitesOf(story, jobId), ["s1", "s2"]);
});

test("a site that would only come when the run is over is left out", () => {
  const story = new Story(1, 1);
  calibrated(story, "s0", 20, 500);
  // 4 MB of model at 0.5 Mbit/s are 64 s, the run lasts 60 s.
  calibrated(story, "s1", 40, 0.5);
  const { run } = runSpec();
  const job = runSpec({ run: { ...run!, stop: { minutes: 1 } } });
  const jobId = prepared(story, job);
  assert.deepEqual(sitesOf(story, jobId), ["s0"]);
  const said = reasonsOf(story, jobId).find((reason) => reason.startsWith("SITE_LEFT_OUT"));
  assert.match(said ?? "", /would fetch the model for \d+ s, and the run ends in 60 s/);
});

test("what a stretch shows of a device is known to the next run of that shape", () => {
  const story = new Story(1);
  const jobId = prepared(story);
  const { leaseId, siteId } = leasesOf(story, jobId)[0]!;
  story.report(leaseId, { kind: "running" });
  const link = { rttMs: 20, upMbitPerS: 20, downMbitPerS: 20 };
  story.run(jobId, { type: "site.available", siteId, link });
  story.pass(3_000, siteId);
  const { machine } = story.state.runs.get(jobId)!;
  const stretch = machine.assignments[0]!;
  const tokens = stretch.innerSteps * stretch.batch * machine.config.context;
  story.pass(3_000, siteId);
  story.run(jobId, {
    ...{ type: "contribution.offered", siteId, round: stretch.round, tokens },
    ...{ innerSteps: stretch.innerSteps, batch: stretch.batch, dataRange: stretch.dataRange },
    ...{ computeMs: 2_000, transferMs: 500, blob: "d", codec: stretch.codec },
    bytes: codedBytes(stretch.codec, PARAMETERS),
    ...{ modelDigest: stretch.modelDigest, meanLoss: 3, momentsBlob: null },
  } as Parameters<Story["run"]>[1]);
  assert.ok(pendingAggregation(machine) !== undefined, "the contribution counts");
  assert.equal(story.state.throughput.seen, 1);
  const [cell] = story.state.throughput.cells.values();
  assert.equal(cell?.device.model, "H100 SXM5 80GB");
  const expected = throughputOf(story.state).expected(cell!.kind, cell!.device, 1)!;
  const perMillion = (2_000 * 1e6) / tokens;
  assert.ok(Math.abs(expected.time / perMillion - 1) < 0.2, `${expected.time} ${perMillion}`);
  story.check();
});

test("run times of completed jobs are learned by device, those of others are not", () => {
  const story = new Story(1);
  const t4 = { ...node("t", 1).accelerators[0]!, model: "T4" };
  story.site("m1", "s1", [{ ...node("t", 1), accelerators: [t4] }]);
  const finish = (model: string, ranMs: number, exitCode = 0): void => {
    const jobId = story.submit(spec({ name: `fit-${ranMs}`, resources: { model } }));
    story.runs(jobId);
    story.pass(ranMs, "s0", "s1");
    story.ends(jobId, itself(exitCode, ranMs));
  };
  for (let i = 0; i < 6; i += 1) {
    finish("T4", 40_000 + i);
    finish("H100 SXM5 80GB", 36_000 + i);
  }
  finish("T4", 9_000, 1);
  finish("T4", 1_000);
  assert.equal(story.state.throughput.seen, 12);
  const kind = kindOf({ project: "default", name: "fit-1" });
  const [fast, slow] = ["H100 SXM5 80GB", "T4"].map((model) => ({ kind: "gpu" as const, model }));
  const speeds = speedsOf(story.state);
  const gain = speeds.speedOf(kind, fast!) / speeds.speedOf(kind, slow!);
  const strange = speeds.speedOf("other/kind", fast!) / speeds.speedOf("other/kind", slow!);
  assert.ok(gain < 3 && strange > gain, `measured ${gain}, of another kind ${strange}`);
  story.check();

  const reader = new SnapshotReader();
  const writer = new SnapshotWriter(story.state);
  for (let line = writer.next(); line !== undefined; line = writer.next()) reader.take(line);
  assert.equal(encodeState(reader.state), encodeState(story.state));
});

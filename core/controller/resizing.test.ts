// Gangs that grow and shrink while they run, from the job to the journal: how many tasks each
// attempt has, what is said of it, who is never delayed by it, and that it comes to an end.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, type JobSpec, LIMITS } from "../pool/index.ts";
import { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { encodeState } from "./state.ts";
import { ended, itself, node, type SpecChange, Story, spec } from "./story.testing.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** A gang of up to `most` tasks of one accelerator, and at least `least`. */
function gang(most: number, least: number, change: SpecChange = {}): JobSpec {
  const made = spec({ count: most, preemptible: true, walltimeMs: DAY_MS, ...change });
  return { ...made, groups: [{ ...made.groups[0]!, countMin: least }] };
}

const plain = (accelerators: number, change: SpecChange = {}): JobSpec =>
  spec({ resources: { accelerators }, walltimeMs: DAY_MS, user: "bob", name: "other", ...change });

/** What has ended shows how long its like runs: half of its limit. */
const DONE = itself(0, DAY_MS / 2);

/** Time passes, and the site speaks all the while. */
function later(story: Story, ms: number): void {
  for (const endMs = story.atMs + ms; story.atMs < endMs; ) {
    story.atMs = Math.min(endMs, story.atMs + 10_000);
    story.ok({ type: "heartbeat", siteId: "s0" });
    story.ok({ type: "tick" });
  }
}

const tasksOf = (story: Story, jobId: string): number =>
  story.newest(jobId).lease.placements.length;
const stageOf = (story: Story, jobId: string): string => story.newest(jobId).stage;

/** Eight accelerators on two nodes; another job holds as many as the gang must do without. */
function short(held: number, change: SpecChange = {}) {
  const story = new Story();
  story.site("m0", "s0", [node("a", 4), node("b", 4)]);
  for (const name of ["lab", "own"]) story.ok({ type: "setProject", name });
  const others = Array.from({ length: held }, () => story.submit(plain(1)));
  for (const other of others) story.runs(other);
  const job = story.submit(gang(8, 2, change));
  story.runs(job);
  return { story, job, others, other: others[0]! };
}

test("a gang with fewer tasks than it asked for grows as soon as there is room", () => {
  const { story, job, other } = short(1);
  assert.equal(tasksOf(story, job), 7);
  const first = story.newest(job).lease;
  story.ends(other, DONE);
  const { stop } = story.newest(job);
  assert.deepEqual([stop?.outcome, stageOf(story, job)], ["preempted", "stopping"]);
  assert.equal(stop?.reason, "stops to grow from 7 to 8 of 8 tasks");
  story.ends(job, ended("stop", MINUTE_MS));
  assert.deepEqual([tasksOf(story, job), story.job(job).attempts], [8, 2]);
  const { lease } = story.newest(job);
  assert.deepEqual(lease.placements.slice(0, 7), first.placements, "it keeps what it had");
  assert.match(lease.reason, /it was stopped to grow and goes on with 8 of 8 tasks/);
  assert.equal(story.state.moving.size, 0);
  story.check();
});

test("a growth is made when it saves more than it loses, and a checkpoint calls for a look", () => {
  const { story, job, other } = short(1, { walltimeMs: 200 * MINUTE_MS });
  later(story, 100 * MINUTE_MS);
  story.ends(other, DONE);
  assert.equal(stageOf(story, job), "running", "it would lose what it did in 100 minutes");
  story.ok({ type: "checkpoint", jobId: job });
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.equal(stageOf(story, job), "stopping");
  const late = short(1, { walltimeMs: 30 * MINUTE_MS });
  later(late.story, 25 * MINUTE_MS);
  late.story.ok({ type: "checkpoint", jobId: late.job });
  late.story.ends(late.other, DONE);
  assert.equal(stageOf(late.story, late.job), "running", "it is over soon anyway");
});

test("what is not preemptible, not requeued, of one size or with a deadline does not grow", () => {
  const changes: SpecChange[] = [
    { preemptible: false },
    { requeue: false },
    { deadline: { afterMs: 30 * DAY_MS } },
  ];
  for (const change of changes) {
    const { story, job, other } = short(1, change);
    story.ends(other, DONE);
    assert.equal(stageOf(story, job), "running", JSON.stringify(change));
  }
});

test("no gang grows into what somebody before it waits for, and it does once that is over", () => {
  const { story, job, other } = short(2, { priority: 100 });
  // It needs a whole node and more: what is free would not do for it yet.
  const wide = story.submit(plain(3, { walltimeMs: 10 * MINUTE_MS }));
  assert.equal(story.job(wide).stage, "queued");
  story.ends(other, DONE);
  assert.equal(stageOf(story, job), "running");
  story.ok({ type: "cancel", jobId: wide });
  story.ok({ type: "schedule" });
  assert.equal(stageOf(story, job), "stopping");
});

test("who comes meanwhile and goes first gets the room, and the gang goes on as it was", () => {
  const { story, job, other } = short(1);
  story.ends(other, DONE);
  assert.equal(stageOf(story, job), "stopping");
  const urgent = story.submit(plain(1, { priority: 900 }));
  assert.equal(story.job(urgent).stage, "active");
  story.ends(job, ended("stop", MINUTE_MS));
  assert.equal(tasksOf(story, job), 7);
  story.check();
});

test("who comes meanwhile and goes last takes nothing of what the gang grows into", () => {
  const { story, job, other } = short(1);
  story.ends(other, DONE);
  const late = story.submit(plain(1, { priority: 5 }));
  assert.equal(story.job(late).stage, "queued");
  story.ends(job, ended("stop", MINUTE_MS));
  assert.deepEqual([tasksOf(story, job), story.job(late).stage], [8, "queued"]);
});

test("a gang that makes way for a job goes on with what that leaves of its places", () => {
  const { story, job } = short(0);
  assert.equal(tasksOf(story, job), 8);
  const before = story.newest(job).lease.placements;
  const urgent = story.submit(plain(3, { priority: 900 }));
  assert.equal(stageOf(story, job), "stopping");
  assert.match(story.newest(job).stop?.reason ?? "", /stops for job .*; goes on with 5 of 8 tasks/);
  const low = story.submit(plain(1, { priority: 5 }));
  story.ends(job, ended("stop", MINUTE_MS));
  assert.deepEqual([story.job(urgent).stage, story.job(low).stage], ["active", "queued"]);
  assert.equal(tasksOf(story, job), 5);
  for (const place of story.newest(job).lease.placements) {
    assert.ok(before.some((one) => JSON.stringify(one) === JSON.stringify(place)));
  }
  assert.match(
    story.newest(job).lease.reason,
    new RegExp(`made way for job ${urgent} and goes on`),
  );
  story.check();
});

test("a gang shrinks for an owner's recall too, and waits whole where too little is left", () => {
  const recalled = (least: number): { story: Story; job: string; own: string } => {
    const story = new Story();
    story.site("m0", "s0", [node("a", 4), node("b", 4)]);
    story.ok({ type: "setProject", name: "own" });
    const offer = { ...DEFAULT_OFFER, ownProjects: ["own"], ownFirst: true };
    story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
    const job = story.submit(gang(8, least));
    story.runs(job);
    const own = story.submit(plain(4, { project: "own", priority: 0 }));
    assert.equal(story.newest(job).stop?.outcome, "recalled");
    story.ends(job, ended("stop", MINUTE_MS));
    assert.equal(story.job(own).stage, "active");
    return { story, job, own };
  };
  const some = recalled(4);
  assert.equal(tasksOf(some.story, some.job), 4);
  const all = recalled(5);
  assert.equal(all.story.job(all.job).stage, "queued");
  all.story.ends(all.own, DONE);
  assert.equal(tasksOf(all.story, all.job), 8);
});

test("a gang that shrank grows again, but not before it was left alone for a while", () => {
  const { story, job } = short(0);
  const urgent = story.submit(plain(3, { priority: 900 }));
  story.ends(job, ended("stop", MINUTE_MS));
  story.runs(urgent);
  story.runs(job);
  story.ends(urgent, DONE);
  assert.equal(stageOf(story, job), "running");
  later(story, LIMITS.MOVE_REST_MS - 5 * MINUTE_MS);
  story.ok({ type: "checkpoint", jobId: job });
  story.ok({ type: "schedule" });
  assert.equal(stageOf(story, job), "running");
  later(story, 6 * MINUTE_MS);
  story.ok({ type: "schedule" });
  assert.equal(stageOf(story, job), "stopping");
  story.ends(job, ended("stop", MINUTE_MS));
  assert.equal(tasksOf(story, job), 8);
});

test("caps of a project hold for a gang that grows", () => {
  const { story, job, others } = short(4, { project: "lab" });
  story.ok({ type: "setProject", name: "lab", caps: { maxAccelerators: 6 } });
  assert.equal(tasksOf(story, job), 4);
  for (const one of others) story.report(story.newest(one).lease.leaseId, DONE);
  story.ok({ type: "schedule" });
  assert.equal(story.newest(job).stop?.reason, "stops to grow from 4 to 6 of 8 tasks");
});

test("a snapshot amid a growth goes on as the pool itself does", () => {
  const { story, job, other } = short(1);
  story.ends(other, DONE);
  const reader = new SnapshotReader();
  const writer = new SnapshotWriter(story.state);
  for (let line = writer.next(); line !== undefined; line = writer.next()) reader.take(line);
  assert.equal(encodeState(reader.state), encodeState(story.state));
  assert.ok(reader.state.moving.has(job));
});

test("a node that is gone takes its tasks along: the gang goes on with the others", () => {
  const { story, job, other } = short(1);
  story.ends(other, DONE);
  story.ok({ type: "inventory", siteId: "s0", nodes: [node("a", 4)] });
  story.ends(job, ended("stop", MINUTE_MS));
  assert.equal(tasksOf(story, job), 4);
  story.check();
});

interface Draw {
  readonly act: "gang" | "plain" | "urgent" | "end" | "time" | "safe";
  readonly pick: number;
}

/** Plays a draw and checks after each pass; answers with the growths and shrinks there were. */
function play(draws: readonly Draw[]): { readonly grown: number; readonly shrunk: number } {
  const story = new Story();
  story.site("m0", "s0", [node("a", 4), node("b", 4), node("c", 2)]);
  const resized = new Map<string, number>();
  const counts = { grown: 0, shrunk: 0 };
  const look = (): void => {
    const before = waitingBefore(story);
    story.ok({ type: "schedule" });
    for (const event of story.events) {
      if (event.type === "lease.granted") checkSize(story, event.lease.jobId);
      if (event.type !== "lease.stopping" || event.move === undefined) continue;
      const { jobId, placements } = story.lease(event.leaseId).lease;
      const grows = event.move.forJobId === jobId;
      assert.equal(grows, event.move.to.length > placements.length);
      counts[grows ? "grown" : "shrunk"] += 1;
      if (!grows) continue;
      const lastMs = resized.get(jobId) ?? -Infinity;
      assert.ok(story.atMs - lastMs >= LIMITS.MOVE_REST_MS, "nobody grows twice in a while");
      resized.set(jobId, story.atMs);
      for (const other of before) {
        const { stage, spec: waits } = story.job(other);
        const first = stage === "queued" && waits.priority >= story.job(jobId).spec.priority;
        assert.ok(!first || other === jobId, `job ${other} goes first and waits`);
      }
    }
  };
  for (const { act, pick } of draws) {
    const open = [...story.state.leases.values()].filter(({ stage }) => stage !== "ended");
    const chosen = open[pick % Math.max(1, open.length)];
    if (act === "gang") story.submit(gang(2 + (pick % 7), 1 + (pick % 2)), false);
    if (act === "plain") story.submit(plain(1 + (pick % 4), { preemptible: pick > 20 }), false);
    if (act === "urgent") story.submit(plain(1 + (pick % 4), { priority: 500 }), false);
    if (act === "time") later(story, (1 + (pick % 5)) * 20 * MINUTE_MS);
    if (chosen !== undefined && act === "end") story.report(chosen.lease.leaseId, DONE);
    if (chosen?.startedAtMs && act === "safe") {
      story.ok({ type: "checkpoint", jobId: chosen.lease.jobId });
    }
    look();
    for (const { lease, stage } of [...story.state.leases.values()]) {
      if (stage === "stopping") {
        story.report(lease.leaseId, ended("stop", MINUTE_MS));
        look();
      } else if (stage === "leased") story.report(lease.leaseId, { kind: "running" });
    }
    assert.ok([...story.state.moving.keys()].every((id) => story.job(id).stage !== "ended"));
  }
  story.check();
  return counts;
}

const waitingBefore = (story: Story): string[] => [...story.state.queue.keys()];

function checkSize(story: Story, jobId: string): void {
  const { count, countMin = count } = story.job(jobId).spec.groups[0]!;
  const tasks = tasksOf(story, jobId);
  assert.ok(tasks >= countMin && tasks <= count, `${tasks} of ${countMin} to ${count} tasks`);
}

test("gangs keep their bounds, delay nobody before them and come to rest, whatever happens", () => {
  const draw = fc.record<Draw>({
    act: fc.constantFrom("gang", "gang", "plain", "urgent", "end", "end", "end", "time", "safe"),
    pick: fc.nat({ max: 40 }),
  });
  const sum = { grown: 0, shrunk: 0 };
  const check = fc.property(fc.array(draw, { minLength: 15, maxLength: 40 }), (draws) => {
    const { grown, shrunk } = play(draws);
    sum.grown += grown;
    sum.shrunk += shrunk;
  });
  fc.assert(check, { numRuns: 25, seed: 11 });
  assert.ok(sum.grown >= 5 && sum.shrunk >= 5, `the sample resizes: ${JSON.stringify(sum)}`);
});

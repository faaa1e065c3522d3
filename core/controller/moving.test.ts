// Moves from the setting to the journal: a wide job that fits nowhere starts, those that made way
// for it go on where they were sent, and nobody is sent to and fro.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, LIMITS, type Placement } from "../pool/index.ts";
import { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { encodeState } from "./state.ts";
import { ended, itself, node, type SpecChange, Story, spec } from "./story.testing.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const small = (change: SpecChange = {}) =>
  spec({ preemptible: true, walltimeMs: DAY_MS, ...change });
const wide = (change: SpecChange = {}) =>
  spec({ walltimeMs: HOUR_MS, resources: { accelerators: 2 }, ...change });

/** Two nodes of two accelerators, each half full; `L` and `R` run there since a minute. */
function halves(on: boolean, change: SpecChange = {}): { story: Story; jobs: string[] } {
  const story = new Story();
  story.site("m0", "s0", [node("a", 2), node("b", 2)]);
  story.ok({ type: "setProject", name: "lab" });
  if (on) story.ok({ type: "setPool", moves: true });
  const first = story.submit(small(change));
  const second = story.submit(small(change));
  const third = story.submit(small(change));
  for (const job of [first, second, third]) story.runs(job);
  // Best fit has filled one node; what ends there leaves two halves.
  const filled = nodeOf(story, first);
  assert.equal(nodeOf(story, second), filled);
  story.ends(second, itself(0));
  const jobs = [first, third];
  story.pass(60_000, "s0");
  return { story, jobs };
}

const placesOf = (story: Story, jobId: string): readonly Placement[] =>
  story.newest(jobId).lease.placements;
const nodeOf = (story: Story, jobId: string): string => placesOf(story, jobId)[0]!.node;
const stopped = (story: Story, jobs: readonly string[]): string[] =>
  jobs.filter((jobId) => story.newest(jobId).stage === "stopping");

test("a wide job that fits nowhere starts once another has moved, which goes on there", () => {
  const { story, jobs } = halves(true);
  const big = story.submit(wide());
  const [moved, ...more] = stopped(story, jobs);
  assert.ok(moved !== undefined && more.length === 0, "one moves");
  const from = nodeOf(story, moved);
  const { stop } = story.newest(moved);
  assert.equal(stop?.outcome, "preempted");
  assert.match(stop?.reason ?? "", new RegExp(`moves from node ${from} .* so that job ${big} has`));
  const { moving } = story.state;
  assert.equal(moving.get(moved)?.forJobId, big);
  // Whoever comes in between takes neither place.
  const late = story.submit(small());
  assert.equal(story.job(late).stage, "queued");
  story.ends(moved, ended("stop", 60_000));
  assert.equal(story.job(big).stage, "active");
  assert.equal(nodeOf(story, big), from);
  assert.equal(story.job(moved).stage, "active");
  assert.notEqual(nodeOf(story, moved), from);
  assert.match(story.newest(moved).lease.reason, new RegExp(`moved here so that job ${big} has`));
  assert.equal(moving.size, 0);
  assert.equal(story.job(late).stage, "queued");
  story.check();
});

test("without the setting nothing moves, and the same setting again is no event", () => {
  const { story, jobs } = halves(false);
  const big = story.submit(wide());
  assert.deepEqual(stopped(story, jobs), []);
  story.ok({ type: "setPool", moves: true });
  assert.deepEqual(story.events, [{ type: "pool.set", moves: true }]);
  story.ok({ type: "setPool", moves: true });
  assert.deepEqual(story.events, []);
  story.ok({ type: "schedule" });
  assert.equal(stopped(story, jobs).length, 1);
  assert.equal(story.state.moving.values().next().value?.forJobId, big);
  story.ok({ type: "setPool", moves: false });
  story.check();
});

test("what was not made preemptible, or would not come back, never moves", () => {
  for (const change of [{ preemptible: false }, { requeue: false }]) {
    const { story, jobs } = halves(true, change);
    story.submit(wide());
    assert.deepEqual(stopped(story, jobs), [], JSON.stringify(change));
  }
});

test("a move that costs more than the wait is not made", () => {
  const { story, jobs } = halves(true, { walltimeMs: 600_000 });
  // A minute was computed in vain, the wait is nine minutes: worth it only for whoever waits long.
  story.submit(wide());
  assert.equal(stopped(story, jobs).length, 1);
  const late = halves(true, { walltimeMs: 600_000 });
  late.story.pass(480_000, "s0");
  late.story.submit(wide());
  assert.deepEqual(stopped(late.story, late.jobs), [], "they are over in a minute");
});

test("a job is not moved again within an hour, then it may be", () => {
  const { story, jobs } = halves(true);
  const big = story.submit(wide());
  const [moved] = stopped(story, jobs);
  story.ends(moved!, ended("stop", 60_000));
  story.runs(moved!);
  story.runs(big);
  story.ends(big, itself(0));
  // Both small ones are on one node now; one of them ends, another begins on the free node.
  const stay = jobs.find((jobId) => jobId !== moved)!;
  story.ends(stay, itself(0));
  const other = story.submit(wide());
  assert.equal(story.job(other).stage, "active", "a node is free");
  story.runs(other);
  const single = story.submit(small({ preemptible: false }));
  assert.equal(nodeOf(story, single), nodeOf(story, moved!));
  story.ends(other, itself(0));
  const blocker = story.submit(small({ preemptible: false }));
  story.ends(single, itself(0));
  const again = story.submit(wide());
  assert.equal(story.job(again).stage, "queued");
  assert.deepEqual(stopped(story, [moved!, blocker]), [], "it has moved just now");
  story.report(story.newest(moved!).lease.leaseId, { kind: "running" });
  story.ok({ type: "checkpoint", jobId: moved! });
  story.pass(LIMITS.MOVE_REST_MS, "s0");
  story.ok({ type: "checkpoint", jobId: moved! });
  story.ok({ type: "schedule" });
  assert.deepEqual(stopped(story, [moved!, blocker]), [moved]);
});

test("an owner's own work makes way for no stranger", () => {
  const blocked = (project: string): number => {
    const { story, jobs } = halves(true, { project: "lab" });
    const offer = { ...DEFAULT_OFFER, ownProjects: ["lab"], ownFirst: true };
    story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
    story.submit(wide({ project }));
    return stopped(story, jobs).length;
  };
  assert.deepEqual([blocked("default"), blocked("lab")], [0, 1]);
});

test("a request that no moves can help does not keep the next from being helped", () => {
  const { story, jobs } = halves(true);
  story.site("m1", "s1", [node("c", 2)]);
  const only = (member: string): SpecChange => ({
    constraints: { members: [member], excludeMembers: [], labels: {} },
  });
  for (let at = 0; at < 2; at += 1) story.submit(wide(only("m1")));
  const big = story.submit(wide(only("m0")));
  assert.equal(story.job(big).stage, "queued");
  assert.equal(stopped(story, jobs).length, 1);
});

test("a snapshot in the middle of a move goes on as the pool itself does", () => {
  const { story, jobs } = halves(true);
  story.submit(wide());
  const [moved] = stopped(story, jobs);
  const reader = new SnapshotReader();
  const writer = new SnapshotWriter(story.state);
  for (let line = writer.next(); line !== undefined; line = writer.next()) reader.take(line);
  assert.deepEqual(reader.state.moving, story.state.moving);
  assert.equal(encodeState(reader.state), encodeState(story.state));
  assert.ok(story.state.moving.has(moved!));
});

test("if its new place is gone a moved job waits like any other, with nothing kept for it", () => {
  const { story, jobs } = halves(true);
  const big = story.submit(wide());
  const [moved] = stopped(story, jobs);
  const from = nodeOf(story, moved!);
  story.ok({ type: "inventory", siteId: "s0", nodes: [node(from, 2)] });
  story.ends(moved!, ended("stop", 60_000));
  const active = [big, moved!].filter((jobId) => story.job(jobId).stage === "active");
  assert.equal(active.length, 1, "one of them has the node that is left");
  story.check();
});

interface Draw {
  /** What happens: a small or a wide job comes, one ends, or time passes. */
  readonly act: "small" | "wide" | "end" | "time";
  readonly pick: number;
}

/** Plays a draw; answers with the moves as they were decided, and checks each as it ends. */
function play(draws: readonly Draw[]): { readonly story: Story; readonly moves: number } {
  const story = new Story();
  story.site(
    "m0",
    "s0",
    ["a", "b", "c", "d"].map((name) => node(name, 4)),
  );
  story.ok({ type: "setPool", moves: true });
  const movedAt = new Map<string, number>();
  let moves = 0;
  const look = (): void => {
    story.ok({ type: "schedule" });
    for (const event of story.events) {
      if (event.type !== "lease.stopping" || event.move === undefined) continue;
      const { jobId } = story.lease(event.leaseId).lease;
      const before = movedAt.get(jobId) ?? -Infinity;
      assert.ok(story.atMs - before >= LIMITS.MOVE_REST_MS, "nobody is sent to and fro");
      movedAt.set(jobId, story.atMs);
      moves += 1;
    }
  };
  /** Those who were asked to stop do, in some order; whoever moves goes on where it was sent. */
  const stop = (pick: number): void => {
    for (
      let open = openJobs(story, "stopping");
      open.length > 0;
      open = openJobs(story, "stopping")
    ) {
      const jobId = open[pick % open.length]!;
      story.report(story.newest(jobId).lease.leaseId, ended("stop", 1_000));
      const pinned = story.state.moving.get(jobId)?.to;
      look();
      if (story.job(jobId).stage === "active") {
        if (pinned !== undefined) assert.deepEqual(placesOf(story, jobId), pinned);
      } else assert.ok(pinned !== undefined && open.length > 1, "it waits for another to leave");
    }
    assert.equal(story.state.moving.size, 0, "every move came to its end");
  };
  for (const { act, pick } of draws) {
    const accelerators = act === "wide" ? 2 + (pick % 3) : 1;
    const resources = { accelerators, milliCpu: 500 * (1 + (pick % 4)) };
    if (act === "small" || act === "wide") story.submit(small({ resources }), false);
    const running = [...openJobs(story, "running"), ...openJobs(story, "leased")];
    if (act === "time") story.pass(pick * 100_000, "s0");
    if (act === "end" && running.length > 0) {
      story.report(story.newest(running[pick % running.length]!).lease.leaseId, itself(0));
    }
    look();
    stop(pick);
  }
  return { story, moves };
}

const openJobs = (story: Story, stage: string): string[] =>
  [...story.state.leases.values()]
    .filter((lease) => lease.stage === stage)
    .map(({ lease }) => lease.jobId);

test("every move ends where it was sent, nothing is lost, and the journal tells it all", () => {
  const draw = fc.record<Draw>({
    act: fc.constantFrom("small", "small", "small", "wide", "end", "end", "time"),
    pick: fc.nat({ max: 40 }),
  });
  let moves = 0;
  const check = fc.property(fc.array(draw, { minLength: 20, maxLength: 60 }), (draws) => {
    const played = play(draws);
    moves += played.moves;
    const { state } = played.story;
    for (const job of state.jobs.values()) {
      assert.ok(job.stage !== "ended" || job.outcome === "completed", "nothing is lost");
    }
    played.story.check();
  });
  fc.assert(check, { numRuns: 20, seed: 7 });
  assert.ok(moves >= 10, `the sample moves something: ${moves}`);
});

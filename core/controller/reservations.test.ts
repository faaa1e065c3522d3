// Reservations in the controller: what is refused, who may use what is kept, how a window begins
// and ends, and what happens when machines go away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../pool/index.ts";
import { overlapsOf } from "./reserved.ts";
import { SnapshotReader, SnapshotWriter } from "./snapshot.ts";
import { encodeState } from "./state.ts";
import { ended, node, Story, type StoryInput, spec } from "./story.testing.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

type Create = Extract<StoryInput, { readonly type: "createReservation" }>;

/** A pool with project `class` beside `default`. */
function poolOf(...gpus: readonly number[]): Story {
  const story = new Story(...gpus);
  story.ok({ type: "setProject", name: "class" });
  return story;
}

/** Two accelerators for project `class`, from an hour from now for two hours. */
const ask = (story: Story, change: Partial<Create> = {}): Create => ({
  ...{ type: "createReservation", project: "class", user: null, unit: "accelerators", count: 2 },
  ...{ member: null, siteId: null, reason: "course" },
  ...{ fromMs: story.atMs + HOUR_MS, toMs: story.atMs + 3 * HOUR_MS },
  ...change,
});

const kept = (story: Story, id = "r-1") => story.state.reservations.get(id)!.reservation;

test("a reservation that the pool cannot meet is refused, and says what there is", () => {
  const story = poolOf(2, 4);
  const { outcome } = story.give(ask(story, { count: 7 }));
  assert.ok(!outcome.ok && outcome.code === "RESERVATION_TOO_LARGE");
  assert.match(outcome.message, /^7 accelerators were asked for; 6 can be kept/);
  assert.equal(story.refused(ask(story, { count: 3, siteId: "s0" })), "RESERVATION_TOO_LARGE");
  assert.equal(story.refused(ask(story, { model: "A100" })), "RESERVATION_TOO_LARGE");
  assert.equal(story.refused(ask(story, { unit: "nodes", count: 3 })), "RESERVATION_TOO_LARGE");
  story.ok(ask(story, { count: 4 }));
  const overlapping = ask(story, { count: 3, fromMs: story.atMs + 2 * HOUR_MS });
  assert.equal(story.refused(overlapping), "RESERVATION_TOO_LARGE");
  const after = { fromMs: story.atMs + 3 * HOUR_MS, toMs: story.atMs + 4 * HOUR_MS };
  story.ok(ask(story, { count: 6, ...after }));
  story.check();
});

test("a reservation for nobody, for the unknown, or for a wrong time is refused", () => {
  const story = poolOf(2);
  assert.equal(story.refused(ask(story, { project: null })), "INVALID_REQUEST");
  assert.equal(story.refused(ask(story, { project: "none" })), "PROJECT_UNKNOWN");
  assert.equal(story.refused(ask(story, { user: "u0" })), "NOT_FOUND");
  assert.equal(story.refused(ask(story, { member: "m9" })), "NOT_FOUND");
  assert.equal(story.refused(ask(story, { siteId: "s9" })), "NOT_FOUND");
  assert.equal(story.refused(ask(story, { toMs: story.atMs })), "INVALID_REQUEST");
  const toMs = story.atMs + HOUR_MS + LIMITS.RESERVATION_MAX_MS + 1;
  assert.equal(story.refused(ask(story, { toMs })), "INVALID_REQUEST");
  assert.equal(story.refused({ type: "cancelReservation", reservationId: "r-1" }), "NOT_FOUND");
  for (let i = 0; i < LIMITS.RESERVATIONS_MAX; i += 1) {
    const fromMs = story.atMs + i * HOUR_MS;
    story.ok(ask(story, { fromMs, toMs: fromMs + HOUR_MS }));
  }
  assert.equal(story.refused(ask(story)), "TOO_MANY");
});

test("what is not lent in the window, or not to the project, is not kept", () => {
  const story = poolOf(2);
  const [fromMs, toMs] = [story.atMs + 2 * HOUR_MS, story.atMs + 4 * HOUR_MS];
  const window = { windowId: "w1", siteId: null, reason: "", fromMs, toMs };
  story.ok({ type: "planMaintenance", name: "m0", ...window });
  assert.equal(story.refused(ask(story)), "RESERVATION_TOO_LARGE");
  story.ok(ask(story, { toMs: fromMs }));
  story.ok({ type: "cancelMaintenance", windowId: "w1" });
  story.ok({ type: "cancelReservation", reservationId: "r-1" });
  story.ok(ask(story));
});

test("others wait for the window's end, with the reason; the project's jobs start in it", () => {
  const story = poolOf(2);
  story.ok(ask(story));
  const short = story.submit(spec({ walltimeMs: 30 * MINUTE_MS }));
  assert.equal(story.job(short).stage, "active", "it is over before the window");
  const long = story.submit(spec({ walltimeMs: HOUR_MS, project: "default" }), false);
  const { plan } = story.give({ type: "schedule" });
  const reasons = plan?.waits.find(({ jobId }) => jobId === long)?.reasons ?? [];
  assert.match(
    reasons[0]!.text,
    /^held for reservation r-1 of project class from 1970-01-01 01:16/,
  );
  story.runs(short);
  story.ends(short, ended("itself", 1_000, 0));
  story.pass(HOUR_MS, "s0");
  const mine = story.submit(spec({ project: "class", walltimeMs: 24 * HOUR_MS }));
  assert.equal(story.job(mine).stage, "active");
  assert.equal(story.job(long).stage, "queued");
  story.pass(2 * HOUR_MS - 1_000, "s0");
  assert.equal(story.state.reservations.size, 1);
  story.pass(1_000, "s0");
  assert.deepEqual(
    story.events.filter(({ type }) => type.startsWith("reservation")),
    [{ type: "reservation.ended", reservationId: "r-1", why: "over" }],
  );
  assert.ok(story.wantsSchedule, "somebody may start now");
  story.ok({ type: "schedule" });
  assert.equal(story.job(long).stage, "active");
  story.check();
});

test("a cancelled reservation lets others start at once", () => {
  const story = poolOf(2);
  story.ok({ ...ask(story, { fromMs: story.atMs }), by: "u1" });
  assert.equal(story.state.reservations.get("r-1")?.by, "u1");
  const long = story.submit(spec());
  assert.equal(story.job(long).stage, "queued");
  story.ok({ type: "cancelReservation", reservationId: "r-1" });
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.equal(story.job(long).stage, "active");
  story.check();
});

test("what runs into a window is told of, and stops for it only if it may be stopped", () => {
  const story = poolOf(2);
  const walltimeMs = 5 * HOUR_MS;
  const firm = story.submit(spec({ walltimeMs }));
  const soft = story.submit(spec({ walltimeMs, preemptible: true }));
  const own = story.submit(spec({ walltimeMs, project: "class" }));
  for (const jobId of [firm, soft]) story.runs(jobId);
  assert.equal(story.job(own).stage, "queued");
  story.ok(ask(story));
  const overlaps = overlapsOf(story.state, kept(story), story.atMs);
  assert.deepEqual(
    overlaps.map(({ jobId }) => jobId),
    [firm, soft],
  );
  story.pass(HOUR_MS - 41_000, "s0");
  assert.equal(story.newest(soft).stop, null);
  story.pass(2_000, "s0");
  const { stop } = story.newest(soft);
  assert.equal(stop?.outcome, "preempted");
  assert.match(stop?.reason ?? "", /^held for reservation r-1 of project class/);
  assert.equal(story.newest(firm).stop, null);
  story.ends(soft, ended("stop"));
  assert.equal(story.job(own).stage, "active", "the project's job has the place");
  assert.equal(story.job(soft).stage, "queued");
  story.check();
});

test("machines that stay away are replaced by others that are free in time", () => {
  const story = poolOf(2, 2);
  story.ok(ask(story));
  assert.deepEqual(
    kept(story).kept.map(({ siteId }) => siteId),
    ["s0"],
  );
  story.ok({ type: "siteAway", siteId: "s0", reason: "silent" });
  story.pass(LIMITS.RESERVATION_MOVE_MS - 1_000, "s1");
  assert.deepEqual(
    kept(story).kept.map(({ siteId }) => siteId),
    ["s0"],
    "it may come back",
  );
  story.pass(2_000, "s1");
  assert.deepEqual(
    kept(story).kept.map(({ siteId }) => siteId),
    ["s1"],
  );
  story.check();
});

test("a reservation of a site stays there, and its machines are missed", () => {
  const story = poolOf(2, 2);
  story.ok(ask(story, { siteId: "s0" }));
  story.ok({ type: "siteAway", siteId: "s0", reason: "silent" });
  story.pass(3 * LIMITS.RESERVATION_MOVE_MS, "s1");
  assert.deepEqual(
    kept(story).kept.map(({ siteId }) => siteId),
    ["s0"],
  );
});

test("what is kept for a user parts the queue by users, and a snapshot holds it", () => {
  const story = poolOf(2);
  const users = ["u1", "u2"];
  for (const userId of users) {
    const who = { userId, name: `n${userId}`, origin: "local", subjectHash: null } as const;
    story.ok({ type: "setUser", ...who });
  }
  const jobs = users.map((user) => story.submit(spec({ user, count: 2 }), false));
  story.ok(ask(story, { project: null, user: "u2", fromMs: story.atMs }));
  story.ok({ type: "schedule" });
  assert.deepEqual(
    jobs.map((jobId) => story.job(jobId).stage),
    ["queued", "active"],
  );
  const [writer, reader] = [new SnapshotWriter(story.state), new SnapshotReader()];
  for (let line = writer.next(); line !== undefined; line = writer.next()) reader.take(line);
  assert.equal(encodeState(reader.state), encodeState(story.state));
  story.site("m9", "s9", [node("n", 2)]);
  story.ok({ type: "cancelReservation", reservationId: "r-1" });
  story.ok({ type: "schedule" });
  assert.equal(story.job(jobs[0]!).stage, "active");
  story.check();
});

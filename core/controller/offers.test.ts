// Tests of what members lend: no lease outside of an offer, recalls within their grace, own jobs
// first, maintenance, and prices. Told as stories; the property at the end draws its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_OFFER, LIMITS, type Offer, parseHours } from "../pool/index.ts";
import { explain } from "../scheduler/index.ts";
import { lendingOf, moment } from "./lending.ts";
import { ended, itself, Story, spec } from "./story.testing.ts";
import { queueViews, schedulerInput } from "./views.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Monday 2026-03-02 12:00 UTC. */
const NOON_MS = Date.UTC(2026, 2, 2, 12);

const hoursOf = (...windows: readonly string[]): Offer["hours"] => {
  const spans = parseHours(windows);
  assert.ok(spans.ok);
  return { zone: "UTC", windows, spans: spans.value, offsets: [{ fromMs: 0, minutes: 0 }] };
};

/** A story at noon on a Monday, whose member `m0` has made an offer. */
function lending(gpus: number, change: Partial<Offer>): Story {
  const story = new Story(gpus);
  story.atMs = NOON_MS;
  story.ok({ type: "heartbeat", siteId: "s0" });
  offer(story, change);
  return story;
}

const offer = (story: Story, change: Partial<Offer>, siteId: string | null = null): unknown =>
  story.ok({ type: "setOffer", name: "m0", siteId, offer: { ...DEFAULT_OFFER, ...change } });

/** Codes and texts of why a job waits. */
function why(story: Story, jobId: string): string {
  const input = schedulerInput(story.state, story.atMs);
  const told = explain(input, queueViews(story.state, story.job(jobId)).job);
  return told?.reasons.map(({ code, text }) => `${code} ${text}`).join("; ") ?? "";
}

const isQueued = (story: Story, jobId: string): boolean => story.job(jobId).stage === "queued";

test("outside of the hours nothing starts and says so; opening them calls the scheduler", () => {
  const story = lending(2, { hours: hoursOf("Mon-Fri 18:00-08:00") });
  const id = story.submit();
  assert.match(why(story, id), /^OFFER_HOURS m0 lends only Mon-Fri 18:00-08:00 \(UTC\), next from/);
  story.pass(1_000, "s0");
  story.atMs = NOON_MS + 6 * HOUR_MS;
  story.ok({ type: "heartbeat", siteId: "s0" });
  assert.ok(story.give({ type: "tick" }).wantsSchedule);
  story.ok({ type: "schedule" });
  assert.equal(story.job(id).stage, "active");
  assert.ok(!story.give({ type: "tick" }).wantsSchedule);
  story.check();
});

test("a job whose limit passes the end waits, a shorter or a preemptible one starts", () => {
  const story = lending(4, { hours: hoursOf("daily 8:00-13:00") });
  const long = story.submit(spec({ walltimeMs: 2 * HOUR_MS }));
  assert.match(
    why(story, long),
    /OFFER_HOURS .*too soon for the limit of 2 hours: a limit of 59 m/,
  );
  const never = story.submit(spec({ walltimeMs: 6 * HOUR_MS }));
  assert.match(why(story, never), /no such time is ever long enough/);
  const short = story.submit(spec({ walltimeMs: 59 * MINUTE_MS }));
  const may = story.submit(spec({ walltimeMs: 6 * HOUR_MS, preemptible: true }));
  assert.ok(isQueued(story, long) && isQueued(story, never));
  assert.ok(!isQueued(story, short) && !isQueued(story, may));
  // The preemptible one is told in time, so that it is over when the hours are.
  const leaseId = story.runs(may);
  const quiet = story.runs(short);
  story.pass(HOUR_MS - LIMITS.STOP_GRACE_MS, "s0");
  const { stop } = story.lease(leaseId);
  assert.deepEqual([stop?.outcome, stop?.graceMs], ["recalled", LIMITS.STOP_GRACE_MS]);
  assert.equal(story.lease(quiet).stop?.outcome, "timeout");
});

test("a grace that is longer than what is left stops nothing that ends by itself in time", () => {
  const story = lending(2, { hours: hoursOf("daily 8:00-12:40"), recallGraceMs: HOUR_MS });
  const short = story.submit(spec({ walltimeMs: 30 * MINUTE_MS }));
  // It would be told to stop at once: such a job waits.
  const may = story.submit(spec({ walltimeMs: 6 * HOUR_MS, preemptible: true }));
  assert.match(why(story, may), /OFFER_HOURS .*too soon to begin/);
  story.pass(5_000, "s0");
  const leaseId = story.runs(short);
  story.pass(MINUTE_MS, "s0");
  assert.equal(story.lease(leaseId).stop, null);
});

test("a new offer recalls what does not fit it any more, within its grace", () => {
  const story = new Story(4);
  const ids = [story.submit(), story.submit(), story.submit()];
  const leases = ids.map((id) => story.runs(id));
  offer(story, { devices: [{ node: "n", count: 2 }], recallGraceMs: 60_000 });
  const stopped = leases.filter((leaseId) => story.lease(leaseId).stop !== null);
  assert.equal(stopped.length, 1);
  assert.equal(story.lease(stopped[0]!).stop?.graceMs, 60_000);
  offer(story, { tenants: { allow: [], refuse: ["default"] } });
  for (const leaseId of leases) assert.equal(story.lease(leaseId).stop?.outcome, "recalled");
  story.report(leases[0]!, ended("stop"));
  assert.ok(isQueued(story, ids[0]!));
  story.ok({ type: "schedule" });
  assert.match(why(story, ids[0]!), /OFFER_TENANT m0 does not lend to this project/);
  story.check();
});

test("an offer of a site counts there before that of its member, until it is taken back", () => {
  const story = lending(1, { tenants: { allow: [], refuse: ["default"] } });
  offer(story, {}, "s0");
  assert.ok(!isQueued(story, story.submit()));
  story.ok({ type: "setOffer", name: "m0", siteId: "s0", offer: null });
  assert.ok(isQueued(story, story.submit()));
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer: null });
  assert.equal(
    lendingOf(story.state, story.state.sites.get("s0")!, story.atMs).offer,
    DEFAULT_OFFER,
  );
  story.check();
});

test("an offer that somebody else changed meanwhile is not written over", () => {
  const story = lending(1, {});
  const { version } = story.state.members.get("m0")!.offer!.offer;
  assert.ok(version > 0);
  const again = { name: "m0", siteId: null, offer: DEFAULT_OFFER } as const;
  assert.equal(
    story.refused({ type: "setOffer", ...again, ifVersion: version - 1 }),
    "WRONG_STATE",
  );
  story.ok({ type: "setOffer", ...again, ifVersion: version });
  const unknown = { ...DEFAULT_OFFER, ownProjects: ["nobody"] };
  const input = { type: "setOffer", name: "m0", siteId: null, offer: unknown } as const;
  assert.equal(story.refused(input), "PROJECT_UNKNOWN");
  assert.equal(story.refused({ ...input, siteId: "s9" }), "NOT_FOUND");
});

test("projects are let in with those under them, and caps and labels hold", () => {
  const story = new Story(4);
  story.ok({ type: "setProject", name: "lab", parent: null, shares: 1 });
  story.ok({ type: "setProject", name: "team", parent: "lab", shares: 1 });
  offer(story, {
    tenants: { allow: ["lab"], refuse: [] },
    labels: { tier: "gold" },
    caps: { walltimeMs: HOUR_MS, milliCpuPerNode: 1_000 },
  });
  const gold = { members: [], excludeMembers: [], labels: { tier: "gold" } };
  assert.ok(!isQueued(story, story.submit(spec({ project: "team", constraints: gold }))));
  const stranger = story.submit();
  assert.match(why(story, stranger), /OFFER_TENANT m0 lends only to lab/);
  const long = story.submit(spec({ project: "lab", walltimeMs: 2 * HOUR_MS }));
  assert.match(why(story, long), /OFFER_LIMIT m0 takes jobs of at most 60 minutes/);
  const wide = spec({ project: "lab", resources: { milliCpu: 2_000 } });
  const input = { type: "submit", spec: wide, array: null, key: null } as const;
  assert.equal(story.refused(input), "IMPOSSIBLE_REQUEST");
});

test("recalled devices end within the grace, stay away, and come back with a resume", () => {
  const story = new Story(2);
  const [first, second] = [story.submit(), story.submit()];
  for (const id of [first, second]) story.runs(id);
  const change = { type: "changeMember", name: "m0", graceMs: 5_000 } as const;
  story.ok({ ...change, action: "recall", devices: ["n/gpu1"] });
  const stopping = [first, second].filter((id) => story.newest(id).stop !== null);
  assert.equal(stopping.length, 1);
  assert.equal(story.newest(stopping[0]!).stop?.graceMs, 5_000);
  story.ends(stopping[0]!, ended("stop"));
  assert.ok(isQueued(story, stopping[0]!));
  story.ok({ type: "changeMember", name: "m0", action: "resume" });
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.ok(!isQueued(story, stopping[0]!));
  story.check();
});

test("a recall gives the grace of the offer, and an owner in a hurry may shorten it", () => {
  const story = new Story(1);
  offer(story, { recallGraceMs: 600_000 });
  const leaseId = story.runs(story.submit());
  story.ok({ type: "changeMember", name: "m0", action: "recall" });
  assert.equal(story.lease(leaseId).stop?.graceMs, 600_000);
  story.ok({ type: "changeMember", name: "m0", action: "recall", graceMs: 1_000 });
  assert.equal(story.lease(leaseId).stop?.graceMs, 1_000);
  story.check();
});

test("no lease reaches into a maintenance; shorter jobs run, the rest is told in time", () => {
  const story = new Story(3);
  story.atMs = NOON_MS;
  story.ok({ type: "heartbeat", siteId: "s0" });
  const before = story.runs(story.submit(spec({ walltimeMs: 3 * HOUR_MS })));
  const plan = {
    type: "planMaintenance",
    name: "m0",
    windowId: "w1",
    reason: "new disks",
  } as const;
  const fromMs = NOON_MS + HOUR_MS;
  story.ok({ ...plan, siteId: "s0", fromMs, toMs: fromMs + HOUR_MS });
  assert.equal(story.lease(before).stop, null);
  const long = story.submit(spec({ walltimeMs: HOUR_MS }));
  assert.match(
    why(story, long),
    /MAINTENANCE m0 is in maintenance from 2026-03-02 13:00 UTC \(new/,
  );
  const short = story.submit(spec({ walltimeMs: 30 * MINUTE_MS }));
  assert.ok(isQueued(story, long) && !isQueued(story, short));
  story.ends(short, itself(0));
  story.pass(HOUR_MS - LIMITS.STOP_GRACE_MS + 1_000, "s0");
  assert.equal(story.lease(before).stop?.outcome, "recalled");
  story.report(before, ended("stop"));
  story.pass(2 * MINUTE_MS, "s0");
  story.ok({ type: "schedule" });
  assert.match(why(story, long), /MAINTENANCE m0 is in maintenance until 2026-03-02 14:00 UTC/);
  story.ok({ type: "cancelMaintenance", windowId: "w1" });
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.ok(!isQueued(story, long));
  assert.equal(story.refused({ type: "cancelMaintenance", windowId: "w1" }), "NOT_FOUND");
  const past = { ...plan, siteId: null, fromMs: 0, toMs: 1 };
  assert.equal(story.refused(past), "INVALID_REQUEST");
  story.check();
});

test("the owner's own job takes back what is lent, and what is free there is its first", () => {
  const story = new Story(2, 2);
  story.ok({ type: "setProject", name: "own", parent: null, shares: 1 });
  story.ok({ type: "setProject", name: "team", parent: "own", shares: 1 });
  offer(story, { ownProjects: ["own"], recallGraceMs: 30_000 });
  // Everything in the pool is lent to others, who have the higher priority.
  const others = Array.from({ length: 8 }, () => story.submit(spec({ priority: 1_000 })));
  for (const id of others) if (!isQueued(story, id)) story.runs(id);
  const own = story.submit(spec({ project: "team", priority: 0 }));
  const stopped = others.filter((id) => !isQueued(story, id) && story.newest(id).stop !== null);
  assert.equal(stopped.length, 1);
  const victim = story.newest(stopped[0]!);
  assert.equal(victim.lease.siteId, "s0");
  assert.deepEqual([victim.stop?.outcome, victim.stop?.graceMs], ["recalled", 30_000]);
  assert.match(victim.stop!.reason, /the owner's own job .* takes the machine back/);
  // A second look while it stops takes nothing more.
  story.ok({ type: "schedule" });
  assert.equal(
    others.filter((id) => story.job(id).leaseIds.length > 0 && story.newest(id).stop).length,
    1,
  );
  story.ends(stopped[0]!, ended("stop"));
  assert.equal(story.newest(own).lease.siteId, "s0");
  story.check();
});

test("owners whose jobs do not come first wait in the pool's order", () => {
  const story = new Story(1);
  offer(story, { ownProjects: ["default"], ownFirst: false });
  story.ok({ type: "setProject", name: "other", parent: null, shares: 1 });
  const other = story.submit(spec({ project: "other" }));
  story.runs(other);
  story.submit(spec({ priority: 0 }));
  assert.equal(story.newest(other).stop, null);
});

test("a lease costs what its owner asked when it was granted", () => {
  const story = new Story(1);
  const dear = { gpu: 36_000_000, models: [] };
  offer(story, { prices: dear });
  const id = story.submit();
  story.runs(id);
  offer(story, { prices: { models: [{ model: "H100", microPerDeviceHour: 1 }] } });
  story.ends(id, itself(0, 100_000));
  const entry = story.state.ledger.entries.at(-1)!;
  assert.equal(entry.chargeMicro, (100_000 * 36_000_000) / HOUR_MS);
  story.check();
});

test("a site whose agent refuses by the offer is left alone for a while", () => {
  const story = new Story(1);
  const id = story.submit();
  const refused = { kind: "refused", code: "OUTSIDE_OFFER", message: "not now" } as const;
  story.ends(id, refused);
  assert.match(why(story, id), /the agent of m0 refused a lease by its offer/);
  story.pass(LIMITS.OFFER_REFUSED_MS + 1_000, "s0");
  story.ok({ type: "schedule" });
  assert.ok(!isQueued(story, id));
  story.check();
});

test("a job that owners send away again and again is not given up for that", () => {
  const story = new Story(1);
  const id = story.submit(spec({ preemptible: true }));
  for (let time = 0; time <= LIMITS.ATTEMPTS_MAX; time += 1) {
    story.runs(id);
    story.ok({ type: "changeMember", name: "m0", action: "recall" });
    story.ends(id, ended("stop"));
    story.ok({ type: "changeMember", name: "m0", action: "resume" });
    story.ok({ type: "schedule" });
  }
  assert.equal(story.job(id).stage, "active");
  assert.ok(story.job(id).attempts > LIMITS.ATTEMPTS_MAX);
});

test("moments are written as people write them", () => {
  for (const ms of [0, NOON_MS, Date.UTC(2024, 1, 29, 23, 59), Date.UTC(2000, 11, 31)]) {
    const iso = new Date(ms).toISOString();
    assert.equal(moment(ms), `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`);
  }
});

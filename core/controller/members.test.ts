// Tests of pools, tokens, projects, members and sites: who may join, and what owners may ask.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "../pool/index.ts";
import { node, Story, spec } from "./story.testing.ts";

const join = (siteId: string, secretHash: string) =>
  ({ type: "joinSite", siteId, secretHash, publicKey: `k-${siteId}`, engine: "local" }) as const;
const change = (name: string, action: "drain" | "recall" | "resume" | "revoke-invitation") =>
  ({ type: "changeMember", name, action, graceMs: 5_000 }) as const;

test("a journal holds one pool", () => {
  const story = new Story();
  assert.equal(story.refused({ type: "createPool", poolId: "p2", name: "b" }), "ALREADY_EXISTS");
  assert.deepEqual([...story.state.projects.keys()], ["default"]);
});

test("a join token is good for one site", () => {
  const story = new Story();
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h" });
  assert.equal(story.state.members.get("ana")!.standing, "invited");
  assert.deepEqual(story.ok(join("s1", "h")), { siteId: "s1", member: "ana", poolId: "p1" });
  assert.equal(story.state.members.get("ana")!.standing, "active");
  assert.equal(story.refused(join("s2", "h")), "UNAUTHENTICATED");
});

test("a site whose answer was lost joins again under its key and stays one site", () => {
  const story = new Story();
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h" });
  story.ok(join("s1", "h"));
  const again = { ...join("s2", "h"), publicKey: "k-s1" };
  assert.deepEqual(story.ok(again), { siteId: "s1", member: "ana", poolId: "p1" });
  assert.equal(story.state.sites.size, 1);
  story.ok({ type: "inviteMember", name: "bo", secretHash: "h2" });
  assert.equal(story.refused({ ...again, secretHash: "h2" }), "ALREADY_EXISTS");
});

test("join tokens expire, are revoked, and must be known", () => {
  const story = new Story();
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h" });
  assert.equal(story.refused(join("s1", "wrong")), "UNAUTHENTICATED");
  story.atMs += LIMITS.JOIN_TOKEN_MS;
  assert.equal(story.refused(join("s1", "h")), "TOKEN_EXPIRED");
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h2" });
  assert.equal(story.refused(join("s1", "h")), "TOKEN_REVOKED");
  story.ok(change("ana", "revoke-invitation"));
  assert.equal(story.refused(join("s1", "h2")), "TOKEN_REVOKED");
  assert.equal(story.refused(change("ana", "revoke-invitation")), "WRONG_STATE");
});

test("a member may join with a second site", () => {
  const story = new Story(1);
  story.site("m0", "s9", [node("n", 2)]);
  assert.deepEqual(story.state.members.get("m0")!.siteIds, ["s0", "s9"]);
});

test("only members that joined are drained, and only known ones", () => {
  const story = new Story();
  assert.equal(story.refused(change("nobody", "drain")), "NOT_FOUND");
  story.ok({ type: "inviteMember", name: "ana", secretHash: "h" });
  assert.equal(story.refused(change("ana", "drain")), "WRONG_STATE");
});

test("a drained member ends what runs and starts nothing until it resumes", () => {
  const story = new Story(2);
  const first = story.submit();
  const lease = story.runs(first);
  story.ok(change("m0", "drain"));
  const second = story.submit();
  assert.equal(story.job(second).stage, "queued");
  assert.equal(story.lease(lease).stage, "running");
  assert.equal(story.lease(lease).stop, null);
  story.ends(first, {
    kind: "ended",
    exitCode: 0,
    signal: null,
    ranMs: 5,
    endedBy: "itself",
    message: "",
  });
  assert.equal(story.job(first).outcome, "completed");
  assert.equal(story.job(second).stage, "queued");
  story.ok(change("m0", "resume"));
  assert.ok(story.wantsSchedule);
  story.ok({ type: "schedule" });
  assert.equal(story.job(second).stage, "active");
  story.check();
});

test("a recalled member gets its machines back within its grace, and the job waits", () => {
  const story = new Story(1, 1);
  const jobId = story.submit(
    spec({ constraints: { members: [], excludeMembers: ["m1"], labels: {} } }),
  );
  const lease = story.runs(jobId);
  story.ok(change("m0", "recall"));
  assert.deepEqual(story.lease(lease).stop, {
    outcome: "recalled",
    graceMs: 5_000,
    reason: "m0 took its machines back",
  });
  story.ends(jobId, {
    kind: "ended",
    exitCode: null,
    signal: "TERM",
    ranMs: 9,
    endedBy: "stop",
    message: "",
  });
  assert.equal(story.endOf(lease).outcome, "recalled");
  assert.equal(story.job(jobId).stage, "queued");
  story.ok(change("m0", "resume"));
  story.ok({ type: "schedule" });
  assert.equal(story.newest(jobId).lease.attempt, 2);
  story.check();
});

test("projects form a tree without circles", () => {
  const story = new Story();
  const set = (name: string, parent: string | null) =>
    ({ type: "setProject", name, parent, shares: 1 }) as const;
  assert.equal(story.refused(set("a", "b")), "PROJECT_UNKNOWN");
  story.ok(set("b", null));
  story.ok(set("a", "b"));
  assert.equal(story.refused(set("b", "a")), "INVALID_REQUEST");
  assert.equal(story.refused(set("a", "a")), "INVALID_REQUEST");
  story.ok(set("a", null));
  story.ok(set("b", "a"));
});

test("API tokens are revoked once, by an id that exists", () => {
  const story = new Story();
  const token = { tokenId: "t1", hash: "x", label: "l", userId: null, expiresAtMs: null };
  story.ok({ type: "issueToken", ...token, scopes: null, kind: "api" });
  story.ok({ type: "revokeToken", tokenId: "t1" });
  assert.equal(story.state.tokens.get("t1")!.revoked, true);
  story.ok({ type: "revokeToken", tokenId: "t1" });
  assert.deepEqual(story.events, [], "taking it back twice changes nothing");
  assert.equal(story.refused({ type: "revokeToken", tokenId: "t2" }), "NOT_FOUND");
});

test("a site that this pool does not know has no right to run anything", () => {
  const story = new Story();
  assert.equal(story.refused({ type: "heartbeat", siteId: "s9" }), "SITE_UNKNOWN");
  assert.equal(
    story.refused({ type: "siteHere", siteId: "s9", agentVersion: "1" }),
    "SITE_UNKNOWN",
  );
});

test("what a heartbeat promises is durable and at most a horizon, and is journalled seldom", () => {
  const story = new Story(1);
  let renewals = 0;
  for (let i = 0; i < 40; i += 1) {
    story.atMs += LIMITS.HEARTBEAT_MS;
    const { leaseForMs } = story.ok({ type: "heartbeat", siteId: "s0" }) as { leaseForMs: number };
    renewals += story.events.length;
    assert.ok(leaseForMs > LIMITS.LEASE_HORIZON_MS / 2 && leaseForMs <= LIMITS.LEASE_HORIZON_MS);
    assert.equal(story.atMs + leaseForMs, story.state.sites.get("s0")!.leaseUntilMs);
  }
  assert.ok(renewals > 0 && renewals <= 10, `${renewals} of 40 heartbeats are journalled`);
});

test("an inventory that did not change is not journalled again", () => {
  const story = new Story(1);
  story.ok({ type: "inventory", siteId: "s0", nodes: [node("n", 1)] });
  assert.deepEqual(story.events, []);
  story.ok({ type: "inventory", siteId: "s0", nodes: [node("n", 2)] });
  assert.equal(story.events.length, 1);
  assert.ok(story.wantsSchedule, "more machines may start a job");
});

test("the pool's time never goes back, whatever clock it is given", () => {
  const story = new Story(1);
  const { nowMs } = story.state;
  story.atMs -= 3_600_000;
  story.submit();
  assert.equal(story.state.nowMs, nowMs);
  story.check();
});

test("a revoked site is away for good, and its leases are lost when its right has ended", () => {
  const story = new Story(1);
  const revoke = (siteId: string) =>
    ({ type: "changeMember", name: "m0", action: "revoke-site", graceMs: 0, siteId }) as const;
  assert.equal(story.refused(revoke("s9")), "NOT_FOUND");
  story.ok({ type: "proposeKey", siteId: "s0", publicKey: "next" });
  assert.equal(story.state.sites.get("s0")!.nextKey, "next");
  story.ok({ type: "changeKey", siteId: "s0" });
  assert.equal(story.state.sites.get("s0")!.publicKey, "next");
  story.ok(revoke("s0"));
  assert.equal(story.state.sites.get("s0")!.state, "away");
  assert.equal(story.refused(revoke("s0")), "WRONG_STATE");
  assert.equal(story.refused({ type: "heartbeat", siteId: "s0" }), "TOKEN_REVOKED");
  const here = { type: "siteHere", siteId: "s0", agentVersion: "1" } as const;
  assert.equal(story.refused(here), "TOKEN_REVOKED");
  const key = { type: "proposeKey", siteId: "s0", publicKey: "third" } as const;
  assert.equal(story.refused(key), "TOKEN_REVOKED");
});

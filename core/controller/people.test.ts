// Tests of users, roles and tokens: what is decided, what is refused, and what a role reaches.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LIMITS, PERMISSION_NAMES, ROLE_NAMES, ROLES, type RoleGrant } from "../pool/index.ts";
import {
  forbidden,
  holds,
  holdsForAll,
  mayGive,
  type Principal,
  permits,
  principalOf,
  type Target,
  userName,
} from "./index.ts";
import { Story, spec } from "./story.testing.ts";

const user = (userId: string, name: string) =>
  ({ type: "setUser", userId, name, origin: "local", subjectHash: null }) as const;
const token = (tokenId: string, userId: string | null, kind: "api" | "session" = "api") =>
  ({
    type: "issueToken",
    ...{ tokenId, hash: `h-${tokenId}`, label: "l", userId, scopes: null, kind, expiresAtMs: null },
  }) as const;
const grant = (userId: string, role: RoleGrant["role"], scope: string | null = null) =>
  ({ type: "grantRole", userId, role, scope }) as const;

/** A pool with a project, one under it, another beside it, and the user ana. */
function pool(...gpus: readonly number[]): Story {
  const story = new Story(...gpus);
  for (const [name, parent] of [
    ["speech", null],
    ["asr", "speech"],
    ["vision", null],
  ] as const) {
    story.ok({ type: "setProject", name, parent, shares: 1 });
  }
  story.ok(user("u1", "ana"));
  return story;
}

const who = (grants: readonly RoleGrant[], scopes: Principal["scopes"] = null): Principal => ({
  ...{ userId: "u1", name: "ana", grants, scopes },
});

test("a user is made once, renamed, and its name is nobody else's", () => {
  const story = pool();
  story.ok(user("u1", "ana"));
  assert.deepEqual(story.events, [], "the same again is no news");
  assert.equal(story.refused(user("u2", "ana")), "ALREADY_EXISTS");
  assert.equal(story.refused(user("u2", "admin")), "ALREADY_EXISTS");
  story.ok(user("u1", "anna"));
  story.ok(user("u2", "ana"));
  assert.equal(userName(story.state, "u1"), "anna");
  assert.equal(userName(story.state, null), "admin");
  const sub = { ...user("u3", "cy"), origin: "oidc" as const, subjectHash: "s" };
  story.ok(sub);
  assert.equal(story.refused({ ...sub, userId: "u4", name: "dy" }), "ALREADY_EXISTS");
  story.check();
});

test("roles of groups are replaced at every sign-in, granted ones stay", () => {
  const story = pool();
  story.ok(grant("u1", "auditor"));
  const groups = (...groupRoles: RoleGrant[]) => ({ ...user("u1", "ana"), groupRoles });
  story.ok(groups({ role: "researcher", scope: "speech" }));
  story.ok(user("u1", "ana"));
  assert.deepEqual(story.events, [], "a change without groups leaves them");
  story.ok(token("t1", "u1"));
  const grants = () => principalOf(story.state, story.state.tokens.get("t1")!).grants;
  assert.equal(grants().length, 2);
  story.ok(groups());
  assert.deepEqual(grants(), [{ role: "auditor", scope: null }]);
  const back = { ...grant("u1", "researcher", "speech"), type: "revokeRole" } as const;
  assert.equal(story.refused(back), "WRONG_STATE");
  story.check();
});

test("a role is granted once, over something that exists, and taken back", () => {
  const story = pool(1);
  story.ok(grant("u1", "researcher", "speech"));
  story.ok(grant("u1", "researcher", "speech"));
  assert.deepEqual(story.events, []);
  story.ok(grant("u1", "member-admin", "m0"));
  assert.equal(story.refused(grant("u9", "auditor")), "NOT_FOUND");
  assert.equal(story.refused(grant("u1", "researcher")), "INVALID_REQUEST");
  assert.equal(story.refused(grant("u1", "auditor", "speech")), "INVALID_REQUEST");
  assert.equal(story.refused(grant("u1", "researcher", "none")), "PROJECT_UNKNOWN");
  assert.equal(story.refused(grant("u1", "member-admin", "none")), "NOT_FOUND");
  story.ok({ type: "revokeRole", userId: "u1", role: "researcher", scope: "speech" });
  assert.deepEqual(story.state.users.get("u1")!.roles, [{ role: "member-admin", scope: "m0" }]);
  story.check();
});

test("a user that is disabled loses its tokens at once; its jobs do what was asked", () => {
  for (const jobs of ["keep", "cancel"] as const) {
    const story = pool(1);
    story.ok(token("t1", "u1"));
    story.ok(token("t2", "u1", "session"));
    story.ok(token("t3", null));
    const running = story.submit(spec({ user: "u1" }));
    const waiting = story.submit(spec({ user: "u1" }));
    const other = story.submit(spec({ user: "u2" }));
    const value = story.ok({ type: "disableUser", userId: "u1", jobs });
    const { cancelled } = value as { cancelled: string[] };
    assert.deepEqual(cancelled.toSorted(), jobs === "keep" ? [] : [running, waiting]);
    assert.equal(story.job(waiting).cancelled, jobs === "cancel");
    assert.equal(story.job(other).cancelled, false);
    const { tokens } = story.state;
    assert.deepEqual(
      [...tokens.values()].map(({ revoked }) => revoked),
      [true, true, false],
    );
    assert.equal(story.refused(token("t4", "u1")), "USER_DISABLED");
    story.ok({ type: "disableUser", userId: "u1", jobs: "keep" });
    assert.deepEqual(story.events, []);
    story.ok({ type: "enableUser", userId: "u1" });
    story.ok(token("t5", "u1"));
    assert.equal(tokens.get("t1")!.revoked, true, "what was revoked stays revoked");
    story.check();
  }
});

test("API tokens of a user are limited; a session too many ends the oldest one", () => {
  const story = pool();
  for (let i = 0; i < LIMITS.SESSIONS_PER_USER_MAX; i += 1) {
    story.ok(token(`s${i}`, "u1", "session"));
  }
  story.ok(token("more", "u1", "session"));
  assert.equal(story.state.tokens.get("s0")!.revoked, true);
  assert.equal(story.state.tokens.get("s1")!.revoked, false);
  for (let i = 0; i < LIMITS.TOKENS_PER_USER_MAX; i += 1) story.give(token(`t${i}`, "u1"));
  assert.equal(story.refused(token("one-more", "u1")), "TOO_MANY");
  assert.equal(story.refused(token("x", "nobody")), "NOT_FOUND");
  // The thousandth token swept sessions that are over; those that are good stayed.
  assert.equal(story.state.tokens.has("s0"), false);
  assert.equal(story.state.tokenHashes.has("h-s0"), false);
  assert.equal(story.state.tokens.has("s1"), true);
  story.check();
});

const anyGrant = fc
  .constantFrom(...ROLE_NAMES)
  .chain((role) =>
    fc
      .constantFrom("speech", "asr", "vision", "m0", "m1")
      .map((scope) => ({ role, scope: ROLES[role].scope === "none" ? null : scope })),
  );
const anyTarget: fc.Arbitrary<Target> = fc.record(
  {
    project: fc.constantFrom("speech", "asr", "vision"),
    member: fc.constantFrom("m0", "m1"),
    owner: fc.constantFrom("u1", "u2"),
  },
  { requiredKeys: [] },
);
const anyPermission = fc.constantFrom(...PERMISSION_NAMES);

test("who may do it to one thing holds the permission, and `all` means every thing", () => {
  const { state } = pool();
  fc.assert(
    fc.property(fc.array(anyGrant, { maxLength: 3 }), anyPermission, anyTarget, (grants, p, at) => {
      const asks = who(grants);
      if (permits(state, asks, p, at)) assert.ok(holds(asks, p));
      if (holdsForAll(asks, p)) assert.ok(permits(state, asks, p, at));
      // More roles never take anything away; a token that is cut down never adds.
      const more = who([...grants, { role: "researcher", scope: "speech" }]);
      if (permits(state, asks, p, at)) assert.ok(permits(state, more, p, at));
      const cut = who(grants, ["jobs.read"]);
      if (permits(state, cut, p, at)) assert.ok(permits(state, asks, p, at));
      if (p !== "jobs.read" && p !== "self.read") assert.ok(!permits(state, cut, p, at));
    }),
  );
});

test("those who check change nothing but their own tokens and sign-in", () => {
  const { state } = pool();
  const reads = /\.read$|^(?:tokens|sign-in)\.own$/;
  for (const role of ["auditor", "compliance-officer"] as const) {
    for (const permission of PERMISSION_NAMES) {
      const may = permits(state, who([{ role, scope: null }]), permission, { project: "speech" });
      assert.equal(may, reads.test(permission), `${role} ${permission}`);
    }
  }
});

test("a project's roles reach what lies under it and nothing beside it", () => {
  const { state } = pool();
  const lead = who([{ role: "project-lead", scope: "speech" }]);
  const mine = (project: string) => ({ project, owner: "u1" });
  assert.ok(permits(state, lead, "jobs.cancel", { project: "asr", owner: "u2" }));
  assert.ok(!permits(state, lead, "jobs.cancel", mine("vision")));
  assert.ok(
    !permits(state, who([{ role: "project-lead", scope: "asr" }]), "jobs.read", mine("speech")),
  );
  const worker = who([{ role: "researcher", scope: "speech" }]);
  assert.ok(permits(state, worker, "jobs.cancel", mine("asr")));
  assert.ok(!permits(state, worker, "jobs.cancel", { project: "asr", owner: "u2" }));
  assert.ok(!permits(state, { ...worker, userId: null }, "jobs.cancel", { project: "asr" }));
  const owner = who([{ role: "member-admin", scope: "m0" }]);
  assert.ok(permits(state, owner, "members.change", { member: "m0" }));
  assert.ok(!permits(state, owner, "members.change", { member: "m1" }));
  assert.ok(permits(state, owner, "jobs.read", { project: "vision", ranOn: (m) => m === "m0" }));
});

test("nobody gives more than their role may give, nor beyond its scope", () => {
  const { state } = pool();
  fc.assert(
    fc.property(anyGrant, anyGrant, (own, given) => {
      const may = mayGive(state, who([own]), given);
      if (own.role === "operator") return assert.ok(may);
      if (may) {
        assert.ok(ROLES[own.role].gives.includes(given.role));
        const bounded = ROLES[own.role].may["roles.manage"] === "scope";
        const within =
          given.scope === own.scope || (own.scope === "speech" && given.scope === "asr");
        if (bounded) assert.ok(within, `${own.scope} ${given.scope}`);
      }
      assert.ok(!mayGive(state, who([own], ["jobs.read"]), given), "a cut token gives nothing");
    }),
  );
});

test("a refusal says which permission and which roles are missing", () => {
  const no = forbidden(who([{ role: "researcher", scope: "asr" }]), "jobs.submit", {
    project: "vision",
  });
  assert.equal(no.code, "FORBIDDEN");
  assert.match(
    no.message,
    /lacks the permission jobs.submit for vision; ana has researcher of asr/,
  );
  assert.match(no.hint, /operator, project-lead, researcher/);
  const cut = forbidden(who([{ role: "operator", scope: null }], ["jobs.read"]), "jobs.cancel");
  assert.match(cut.message, /token was not given the permission jobs.cancel/);
});

const anyInput = fc.oneof(
  fc.record({
    type: fc.constant("setUser" as const),
    userId: fc.constantFrom("u1", "u2", "u3"),
    name: fc.constantFrom("ana", "bo", "cy"),
    origin: fc.constantFrom("local" as const, "oidc" as const),
    subjectHash: fc.constantFrom(null, "s1", "s2"),
    groupRoles: fc.array(anyGrant, { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constant("disableUser" as const),
    userId: fc.constantFrom("u1", "u2", "u3"),
    jobs: fc.constantFrom("keep" as const, "cancel" as const),
  }),
  fc.record({
    type: fc.constant("enableUser" as const),
    userId: fc.constantFrom("u1", "u2", "u3"),
  }),
  fc
    .tuple(fc.constantFrom("grantRole" as const, "revokeRole" as const), anyGrant)
    .map(([type, one]) => ({ type, userId: "u1", ...one })),
  fc
    .record({
      at: fc.nat(20),
      userId: fc.constantFrom(null, "u1", "u2"),
      kind: fc.constantFrom("api" as const, "session" as const),
    })
    .map(({ at, userId, kind }) => token(`t${at}`, userId, kind)),
  fc.nat(20).map((at) => ({ type: "revokeToken" as const, tokenId: `t${at}` })),
);

test("names are unique, and a user that is disabled has no good token, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 40 }), (inputs) => {
      const story = pool(1);
      story.submit(spec({ user: "u2" }));
      const { users, tokens, tokenHashes } = story.state;
      for (const input of inputs) {
        // Ids and hashes of tokens are new each time: the shell makes them by chance.
        if (input.type === "issueToken" && tokens.has(input.tokenId)) continue;
        story.give({ ...input, by: "admin" });
        const all = [...users.values()];
        assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
        for (const { userId, revoked } of tokens.values()) {
          if (userId !== null && users.get(userId)!.disabled) assert.ok(revoked);
        }
        assert.equal(tokenHashes.size, tokens.size);
      }
      story.check();
    }),
  );
});

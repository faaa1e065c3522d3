// The pages offer what the pool's role table allows, and nothing else.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROLES } from "@tequio/contract";
import { type Grant, givable, holds, may, mayGive, projectsAbove, type Who } from "./rights.ts";

function someone(...roles: readonly Omit<Grant, "byGroup">[]): Who {
  const permissions = new Set(roles.flatMap(({ role }) => Object.keys(ROLES[role].may)));
  return {
    name: "ana",
    roles: roles.map((grant) => ({ ...grant, byGroup: false })),
    permissions: [...permissions].map((permission) => ({ permission, reach: "" })),
    tokenId: "t1",
    tokenKind: "session",
  };
}

test("a member admin may change its own member and no other", () => {
  const who = someone({ role: "member-admin", scope: "lab" });
  assert.ok(may(who, "members.change", { member: "lab" }));
  assert.ok(!may(who, "members.change", { member: "plant" }));
  assert.ok(!may(who, "members.change"));
  assert.ok(may(who, "members.read"));
  assert.ok(!holds(who, "users.manage"));
});

test("what everybody may do with their own needs no role", () => {
  const nobody = { ...someone(), permissions: [{ permission: "tokens.own", reach: "own" }] };
  assert.ok(may(nobody, "tokens.own"));
  assert.ok(!may(nobody, "sign-in.own"));
});

test("what a role lets somebody do with its own is not offered for what is another's", () => {
  const who = someone({ role: "researcher", scope: "speech" });
  assert.ok(may(who, "jobs.cancel", { project: "speech", owner: "ana" }));
  assert.ok(!may(who, "jobs.cancel", { project: "speech", owner: "bo" }));
  assert.ok(!may(who, "jobs.cancel", { project: "vision", owner: "ana" }));
});

test("a role over a project reaches the projects under it", () => {
  const who = someone({ role: "project-lead", scope: "speech" });
  const projects = [
    { name: "speech", parent: null },
    { name: "whisper", parent: "speech" },
    { name: "vision", parent: null },
  ];
  const over = (project: string) =>
    may(who, "projects.change", { project, above: projectsAbove(projects, project) });
  assert.deepEqual(["speech", "whisper", "vision"].map(over), [true, true, false]);
});

test("a token that was cut down takes its permissions away from every role", () => {
  const who = { ...someone({ role: "operator" }), permissions: [] };
  assert.ok(!may(who, "users.manage"));
  assert.deepEqual(givable(who), []);
});

test("nobody is offered a role that theirs may not give", () => {
  const lead = someone({ role: "project-lead", scope: "speech" });
  assert.deepEqual(
    givable(lead).map(({ role, scopes }) => [role, scopes]),
    [
      ["project-lead", ["speech"]],
      ["researcher", ["speech"]],
    ],
  );
  const of = (scope: string, byGroup = false) =>
    mayGive(lead, { role: "researcher", scope, byGroup });
  assert.ok(of("speech"));
  assert.ok(!of("vision"));
  assert.ok(!of("speech", true), "what a group gives only the provider takes");
  assert.equal(givable(someone({ role: "operator" })).length, Object.keys(ROLES).length);
  assert.deepEqual(givable(someone({ role: "auditor" })), []);
});

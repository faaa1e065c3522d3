// What `--oidc-role` takes, and which roles somebody's groups give.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { good } from "../testing/setup.ts";
import { parseGroupRole, rolesOfGroups } from "./settings.ts";

test("a group stands for a role, with its scope where the role has one", () => {
  const cases: readonly (readonly [string, object])[] = [
    ["staff=auditor", { group: "staff", role: "auditor", scope: null }],
    ["a b=researcher:speech", { group: "a b", role: "researcher", scope: "speech" }],
    ["cn=gpu,dc=uni=operator", { group: "cn=gpu,dc=uni", role: "operator", scope: null }],
    ["/uni-a=member-admin:uni-a", { group: "/uni-a", role: "member-admin", scope: "uni-a" }],
  ];
  for (const [text, wanted] of cases) assert.deepEqual(good(parseGroupRole(text)), wanted);
  const bad = [
    "",
    "staff",
    "=auditor",
    "x=boss",
    "x=researcher",
    "x=auditor:y",
    "x=researcher:a:b",
  ];
  for (const text of bad) {
    const refused = parseGroupRole(text);
    assert.equal(refused.ok ? "" : refused.code, "USAGE", text);
  }
  fc.assert(fc.property(fc.string(), (text) => void parseGroupRole(text)));
});

test("somebody has each role of its groups once, and none of other groups", () => {
  const roles = ["a=auditor", "b=auditor", "b=researcher:x", "c=operator"].map((text) =>
    good(parseGroupRole(text)),
  );
  assert.deepEqual(rolesOfGroups(["b", "a", "A", "ca"], roles), [
    { role: "auditor", scope: null },
    { role: "researcher", scope: "x" },
  ]);
  assert.deepEqual(rolesOfGroups([], roles), []);
});

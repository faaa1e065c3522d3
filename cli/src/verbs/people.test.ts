// What the verbs about users, roles and tokens ask the pool, and what they print.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { UserView } from "@tequio/contract";
import { type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { NOW_MS, runCli } from "../testing/run-cli.ts";

const ana: UserView = {
  ...{ userId: "u1", name: "ana", origin: "local", disabled: false },
  createdAtMs: NOW_MS - 60_000,
  roles: [
    { role: "researcher", scope: "speech", byGroup: false },
    { role: "auditor", byGroup: true },
  ],
};
const me = {
  ...{ userId: "u1", name: "ana", roles: ana.roles, tokenId: "t1" },
  ...{ tokenKind: "api" as const, scopes: ["jobs.read"], expiresAtMs: NOW_MS + 86_400_000 },
  permissions: [{ permission: "jobs.read", reach: "speech" }],
};
const made = {
  ...{ tokenId: "t9", label: "ci", user: "ana", kind: "api" as const, createdAtMs: NOW_MS },
  ...{ revoked: false, token: "tq_new", scopes: ["jobs.read"] },
};

let pool: FakePool;
before(async () => {
  pool = await openFakePool({
    listUsers: () => ({ rows: [ana, { ...ana, name: "bo", disabled: true, roles: [] }] }),
    getUser: () => ana,
    setUser: ({ params, body }) => ({
      ...ana,
      name: (body as { rename?: string }).rename ?? params.name!,
    }),
    changeUser: ({ body }) => ({
      user: { ...ana, disabled: (body as { action: string }).action === "disable" },
      cancelled: ["17", "18"],
    }),
    grantRole: () => ana,
    revokeRole: () => ({ ...ana, roles: [] }),
    listRoles: () => ({
      rows: [{ role: "researcher", about: "Works.", scope: "project", permissions: [] }],
    }),
    whoami: () => me,
    createToken: () => made,
  });
});
after(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const run = (line: string) =>
  runCli(line.split(" "), { env: { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN } });
const asked = () => pool.asked.at(-1)!;

test("users are listed with their roles as `role grant` takes them", async () => {
  const { out } = await run("user list");
  assert.match(out, /ana +u1 +good +local .*researcher:speech, auditor \(by group\)/);
  assert.match(out, /bo .*disabled/);
  assert.match((await run("user show ana")).out, /Roles +researcher:speech/);
  assert.deepEqual((await run("user show ana --json")).json(), ana);
});

test("a user is made, renamed, disabled with its jobs, and enabled", async () => {
  assert.match((await run("user set cy")).out, /User +cy/);
  await run("user set cy --rename dy");
  assert.deepEqual(asked().body, { rename: "dy" });
  const off = await run("user disable ana --jobs cancel");
  assert.deepEqual(asked().body, { action: "disable", jobs: "cancel" });
  assert.match(off.out, /ana is disabled; its tokens are revoked\. 2 jobs cancelled/);
  await run("user disable ana");
  assert.deepEqual(asked().body, { action: "disable" });
  assert.match((await run("user enable ana")).out, /ana is enabled/);
});

test("roles are granted and revoked by one word with its scope", async () => {
  const { out } = await run("role grant ana researcher:speech");
  assert.deepEqual(asked().body, { role: "researcher", scope: "speech" });
  assert.equal(out, "ana now has: researcher:speech, auditor (by group).\n");
  assert.match((await run("role revoke ana auditor")).out, /no role/);
  assert.deepEqual(asked().body, { role: "auditor" });
  for (const bad of ["a:b:c", ":x", "x:"])
    assert.equal((await run(`role grant ana ${bad}`)).code, 2);
  assert.notEqual((await run("role grant ana reseacher:speech")).code, 0);
  assert.match((await run("role list")).out, /researcher:PROJECT +a project +Works/);
});

test("a lead adds people to its project and takes them out", async () => {
  await run("project add speech ana");
  assert.deepEqual([asked().name, asked().params.name], ["grantRole", "ana"]);
  assert.deepEqual(asked().body, { role: "researcher", scope: "speech" });
  await run("project remove speech ana --lead");
  assert.equal(asked().name, "revokeRole");
  assert.deepEqual(asked().body, { role: "project-lead", scope: "speech" });
});

test("whoami says whose token it is and what it may do", async () => {
  const { out } = await run("whoami");
  assert.match(out, /User +ana\n/);
  assert.match(out, /Token +t1, ends .*, for jobs.read only/);
  assert.match(out, /jobs\.read +speech/);
  assert.deepEqual((await run("whoami --json")).json(), me);
});

test("a token is cut down by scopes, ends when it is told to, and may be another's", async () => {
  await run("token create ci --scope jobs.read --scope jobs.submit --expires 1h --user ana");
  assert.deepEqual(asked().body, {
    ...{ label: "ci", expiresInMs: 3_600_000, user: "ana" },
    scopes: ["jobs.read", "jobs.submit"],
  });
  assert.notEqual((await run("token create ci --scope jobs.red")).code, 0);
});

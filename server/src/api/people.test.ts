// Proves what people meet: who they are, lists that show what is theirs, tokens that never do more
// than their user, and rights that end at once, also for streams and long polls.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { addUser } from "../testing/people.ts";
import { aMoment, good, startServer, type TestServer, until } from "../testing/setup.ts";

async function start(t: TestContext): Promise<TestServer> {
  const server = await startServer(t, good(await openMemoryStore()));
  for (const name of ["speech", "vision"]) {
    good(await server.client.call("createProject", { body: { name } }));
  }
  return server;
}

const codeOf = (outcome: { readonly ok: boolean; readonly code?: string }): string =>
  outcome.ok ? "fine" : (outcome.code ?? "");

test("whoami tells a user its roles and what they reach", async (t) => {
  const server = await start(t);
  const me = good(await server.client.call("whoami", {}));
  assert.equal(me.name, "admin");
  assert.deepEqual(me.roles, [{ role: "operator", byGroup: false }]);
  const ana = await addUser(server, "ana", "researcher:speech", ["jobs.cancel", "jobs.read"]);
  const she = good(await ana.client.call("whoami", {}));
  assert.equal(she.userId, ana.userId);
  assert.deepEqual(she.roles, [{ role: "researcher", scope: "speech", byGroup: false }]);
  assert.deepEqual(she.permissions, [
    { permission: "self.read", reach: "own" },
    { permission: "jobs.read", reach: "speech" },
    { permission: "jobs.cancel", reach: "own in speech" },
  ]);
  const nobody = await addUser(server, "bo");
  assert.equal(good(await nobody.client.call("whoami", {})).roles.length, 0);
  assert.equal(codeOf(await nobody.client.call("getPool", {})), "FORBIDDEN");
  assert.equal(good(await nobody.client.call("listRoles", {})).rows.length, 7);
});

test("lists and statements show what the roles reach, with the names of users", async (t) => {
  const server = await start(t);
  const ana = await addUser(server, "ana", "researcher:speech");
  const bo = await addUser(server, "bo", "researcher:vision");
  const site = await makeSite(t, server, "lab");
  for (const [user, project] of [
    [ana, "speech"],
    [bo, "vision"],
  ] as const) {
    const { id } = good(await user.client.call("submitJob", { body: { shell: "true", project } }));
    site.agent.report(await site.agent.order(id), ended(0));
    await until("the end", async () => {
      const job = good(await server.client.call("getJob", { params: { id } }));
      return job.state === "ended";
    });
  }
  const jobs = good(await ana.client.call("listJobs", { query: { state: "all" } })).rows;
  assert.deepEqual(
    jobs.map(({ project, user }) => [project, user]),
    [["speech", "ana"]],
  );
  assert.equal(
    good(await server.client.call("listJobs", { query: { state: "all" } })).rows.length,
    2,
  );
  const projects = good(await ana.client.call("listProjects", {})).rows;
  assert.deepEqual(
    projects.map(({ name }) => name),
    ["speech"],
  );
  const whole = good(await server.client.call("getUsage", {}));
  const part = good(await ana.client.call("getUsage", {}));
  assert.deepEqual([whole.lines.length, part.lines.length], [2, 1]);
  assert.equal(part.lines[0]!.user, "ana");
  assert.equal(part.totals.deviceMs, part.lines[0]!.deviceMs);
  const owner = await addUser(server, "olga", "member-admin:lab");
  assert.equal(good(await owner.client.call("getUsage", {})).lines.length, 2);
  assert.equal(
    good(await owner.client.call("listJobs", { query: { state: "all" } })).rows.length,
    2,
  );
  const shown = await ana.client.call("submitJob", { body: { shell: "true", project: "vision" } });
  assert.equal(codeOf(shown), "FORBIDDEN");
  assert.match(!shown.ok ? shown.message : "", /ana lacks the permission jobs.submit for vision/);
});

test("a token is never good for more or for longer than the one that made it", async (t) => {
  const server = await start(t);
  const ana = await addUser(server, "ana", "researcher:speech");
  const beyond = { label: "x", scopes: ["members.invite" as const] };
  assert.equal(codeOf(await ana.client.call("createToken", { body: beyond })), "FORBIDDEN");
  const cut = await addUser(server, "cy", "researcher:speech", ["tokens.own", "jobs.read"]);
  const child = good(await cut.client.call("createToken", { body: { label: "child" } }));
  assert.deepEqual(child.scopes, ["tokens.own", "jobs.read"]);
  const wider = { label: "x", scopes: ["jobs.submit" as const] };
  assert.equal(codeOf(await cut.client.call("createToken", { body: wider })), "FORBIDDEN");
  const forBo = { label: "x", user: "cy" };
  assert.equal(codeOf(await ana.client.call("createToken", { body: forBo })), "FORBIDDEN");
  const short = good(
    await server.client.call("createToken", { body: { label: "s", expiresInMs: 60_000 } }),
  );
  const made = await server.http("/v1/tokens", {
    ...{ method: "POST", token: short.token, body: JSON.stringify({ label: "long" }) },
    headers: { "content-type": "application/json" },
  });
  const long = (await made.json()) as { expiresAtMs: number };
  assert.equal(long.expiresAtMs, short.expiresAtMs);
  const mine = good(await ana.client.call("listTokens", {})).rows;
  assert.deepEqual(
    mine.map(({ user }) => user),
    ["ana"],
  );
});

test("a lead brings people into its project, and makes projects under it only", async (t) => {
  const server = await start(t);
  const lead = await addUser(server, "lea", "project-lead:speech");
  const { client } = lead;
  await addUser(server, "ana");
  const ana = { params: { name: "ana" } };
  const given = await client.call("grantRole", {
    ...ana,
    body: { role: "researcher", scope: "speech" },
  });
  assert.equal(good(given).roles.length, 1);
  for (const body of [
    { role: "researcher", scope: "vision" },
    { role: "auditor" },
    { role: "member-admin", scope: "speech" },
  ] as const) {
    assert.equal(codeOf(await client.call("grantRole", { ...ana, body })), "FORBIDDEN");
  }
  const create = async (name: string, parent?: string) =>
    codeOf(
      await client.call("createProject", {
        body: parent === undefined ? { name } : { name, parent },
      }),
    );
  assert.equal(await create("asr", "speech"), "fine");
  assert.equal(await create("tts"), "FORBIDDEN");
  assert.equal(await create("vision", "speech"), "FORBIDDEN", "it is not taken from elsewhere");
  assert.equal(await create("speech"), "FORBIDDEN", "its own shares are not its to change");
  const cap = async (name: string, caps: object) =>
    codeOf(await client.call("changeProject", { params: { name }, body: { caps } }));
  assert.equal(await cap("asr", { maxAccelerators: 2, perUser: { maxRunningJobs: 1 } }), "fine");
  assert.equal(await cap("speech", { maxAccelerators: null }), "FORBIDDEN");
  const asr = good(await client.call("listProjects", {})).rows.find(({ name }) => name === "asr");
  assert.deepEqual(asr?.caps, { maxAccelerators: 2, perUser: { maxRunningJobs: 1 } });
  assert.deepEqual([asr?.shares, asr?.parent], [1, "speech"], "what is not given stays");
  const deep = { role: "project-lead", scope: "asr" } as const;
  assert.equal(codeOf(await client.call("grantRole", { ...ana, body: deep })), "fine");
  assert.equal(codeOf(await client.call("revokeRole", { ...ana, body: deep })), "fine");
});

async function openStream(server: TestServer, token: string) {
  const reply = await server.http("/v1/events?after=0", { token });
  assert.equal(reply.status, 200);
  const stream = { text: "", over: false };
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of reply.body!) stream.text += decoder.decode(chunk as Uint8Array);
  })()
    .catch(() => undefined)
    .finally(() => {
      stream.over = true;
    });
  return stream;
}

test("the live stream shows what its reader may see and ends with the right to read", async (t) => {
  const server = await start(t);
  const ana = await addUser(server, "ana", "researcher:speech");
  const all = await openStream(server, server.token);
  const hers = await openStream(server, ana.token);
  await makeSite(t, server, "lab");
  for (const project of ["speech", "vision"]) {
    good(
      await server.client.call("submitJob", { body: { shell: "true", project, name: project } }),
    );
  }
  for (const project of ["speech", "vision"]) {
    const body = { shell: "true", project, name: project, array: "0-1" };
    good(await server.client.call("submitJob", { body }));
  }
  await until("the last array", () => all.text.includes('"arrayId":"4"'));
  await until("her array", () => hers.text.includes('"arrayId":"3"'));
  assert.ok(!hers.text.includes('"arrayId":"4"'));
  await until("the second job", () => all.text.includes('"jobId":"2"'));
  await until("her project's job", () => hers.text.includes('"jobId":"1"'));
  assert.ok(!hers.text.includes('"jobId":"2"'));
  assert.ok(!hers.text.includes('"name":"vision"'), "nor the other project");
  assert.ok(hers.text.includes("member.invited") && !hers.text.includes('"label":"admin"'));
  const role = { role: "researcher", scope: "speech" } as const;
  good(await server.client.call("revokeRole", { params: { name: "ana" }, body: role }));
  await until("the end of the stream", () => hers.over);
  assert.equal(all.over, false);
});

test("a long poll ends at once with its token, its role and its user", async (t) => {
  const server = await start(t);
  await makeSite(t, server, "lab");
  const body = { shell: "true", project: "speech" };
  const { id } = good(await server.client.call("submitJob", { body }));
  const name = { params: { name: "ana" } };
  const ana = await addUser(server, "ana", "researcher:speech");
  const waits = async (token: string, change: () => Promise<unknown>): Promise<string> => {
    const began = performance.now();
    const poll = server.http(`/v1/jobs/${id}/log?waitMs=20000`, { token });
    await aMoment();
    await change();
    const reply = (await (await poll).json()) as { code: string };
    assert.ok(performance.now() - began < 5_000, "it did not wait to the end");
    return reply.code;
  };
  const role = { role: "researcher", scope: "speech" } as const;
  const { client } = server;
  assert.equal(
    await waits(ana.token, () => client.call("revokeRole", { ...name, body: role })),
    "FORBIDDEN",
  );
  good(await client.call("grantRole", { ...name, body: role }));
  const revoke = () => client.call("revokeToken", { params: { name: ana.tokenId } });
  assert.equal(await waits(ana.token, revoke), "TOKEN_REVOKED");
  const again = good(await client.call("createToken", { body: { label: "b", user: "ana" } }));
  const disable = () => client.call("changeUser", { ...name, body: { action: "disable" } });
  assert.equal(await waits(again.token, disable), "TOKEN_REVOKED");
});

test("two roles add up, each over its own place", async (t) => {
  const server = await start(t);
  const ana = await addUser(server, "ana", "programme-manager");
  const body = { role: "researcher", scope: "speech" } as const;
  good(await server.client.call("grantRole", { params: { name: "ana" }, body }));
  for (const project of ["speech", "vision"]) {
    await server.server.pump.submit({ type: "setProject", name: project, parent: null, shares: 1 });
  }
  await makeSite(t, server, "lab");
  for (const project of ["speech", "vision"]) {
    good(await server.client.call("submitJob", { body: { shell: "true", project } }));
  }
  const may = async (id: string) => [
    codeOf(await ana.client.call("getJob", { params: { id } })),
    codeOf(await ana.client.call("readLog", { params: { id } })),
  ];
  assert.deepEqual(await may("1"), ["fine", "fine"]);
  assert.deepEqual(await may("2"), ["fine", "FORBIDDEN"]);
  // Keys in a job's environment are for those who may read what it writes.
  const stream = await openStream(server, ana.token);
  for (const project of ["speech", "vision"]) {
    const job = { shell: "true", project, env: { KEY: `secret-of-${project}` } };
    good(await server.client.call("submitJob", { body: job }));
  }
  const envOf = async (id: string) => good(await ana.client.call("getJob", { params: { id } })).env;
  assert.deepEqual(await envOf("3"), { KEY: "secret-of-speech" });
  assert.deepEqual(await envOf("4"), { KEY: "(hidden)" });
  await until("job 4", () => /"jobId":"4"[^\n]*\(hidden\)/.test(stream.text));
  assert.ok(stream.text.includes("secret-of-speech") && !stream.text.includes("secret-of-vision"));
});

test("the journal says who let whom do what", async (t) => {
  const server = await start(t);
  const boss = await addUser(server, "boss", "operator");
  const seen: { type: string; by?: string | undefined }[] = [];
  server.server.pump.onCommitted((events) => {
    for (const { event } of events) {
      seen.push({ type: event.type, by: "by" in event ? event.by : undefined });
    }
  });
  const ana = { params: { name: "ana" } };
  good(await boss.client.call("setUser", { ...ana, body: {} }));
  good(await boss.client.call("grantRole", { ...ana, body: { role: "auditor" } }));
  good(await boss.client.call("createToken", { body: { label: "x", user: "ana" } }));
  good(await server.client.call("changeUser", { ...ana, body: { action: "disable" } }));
  assert.deepEqual(seen, [
    ...["user.set", "role.granted", "token.issued"].map((type) => ({ type, by: boss.userId })),
    ...["token.revoked", "user.disabled"].map((type) => ({ type, by: "admin" })),
  ]);
});

test("users are listed by name in pages, renamed, and disabled by others only", async (t) => {
  const server = await start(t);
  const { client } = server;
  for (const name of ["cy", "ana", "bo"]) await addUser(server, name);
  const first = good(await client.call("listUsers", { query: { limit: 2 } }));
  const { nextCursor } = first;
  const second = good(await client.call("listUsers", { query: { limit: 2, cursor: nextCursor } }));
  const names = [...first.rows, ...second.rows].map(({ name }) => name);
  assert.deepEqual(names, ["ana", "bo", "cy"]);
  assert.equal(second.nextCursor, undefined);
  const renamed = await client.call("setUser", { params: { name: "cy" }, body: { rename: "dy" } });
  assert.equal(good(renamed).name, "dy");
  const none = await client.call("setUser", { params: { name: "cy" }, body: { rename: "ey" } });
  assert.equal(codeOf(none), "NOT_FOUND");
  const taken = await client.call("setUser", { params: { name: "dy" }, body: { rename: "ana" } });
  assert.equal(codeOf(taken), "ALREADY_EXISTS");
  const boss = await addUser(server, "boss", "operator");
  const off = { body: { action: "disable" as const } };
  const self = await boss.client.call("changeUser", { params: { name: "boss" }, ...off });
  assert.equal(codeOf(self), "WRONG_STATE");
  good(await boss.client.call("changeUser", { params: { name: "ana" }, ...off }));
  assert.equal(good(await client.call("getUser", { params: { name: "ana" } })).disabled, true);
});

test("a search finds users by a part of the name, by role and by its scope", async (t) => {
  const server = await start(t);
  const { client } = server;
  await addUser(server, "ana", "researcher:speech");
  await addUser(server, "anton", "researcher:vision");
  await addUser(server, "bo", "auditor");
  const names = async (query: object): Promise<string> =>
    good(await client.call("listUsers", { query }))
      .rows.map(({ name }) => name)
      .join();
  assert.equal(await names({ search: "AN" }), "ana,anton");
  assert.equal(await names({ role: "researcher", scope: "vision" }), "anton");
  assert.equal(await names({ scope: "speech", search: "bo" }), "");
  assert.equal(await names({ role: "auditor" }), "bo");
  good(await client.call("createToken", { body: { label: "bench", user: "bo" } }));
  const tokens = good(await client.call("listTokens", { query: { user: "bo" } })).rows;
  assert.deepEqual(new Set(tokens.map(({ user }) => user)), new Set(["bo"]));
});

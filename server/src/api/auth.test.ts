// Proves who may do what: persons, tasks and sites, with good, wrong, expired and revoked tokens.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makeClient } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";

const start = async (t: TestContext, options = {}): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()), options);

async function codeOf(server: TestServer, path: string, token: string | null): Promise<string> {
  const reply = await server.http(path, { token });
  const body = (await reply.json()) as { code?: string };
  return body.code ?? "fine";
}

test("a person's token opens the pool until it expires or is revoked", async (t) => {
  let ms = 1_700_000_000_000;
  const server = await start(t, { now: () => ms });
  const { client } = server;
  const made = good(
    await client.call("createToken", { body: { label: "ci", expiresInMs: 60_000 } }),
  );
  assert.equal(await codeOf(server, "/v1/pool", made.token), "fine");
  const listed = good(await client.call("listTokens", {}));
  assert.equal(listed.rows.length, 2);
  assert.ok(!JSON.stringify(listed).includes(made.token));
  ms += 120_000;
  assert.equal(await codeOf(server, "/v1/pool", made.token), "fine", "the wall clock is not asked");
  const gone = good(await client.call("createToken", { body: { label: "gone" } }));
  const revoked = good(await client.call("revokeToken", { params: { name: gone.tokenId } }));
  assert.equal(revoked.revoked, true);
  assert.equal(await codeOf(server, "/v1/pool", gone.token), "TOKEN_REVOKED");
  const short = good(await client.call("createToken", { body: { label: "x", expiresInMs: 1 } }));
  await until(
    "expiry",
    async () => (await codeOf(server, "/v1/pool", short.token)) === "TOKEN_EXPIRED",
  );
});

test("no token, a wrong one and one of another kind are told apart", async (t) => {
  const server = await start(t);
  assert.equal(await codeOf(server, "/v1/pool", null), "UNAUTHENTICATED");
  assert.equal(await codeOf(server, "/v1/pool", "tq_wrong"), "UNAUTHENTICATED");
  assert.equal(await codeOf(server, "/v1/pool", "x".repeat(4_000)), "UNAUTHENTICATED");
  assert.equal(await codeOf(server, "/v1/pool", "task.L1.1.AAAA"), "UNAUTHENTICATED");
  assert.equal(await codeOf(server, "/v1/runs/1/assignment", server.token), "FORBIDDEN");
  const { agent } = await makeSite(t, server, "uni-lab");
  const { siteToken } = await agent.nth("welcome");
  assert.equal(await codeOf(server, "/v1/pool", siteToken), "FORBIDDEN");
  const probe = await server.http("/v1/probe?bytes=70000", { token: siteToken });
  assert.equal((await probe.arrayBuffer()).byteLength, 70_000);
  const up = await server.http("/v1/probe", {
    ...{ method: "POST", token: siteToken, body: new Uint8Array(5_000) },
  });
  assert.deepEqual(await up.json(), { bytes: 5_000 });
  const changed = siteToken.replace(/\.\d+\./, ".9999999999999.");
  assert.equal(await codeOf(server, "/v1/probe", changed), "UNAUTHENTICATED");
  assert.equal(await codeOf(server, "/v1/probe?bytes=-1", siteToken), "INVALID_REQUEST");
});

test("a task token is good for its own job and only while its lease is open", async (t) => {
  const server = await start(t);
  const { agent } = await makeSite(t, server, "uni-lab");
  good(await server.client.call("submitJob", { body: { shell: "true" } }));
  const order = await agent.order("1");
  const token = order.start!.taskToken;
  assert.match(token, /^task\.L1\.1\./);
  assert.equal(await codeOf(server, "/v1/pool", token), "FORBIDDEN");
  assert.equal(await codeOf(server, "/v1/runs/2/assignment", token), "FORBIDDEN");
  const digest = `sha256:${"0".repeat(64)}`;
  assert.equal(await codeOf(server, `/v1/blobs/${digest}`, token), "NOT_FOUND");
  const put = await server.http(`/v1/blobs/${digest}`, {
    ...{ method: "PUT", token, body: new Uint8Array(4) },
  });
  assert.equal(((await put.json()) as { code: string }).code, "FORBIDDEN", "only runs put blobs");
  const forged = token.replace("task.L1.1.", "task.L1.2.");
  assert.equal(await codeOf(server, "/v1/runs/1/assignment", forged), "UNAUTHENTICATED");
  agent.report(order, ended(0));
  await until(
    "the end of the token",
    async () => (await codeOf(server, "/v1/runs/1/assignment", token)) === "TOKEN_EXPIRED",
  );
});

test("the operator's token survives a restart, and a revoked one is not made again", async (t) => {
  const first = good(await openMemoryStore());
  const one = await startServer(t, first);
  const { token, folder } = one;
  await one.server.close();
  const again = await startServer(t, first, { dataFolder: folder });
  assert.equal(again.server.adminToken, token);
  const [admin] = good(await again.client.call("listTokens", {})).rows;
  good(await again.client.call("revokeToken", { params: { name: admin!.tokenId } }));
  await again.server.close();
  const third = await startServer(t, first, { dataFolder: folder });
  assert.equal(third.server.adminToken, undefined);
  const refused = await makeClient({ url: third.server.url, token }).call("getPool", {});
  assert.equal(!refused.ok && refused.code, "TOKEN_REVOKED");
});

test("a port that is taken is refused with a hint", async (t) => {
  const server = await start(t);
  const store = good(await openMemoryStore());
  await assert.rejects(
    startServer(t, store, { port: server.server.port }),
    /PORT_TAKEN: Port \d+ of 127.0.0.1 is taken. \(Stop the other program/,
  );
});

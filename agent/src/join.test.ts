// How a folder becomes a site and stays one, and every way in which that is refused.
import assert from "node:assert/strict";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeJoinToken } from "@tequio/contract";
import { testSite, until } from "./testing/setup.ts";

const codeOf = (outcome: { readonly ok: boolean; readonly code?: string }): string =>
  outcome.ok ? "ok" : (outcome.code ?? "");

test("a first start joins, proves its key and keeps both for its owner only", async (t) => {
  const { pool, folder, start, lines } = await testSite(t);
  const agent = await start();
  await until("the welcome", () => agent.connected());
  assert.equal(agent.site?.siteId, "alice-1");
  assert.equal(agent.site?.poolUrl, pool.url);
  for (const name of ["agent.json", "key.pem", "agent.lock"]) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  const secret = [...pool.secrets.keys()][0]!;
  assert.ok(!readFileSync(join(folder, "agent.json"), "utf8").includes(secret));
  assert.ok(!lines.join("\n").includes(secret));
  const inventory = await until("the inventory", () =>
    pool.received.find((message) => message.type === "inventory"),
  );
  assert.equal(inventory.nodes[0]?.name, "node-a");
});

test("later starts go on as the same site, with the same token or with none", async (t) => {
  const { pool, start } = await testSite(t);
  const first = await start();
  await first.stop();
  assert.equal(codeOf(await first.stopped), "ok");
  const second = await start({ joinToken: undefined });
  await until("the welcome", () => second.connected());
  await second.stop();
  const third = await start();
  await until("the welcome again", () => third.connected());
  assert.equal(third.site?.siteId, "alice-1");
  assert.equal(pool.joins, 1);
});

test("a token that the pool refuses ends the agent with the pool's code and hint", async (t) => {
  const { pool, start, lines } = await testSite(t);
  for (const code of ["TOKEN_EXPIRED", "TOKEN_REVOKED", "UNAUTHENTICATED"] as const) {
    const agent = await start({ joinToken: pool.invite(code) });
    assert.equal(codeOf(await agent.stopped), code);
    const line = lines.find((one) => one.includes(`code=${code}`));
    assert.match(line ?? "", /^error .*hint="Ask for a new token\."/);
  }
  assert.equal(pool.joins, 3);
});

test("a damaged token, and none at all, end the agent without asking the pool", async (t) => {
  const { pool, start } = await testSite(t);
  const damaged = await start({ joinToken: pool.invite().slice(0, 20) });
  assert.equal(codeOf(await damaged.stopped), "UNAUTHENTICATED");
  const none = await start({ joinToken: undefined });
  assert.equal(codeOf(await none.stopped), "NOT_FOUND");
  assert.equal(pool.joins, 0);
});

test("a first join gives up on a pool that does not answer", async (t) => {
  const { start } = await testSite(t);
  const token = encodeJoinToken({ url: "http://127.0.0.1:9", secret: "0123456789abcdef" });
  const agent = await start({ joinToken: token });
  assert.equal(codeOf(await agent.stopped), "POOL_UNREACHABLE");
});

test("another token is refused while the pool knows the site, or cannot be asked", async (t) => {
  const { pool, start } = await testSite(t);
  await (await start()).stop();
  const other = pool.invite();
  const refused = await start({ joinToken: other });
  assert.equal(codeOf(await refused.stopped), "ALREADY_EXISTS");
  await pool.close();
  const unasked = await start({ joinToken: other });
  const outcome = await unasked.stopped;
  assert.equal(codeOf(outcome), "ALREADY_EXISTS");
  assert.match(outcome.ok ? "" : outcome.message, /could not be asked/);
  assert.equal(pool.joins, 1);
});

test("another token joins anew when the pool has forgotten the site", async (t) => {
  const { pool, start } = await testSite(t);
  await (await start()).stop();
  pool.sites.clear();
  const agent = await start({ joinToken: pool.invite() });
  await until("the welcome", () => agent.connected());
  assert.equal(agent.site?.generation, 2);
});

test("a site that its pool forgets ends with the code, not in a loop", async (t) => {
  const { pool, start, lines } = await testSite(t);
  const agent = await start();
  await until("the welcome", () => agent.connected());
  pool.sites.clear();
  pool.cut();
  assert.equal(codeOf(await agent.stopped), "SITE_UNKNOWN");
  assert.ok(lines.some((line) => line.startsWith("error") && line.includes("SITE_UNKNOWN")));
  const { dials } = pool;
  await new Promise((done) => setTimeout(done, 120));
  assert.equal(pool.dials, dials);
});

test("nothing is signed for another pool at the same address", async (t) => {
  const { pool, folder, start } = await testSite(t);
  await (await start()).stop();
  const path = join(folder, "agent.json");
  writeFileSync(path, readFileSync(path, "utf8").replace(pool.poolId, "pool-of-others"));
  const hellos = pool.received.filter((message) => message.type === "hello").length;
  const agent = await start();
  assert.equal(codeOf(await agent.stopped), "SITE_UNKNOWN");
  assert.equal(pool.received.filter((message) => message.type === "hello").length, hellos);
});

test("a damaged key ends the agent, and another key is refused by its signature", async (t) => {
  const { folder, start } = await testSite(t);
  await (await start()).stop();
  writeFileSync(join(folder, "key.pem"), "");
  const broken = await start();
  assert.equal(codeOf(await broken.stopped), "STORE_UNWRITABLE");
  rmSync(join(folder, "key.pem"));
  const forged = await start();
  assert.equal(codeOf(await forged.stopped), "SIGNATURE_INVALID");
});

test("an agent dials for ever while the pool is down, and is back when it is", async (t) => {
  const { pool, start } = await testSite(t);
  const agent = await start();
  await until("the welcome", () => agent.connected());
  await pool.close();
  await until("the cut", () => !agent.connected());
  await new Promise((done) => setTimeout(done, 150));
  await pool.open();
  await until("the welcome after the cut", () => agent.connected());
});

test("a pool that refuses for now is dialled again", async (t) => {
  const { pool, start } = await testSite(t);
  const agent = await start();
  await until("the welcome", () => agent.connected());
  pool.refuses = { code: "SHUTTING_DOWN", message: "The pool stops." };
  pool.cut();
  const { dials } = pool;
  await until("some dials", () => pool.dials > dials + 2);
  pool.refuses = undefined;
  await until("the welcome after the refusals", () => agent.connected());
});

test("a connection on which nothing is heard is given up and dialled again", async (t) => {
  const { pool, start } = await testSite(t);
  const agent = await start({ timing: { silentMs: 100 } });
  await until("the welcome", () => agent.connected());
  await new Promise((done) => setTimeout(done, 250));
  assert.equal(pool.dials, 1, "answered heartbeats keep a connection");
  pool.acksHeartbeats = false;
  await until("another dial", () => pool.dials > 1);
});

test("a second agent on a folder is refused; the lock of a dead one is taken over", async (t) => {
  const { folder, start } = await testSite(t);
  const first = await start();
  const second = await start();
  assert.equal(codeOf(await second.stopped), "WRONG_STATE");
  await until("the first to run on", () => first.connected());
  await first.stop();
  const dead = { pid: process.pid, startedAt: "1", word: "dead" };
  writeFileSync(join(folder, "agent.lock"), JSON.stringify(dead));
  const third = await start();
  await until("the third to run", () => third.connected());
});

test("a relay between agent and pool is named by the option, for tasks too", async (t) => {
  const { pool, start } = await testSite(t);
  const byName = pool.url.replace("127.0.0.1", "localhost");
  const agent = await start({ poolUrl: `${byName}/` });
  await until("the welcome", () => agent.connected());
  assert.equal(agent.site?.poolUrl, `${byName}/`);
});

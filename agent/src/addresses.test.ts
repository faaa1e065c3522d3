// Which of several control planes an agent dials: round and round, and the leader when it is named.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { PoolAddresses } from "./addresses.ts";
import { testSite, until } from "./testing/setup.ts";

test("addresses are tried round and round, and a leader that was named is tried once", () => {
  const addresses = new PoolAddresses("http://a/, http://b,");
  assert.equal(addresses.current, "http://a");
  addresses.failed();
  assert.equal(addresses.current, "http://b");
  assert.equal(addresses.named("http://c/"), true);
  assert.equal(addresses.current, "http://c");
  addresses.failed();
  assert.equal(addresses.current, "http://b", "whoever named it is asked again");
  addresses.failed();
  assert.equal(addresses.current, "http://a");
});

test("a leader without encryption is never dialled in place of an encrypted follower", () => {
  const addresses = new PoolAddresses("https://a");
  assert.equal(addresses.named("http://b"), false);
  assert.equal(addresses.named("ftp://b"), false);
  assert.equal(addresses.named(undefined), false);
  assert.equal(addresses.current, "https://a");
});

test("an agent goes from a dead address and a follower to the leader", async (t) => {
  const { pool, start } = await testSite(t);
  const follower = createServer();
  let asked = 0;
  follower.on("upgrade", (_request, socket) => {
    asked += 1;
    const head = `HTTP/1.1 421 Misdirected Request\r\ntequio-leader: ${pool.url}\r\n`;
    socket.end(`${head}connection: close\r\ncontent-length: 0\r\n\r\n`);
  });
  follower.on("request", (_request, reply) => {
    const problem = { code: "NOT_LEADER", message: "It follows.", hint: "Ask the leader." };
    reply.writeHead(421, { "tequio-leader": pool.url }).end(JSON.stringify(problem));
  });
  follower.listen(0, "127.0.0.1");
  await once(follower, "listening");
  t.after(() => follower.close());
  const { port } = follower.address() as AddressInfo;
  const poolUrl = `http://127.0.0.1:1,http://127.0.0.1:${port}`;
  const agent = await start({ poolUrl, timing: { joinForMs: 8_000 } });
  await until("the welcome", () => agent.connected());
  assert.ok(asked > 0, "the follower was asked and named the leader");
});

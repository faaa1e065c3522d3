// Lists over HTTP come in pages: every row once, and a cursor that is none of ours is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { makeSite } from "../testing/agent.ts";
import { good, startServer } from "../testing/setup.ts";

test("tokens come in pages, each once", async (t) => {
  const { client } = await startServer(t, good(await openMemoryStore()));
  const made: string[] = [];
  for (let i = 0; i < 5; i += 1) {
    const body = { label: `ci-${i}` };
    made.push(good(await client.call("createToken", { body })).tokenId);
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = good(await client.call("listTokens", { query: { limit: 2, cursor } }));
    assert.ok(page.rows.length <= 2);
    seen.push(...page.rows.map(({ tokenId }) => tokenId));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.deepEqual(seen.slice(1), made, "after the operator's own");
});

test("members and their nodes come in pages, and foreign cursors are refused", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const { client } = server;
  await makeSite(t, server, "alice");
  good(await client.call("inviteMember", { body: { name: "bob" } }));
  const first = good(await client.call("listMembers", { query: { limit: 1 } }));
  assert.deepEqual([first.rows[0]?.name, first.nextCursor], ["alice", "alice"]);
  const [site] = first.rows[0]?.sites ?? [];
  assert.deepEqual([site?.nodeCount, site?.accelerators, site?.acceleratorsFree], [1, 2, 2]);
  const query = { limit: 1, cursor: first.nextCursor };
  const second = good(await client.call("listMembers", { query }));
  assert.deepEqual([second.rows[0]?.name, second.nextCursor], ["bob", undefined]);
  const alice = good(await client.call("getMember", { params: { name: "alice" } }));
  assert.deepEqual(
    alice.nodes.map(({ site: id, name }) => [id, name]),
    [[site?.siteId, "n1"]],
  );
  const params = { name: "alice" };
  const cursor = "no such";
  for (const answer of [
    await client.call("listMembers", { query: { cursor } }),
    await client.call("listTokens", { query: { cursor } }),
    await client.call("getMember", { params, query: { cursor } }),
  ]) {
    assert.deepEqual(!answer.ok && [answer.code, answer.at], ["INVALID_REQUEST", "cursor"]);
  }
  const nobody = await client.call("getMember", { params: { name: "carol" } });
  assert.equal(!nobody.ok && nobody.code, "NOT_FOUND");
});

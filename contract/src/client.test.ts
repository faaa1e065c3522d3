// Tests of the client against a fetch that answers as it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeClient } from "./index.ts";

interface Call {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** A fetch that gives these answers in turn; an error is thrown as a broken connection is. */
function fakeFetch(...answers: readonly (Response | Error)[]) {
  const calls: Call[] = [];
  const fetch: typeof globalThis.fetch = async (url, init) => {
    const { method = "GET", headers, body } = init ?? {};
    calls.push({
      url: String(url),
      method,
      headers: headers as Record<string, string>,
      body: typeof body === "string" ? JSON.parse(body) : undefined,
    });
    const answer = answers[Math.min(calls.length, answers.length) - 1]!;
    if (answer instanceof Error) throw answer;
    return answer.clone();
  };
  return { calls, fetch };
}

const json = (value: unknown, status = 200): Response => Response.json(value, { status });
const broken = (): Error =>
  Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
const made = { id: "17", tasks: 1, state: "queued" };

test("a call goes to its address with token, query and body", async () => {
  const { calls, fetch } = fakeFetch(json({ rows: [] }), json(made, 201));
  const client = makeClient({ url: "http://pool:8420//", token: "t", fetch });
  assert.equal(client.url, "http://pool:8420");
  const listed = await client.call("listJobs", { query: { state: "queued", limit: 5 } });
  assert.deepEqual(listed, { ok: true, value: { rows: [] } });
  assert.equal(calls[0]!.url, "http://pool:8420/v1/jobs?state=queued&limit=5");
  assert.equal(calls[0]!.headers.authorization, "Bearer t");
  assert.ok(!("content-type" in calls[0]!.headers), "nothing is sent");
  const submitted = await client.call("submitJob", { body: { shell: "a" } });
  assert.deepEqual(submitted, { ok: true, value: made });
  assert.equal(calls[1]!.method, "POST");
  assert.deepEqual(calls[1]!.body, { shell: "a" });
  assert.equal(calls[1]!.headers["content-type"], "application/json");
});

test("parameters of a path cannot lead to another path", async () => {
  const { calls, fetch } = fakeFetch(json({}));
  const client = makeClient({ url: "http://pool", fetch });
  await client.call("getJob", { params: { id: "../members?x=/y" } });
  assert.equal(calls[0]!.url, "http://pool/v1/jobs/..%2Fmembers%3Fx%3D%2Fy");
});

test("a refusal of the pool comes back as a value with its code and hint", async () => {
  const problem = { code: "NOT_FOUND", message: "No job 9.", hint: "List them.", at: "id" };
  const { calls, fetch } = fakeFetch(json({ ...problem, requestId: "r1" }, 404));
  const client = makeClient({ url: "http://pool", fetch });
  const answer = await client.call("getJob", { params: { id: "9" } });
  assert.deepEqual(answer, { ok: false, ...problem, requestId: "r1" });
  assert.equal(calls.length, 1, "a refusal is an answer: it is not asked for again");
});

test("an answer that is no problem of ours still has a code", async () => {
  const { fetch } = fakeFetch(json({ error: "teapot" }, 418));
  const answer = await makeClient({ url: "http://pool", fetch }).call("getPool", {});
  assert.ok(!answer.ok && answer.code === "INTERNAL" && answer.message.includes("418"));
});

test("a pool that does not answer is a refusal with its address, after three tries", async () => {
  const { calls, fetch } = fakeFetch(broken());
  const answer = await makeClient({ url: "http://pool", fetch }).call("getPool", {});
  assert.ok(!answer.ok && answer.code === "POOL_UNREACHABLE");
  assert.match(answer.message, /http:\/\/pool does not answer \(ECONNREFUSED\)/);
  assert.match(answer.hint, /tequio up/);
  assert.equal(calls.length, 3);
});

test("a submission whose connection broke is sent again under the same key", async () => {
  const { calls, fetch } = fakeFetch(broken(), broken(), json(made, 201));
  const client = makeClient({ url: "http://pool", fetch });
  assert.deepEqual(await client.call("submitJob", { body: { shell: "a" } }), {
    ok: true,
    value: made,
  });
  const keys = calls.map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.ok(keys[0] !== undefined && keys[0].length > 20);
  assert.equal(new Set(keys).size, 1);
  const other = fakeFetch(json(made, 201));
  const again = makeClient({ url: "http://pool", fetch: other.fetch });
  await again.call("submitJob", { body: { shell: "a" } });
  assert.notEqual(other.calls[0]!.headers["idempotency-key"], keys[0]);
  await again.call("submitJob", { body: { shell: "a" }, idempotencyKey: "mine" });
  assert.equal(other.calls[1]!.headers["idempotency-key"], "mine");
});

test("a call that might have been done is not sent a second time", async () => {
  const { calls, fetch } = fakeFetch(broken(), json({}));
  const client = makeClient({ url: "http://pool", fetch });
  const answer = await client.call("inviteMember", { body: { name: "ana" } });
  assert.ok(!answer.ok && answer.code === "POOL_UNREACHABLE");
  assert.equal(calls.length, 1);
});

test("a call that was given up is not tried again", async () => {
  const stop = new AbortController();
  stop.abort();
  const { calls, fetch } = fakeFetch(new DOMException("aborted", "AbortError") as Error);
  const client = makeClient({ url: "http://pool", fetch });
  const answer = await client.call("getPool", { signal: stop.signal });
  assert.ok(!answer.ok && answer.code === "POOL_UNREACHABLE");
  assert.equal(calls.length, 1);
});

const notLeader = (leader?: string): Response =>
  Response.json(
    { code: "NOT_LEADER", message: "It follows.", hint: "Ask the leader." },
    { status: 421, headers: leader === undefined ? {} : { "tequio-leader": leader } },
  );

test("a write goes to the leader that a follower names, and later reads must know it", async () => {
  const seen = Response.json(made, { status: 201, headers: { "tequio-seq": "41" } });
  const { calls, fetch } = fakeFetch(notLeader("http://leader:1/"), seen, json({ rows: [] }));
  const client = makeClient({ url: "http://follower:1", token: "t", fetch });
  assert.ok((await client.call("submitJob", { body: { shell: "a" } })).ok);
  assert.ok((await client.call("listJobs", {})).ok);
  assert.deepEqual(
    calls.map(({ url }) => new URL(url).host),
    ["follower:1", "leader:1", "follower:1"],
  );
  assert.equal(calls[2]!.headers["tequio-min-seq"], "41");
  assert.equal(calls[1]!.headers["idempotency-key"], calls[0]!.headers["idempotency-key"]);
});

test("while nobody leads, and when the named leader is gone, a write looks on", async () => {
  const { calls, fetch } = fakeFetch(
    ...[notLeader(), notLeader("http://dead:1"), broken(), notLeader("http://next:1")],
    json({ name: "p", parent: null, shares: 1, usage: 0, jobsQueued: 0, jobsRunning: 0 }, 201),
  );
  const client = makeClient({ url: "http://follower:1", fetch });
  assert.ok((await client.call("createProject", { body: { name: "p" } })).ok);
  assert.deepEqual(
    calls.map(({ url }) => new URL(url).host),
    ["follower:1", "follower:1", "dead:1", "follower:1", "next:1"],
  );
});

test("a token never leaves encryption because a follower says so", async () => {
  const { calls, fetch } = fakeFetch(notLeader("http://plain:1"));
  const client = makeClient({ url: "https://follower:1", token: "t", fetch });
  const refused = await client.call("createProject", { body: { name: "p" } });
  assert.equal(!refused.ok && refused.code, "NOT_LEADER");
  assert.equal(calls.length, 1);
});

test("of several addresses the next one is asked when one does not answer", async () => {
  const { calls, fetch } = fakeFetch(broken(), json({ rows: [] }), json({ rows: [] }));
  const client = makeClient({ url: "http://a:1/, http://b:1", fetch });
  assert.ok((await client.call("listJobs", {})).ok);
  assert.ok((await client.call("listJobs", {})).ok);
  assert.deepEqual(
    calls.map(({ url }) => new URL(url).host),
    ["a:1", "b:1", "b:1"],
  );
  assert.equal(client.url, "http://b:1");
});

// Proves submitting and listing: idempotency keys, pages under change, filters.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { makeSite } from "../testing/agent.ts";
import { good, startServer, type TestServer } from "../testing/setup.ts";
import { digestOfRequest } from "./handlers/jobs.ts";

const start = async (t: TestContext): Promise<TestServer> => {
  const server = await startServer(t, good(await openMemoryStore()));
  await makeSite(t, server, "uni-lab");
  return server;
};

test("the same key and body give the same job, another body is refused", async (t) => {
  const { client } = await start(t);
  const submit = (shell: string, idempotencyKey: string) =>
    client.call("submitJob", { body: { shell }, idempotencyKey });
  const answers = await Promise.all([submit("a", "k"), submit("a", "k"), submit("a", "k")]);
  assert.deepEqual(new Set(answers.map((answer) => good(answer).id)), new Set(["1"]));
  const other = await submit("b", "k");
  assert.equal(!other.ok && other.code, "IDEMPOTENCY_MISMATCH");
  assert.equal(good(await submit("b", "l")).id, "2");
  const long = await submit("c", "k".repeat(300));
  assert.equal(!long.ok && long.code, "INVALID_REQUEST");
});

test("caps and deadlines hold for what is submitted, and are shown", async (t) => {
  const { client } = await start(t);
  const submit = (body: object) => client.call("submitJob", { body: { shell: "a", ...body } });
  const caps = { maxQueuedJobs: 1, perUser: { maxAccelerators: 0 } };
  const params = { name: "default" };
  const shown = good(await client.call("changeProject", { params, body: { caps } }));
  assert.deepEqual([shown.caps, shown.credit], [caps, 0]);
  const soon = await submit({ time: "2h", deadline: "1h" });
  assert.equal(!soon.ok && soon.code, "DEADLINE_TOO_SOON");
  const { id } = good(await submit({ time: "1h", deadline: "2h" }));
  const { deadlineMs, submittedAtMs } = good(await client.call("getJob", { params: { id } }));
  assert.equal(deadlineMs, submittedAtMs + 7_200_000);
  const none = await client.call("changeProject", { params: { name: "none" }, body: {} });
  assert.equal(!none.ok && none.code, "PROJECT_UNKNOWN");
  const array = await submit({ array: "0-1" });
  assert.equal(!array.ok && array.code, "QUEUE_CAP");
  const pool = good(await client.call("changePool", { body: { ageing: null } }));
  assert.equal(pool.ageing, null);
});

test("an array with a key is one array, however often it is sent", async (t) => {
  const { client } = await start(t);
  const input = { body: { shell: "a", array: "0-4%2" }, idempotencyKey: "k" };
  const first = good(await client.call("submitJob", input));
  assert.deepEqual(good(await client.call("submitJob", input)), first);
  assert.equal(first.tasks, 5);
  const { rows } = good(await client.call("listJobs", { query: { arrayId: first.id } }));
  assert.deepEqual(
    rows.map((row) => row.id),
    ["1_4", "1_3", "1_2", "1_1", "1_0"],
  );
  const whole = await client.call("getJob", { params: { id: "1" } });
  assert.match(whole.ok ? "" : whole.hint, /1_0/);
});

test("pages hold every job once, newest first, while more are submitted", async (t) => {
  const { client } = await start(t);
  for (let i = 0; i < 7; i += 1) {
    const array = i === 3 ? { array: "0-9" } : {};
    good(await client.call("submitJob", { body: { shell: "a", ...array } }));
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 3, ...(cursor === undefined ? {} : { cursor }) };
    const page = good(await client.call("listJobs", { query }));
    assert.ok(page.rows.length <= 3);
    seen.push(...page.rows.map((row) => row.id));
    cursor = page.nextCursor;
    good(await client.call("submitJob", { body: { shell: "later" } }));
  } while (cursor !== undefined);
  const tasks = Array.from({ length: 10 }, (_, i) => `4_${9 - i}`);
  assert.deepEqual(seen, ["7", "6", "5", ...tasks, "3", "2", "1"]);
});

test("filters by state, project and member agree with the jobs", async (t) => {
  const server = await start(t);
  const { client } = server;
  good(await client.call("createProject", { body: { name: "grid", shares: 2 } }));
  good(await client.call("submitJob", { body: { shell: "a", project: "grid" } }));
  good(await client.call("submitJob", { body: { shell: "a" } }));
  const ids = async (query: object) =>
    good(await client.call("listJobs", { query })).rows.map((row) => row.id);
  assert.deepEqual(await ids({ project: "grid" }), ["1"]);
  assert.deepEqual(await ids({ state: "ended" }), []);
  await server.server.pump.submit({ type: "schedule" });
  assert.deepEqual(await ids({ member: "uni-lab" }), ["2", "1"]);
  assert.deepEqual(await ids({ member: "nobody" }), []);
});

test("the digest of a request does not depend on the order of its fields", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 }), (body) => {
      const turned = Object.fromEntries(Object.entries(body).reverse());
      assert.equal(digestOfRequest(turned), digestOfRequest(body));
    }),
    { numRuns: 50 },
  );
  assert.notEqual(digestOfRequest({ a: [1, 2] }), digestOfRequest({ a: [2, 1] }));
});

// Proves the endpoints together: a job's whole way through them, refusals, and that every row of
// the contract is registered. Replies are checked against the contract's own shapes.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ENDPOINTS, type EndpointName } from "@tequio/contract";
import { CODES } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";

const start = async (t: TestContext, options = {}): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()), options);

/** Checks a reply against the contract's own shape, strictly. */
function checked<T>(name: EndpointName, value: T): T {
  const parsed = ENDPOINTS[name].reply.safeParse(value);
  assert.ok(parsed.success, `${name}: ${parsed.error?.message}`);
  return value;
}

test("a job walks through every endpoint that shows it", async (t) => {
  const server = await start(t);
  const { client } = server;
  const { agent } = await makeSite(t, server, "uni-lab");
  const body = { command: ["sleep", "1"], resources: { accelerators: 1 } };
  const job = checked("submitJob", good(await client.call("submitJob", { body })));
  assert.deepEqual([job.id, job.tasks], ["1", 1]);
  assert.match(job.state, /^(queued|leased)$/);
  const order = await agent.order("1");
  assert.equal(order.start!.tasks[0]!.command[0], "sleep");
  agent.report(order, { kind: "running" });
  await until("running", async () => {
    const view = good(await client.call("getJob", { params: { id: "1" } }));
    return checked("getJob", view).state === "running";
  });
  const pool = checked("getPool", good(await client.call("getPool", {})));
  assert.deepEqual(
    [pool.jobsRunning, pool.sitesHere, pool.accelerators, pool.acceleratorsFree],
    [1, 1, 2, 1],
  );
  const members = checked("listMembers", good(await client.call("listMembers", {})));
  assert.equal(members.rows[0]!.runningJobs, 1);
  assert.equal(members.rows[0]!.sites[0]!.nodes[0]!.freeAccelerators, 1);
  const why = checked("whyJob", good(await client.call("whyJob", { params: { id: "1" } })));
  assert.equal(why.state, "running");
  agent.report(order, ended(0, 2_000));
  await until("ended", async () => {
    const view = good(await client.call("getJob", { params: { id: "1" } }));
    return view.state === "ended" && view.outcome === "completed" && view.exitCode === 0;
  });
  const usage = checked("getUsage", good(await client.call("getUsage", {})));
  assert.equal(usage.lines.length, 1);
  assert.equal(usage.lines[0]!.jobName, "sleep");
  assert.equal(usage.totals.deviceMs, 2_000);
  const projects = checked("listProjects", good(await client.call("listProjects", {})));
  assert.ok(projects.rows[0]!.usage > 0);
});

test("a job that cannot start says why and can be cancelled", async (t) => {
  const server = await start(t);
  const { client } = server;
  const { site } = await makeSite(t, server, "uni-lab");
  const body = { shell: "true", resources: { accelerators: 2 }, name: "wide" };
  good(await client.call("submitJob", { body }));
  good(await client.call("submitJob", { body }));
  const waiting = await until("waiting", async () => {
    const { rows } = good(await client.call("listJobs", { query: { state: "queued" } }));
    return rows.length === 1 ? rows[0] : undefined;
  });
  await until("a reason", async () => {
    const { rows } = good(await client.call("listJobs", { query: { state: "queued" } }));
    return rows[0]!.reason.includes("accelerators");
  });
  const params = { id: waiting.id };
  const why = checked("whyJob", good(await client.call("whyJob", { params })));
  assert.equal(why.place, 1);
  assert.equal(why.reasons[0]!.code, "ACCELERATORS_BUSY");
  const log = checked("readLog", good(await client.call("readLog", { params })));
  assert.equal(log.attempt, 0);
  const done = checked("cancelJob", good(await client.call("cancelJob", { params })));
  assert.deepEqual(done.cancelled, [waiting.id]);
  assert.equal(server.server.pump.state.sites.get(site.siteId)!.state, "here");
  const again = await client.call("cancelJob", { params: { id: "99" } });
  assert.equal(!again.ok && again.code, "NOT_FOUND");
});

test("members are drained, recalled and resumed, and an invitation is revoked", async (t) => {
  const server = await start(t);
  const { client } = server;
  await makeSite(t, server, "uni-lab");
  const act = (name: string, action: "drain" | "recall" | "resume" | "revoke-invitation") =>
    client.call("changeMember", { params: { name }, body: { action } });
  assert.equal(checked("changeMember", good(await act("uni-lab", "drain"))).state, "draining");
  assert.equal(good(await act("uni-lab", "recall")).state, "recalled");
  assert.equal(good(await act("uni-lab", "resume")).state, "active");
  const invited = good(await client.call("inviteMember", { body: { name: "plant" } }));
  assert.match(invited.command, /^tequio agent --join tqj1\./);
  assert.equal(good(await act("plant", "revoke-invitation")).state, "invited");
  const publicKey = Buffer.from("no key").toString("base64");
  const body = { joinToken: invited.joinToken, publicKey, engine: "local" };
  const joined = await client.call("joinPool", { body });
  assert.equal(!joined.ok && joined.code, "INVALID_REQUEST");
  const missing = await act("nobody", "drain");
  assert.equal(!missing.ok && missing.code, "NOT_FOUND");
});

test("every endpoint of the contract is registered, and no other address", async (t) => {
  const { http } = await start(t);
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    const path = endpoint.path.replace(/:\w+/g, "1");
    const reply = await http(path, { method: endpoint.method, token: null });
    const { code, requestId } = (await reply.json()) as {
      code: keyof typeof CODES;
      requestId: string;
    };
    if (endpoint.callers.some((caller) => caller === "anyone")) {
      // Joining and signing in: answered, or refused for what was sent.
      assert.ok(code !== "NOT_FOUND" && code !== "UNAUTHENTICATED", `${name} ${code}`);
      continue;
    }
    assert.equal(code, "UNAUTHENTICATED", name);
    assert.equal(reply.status, CODES[code].status);
    assert.equal(requestId, reply.headers.get("x-request-id"));
  }
  const unknown = await http("/v1/nothing");
  assert.equal(unknown.status, 404);
  assert.equal(((await unknown.json()) as { code: string }).code, "NOT_FOUND");
});

test("bad input is refused with the field, the value and a hint", async (t) => {
  const { http, client } = await start(t);
  const post = async (body: string, type = "application/json") => {
    const reply = await http("/v1/jobs", {
      method: "POST",
      body,
      headers: { "content-type": type },
    });
    return { status: reply.status, ...((await reply.json()) as { code: string; hint: string }) };
  };
  assert.equal((await post("{")).code, "INVALID_REQUEST");
  assert.equal((await post("[]", "text/plain")).code, "INVALID_REQUEST");
  const near = await post(JSON.stringify({ shel: "true" }));
  assert.equal(near.code, "UNKNOWN_FIELD");
  assert.match(near.hint, /shell/);
  const huge = await post(JSON.stringify({ shell: "x".repeat(1_100_000) }));
  assert.deepEqual([huge.status, huge.code], [413, "TOO_LARGE"]);
  const deep = await post(`{"name":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
  assert.deepEqual([deep.status, deep.code], [400, "INVALID_REQUEST"]);
  const nothing = await client.call("submitJob", { body: {} });
  assert.equal(!nothing.ok && nothing.code, "INVALID_REQUEST");
  const both = await client.call("submitJob", { body: { shell: "x", command: ["x"] } });
  assert.equal(!both.ok && both.code, "INVALID_REQUEST");
  const project = await client.call("submitJob", { body: { shell: "x", project: "none" } });
  assert.equal(!project.ok && project.code, "PROJECT_UNKNOWN");
  const cursor = await client.call("listJobs", { query: { cursor: "x" } });
  assert.equal(!cursor.ok && cursor.at, "cursor");
});

test("openapi.json, health and the page without a console answer anybody", async (t) => {
  const { http } = await start(t);
  const document = (await (await http("/openapi.json", { token: null })).json()) as {
    paths: Record<string, unknown>;
  };
  assert.ok(document.paths["/v1/jobs/{id}"]);
  assert.equal((await http("/healthz", { token: null })).status, 200);
  assert.equal((await http("/readyz", { token: null })).status, 200);
  const page = await http("/", { token: null });
  assert.match(await page.text(), /console is not built/);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'/);
});

// Proves the gateway against a small agent: the handshake, orders, reports that come twice, cuts,
// logs, and full disks.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { createMemoryFaults, openMemoryStore } from "@tequio/stores/memory";
import {
  connect,
  dial,
  ended,
  farewellOf,
  helloOf,
  joinSite,
  makeSite,
  NODE,
} from "../testing/agent.ts";
import { aMoment, good, startServer, type TestServer, until } from "../testing/setup.ts";

const start = async (t: TestContext): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()));

const submit = async ({ client }: TestServer, body: object = {}): Promise<string> =>
  good(await client.call("submitJob", { body: { shell: "true", ...body } })).id;

const siteState = (server: TestServer, siteId: string) =>
  server.server.pump.state.sites.get(siteId)!.state;

const EMPTY_LOG = {
  type: "log" as const,
  ...{ task: 0, offset: 0, data: "", ended: true, droppedBytes: 0 },
};

// Side by side: some wait for the grace of a site that went away.
describe("the gateway", { concurrency: true }, () => {
  test("a site that signs is welcomed, told its leases, and renewed by heartbeats", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const welcome = await agent.nth("welcome");
    assert.equal(welcome.member, "uni-lab");
    assert.deepEqual(await agent.nth("leases"), { type: "leases", complete: true, orders: [] });
    agent.send({ type: "heartbeat", clockMs: 17.5 });
    const ack = await agent.nth("heartbeatAck");
    assert.equal(ack.clockMs, 17.5);
    assert.ok(ack.leaseForMs > 0 && ack.leaseForMs <= LIMITS.LEASE_HORIZON_MS);
    assert.equal(siteState(server, site.siteId), "here");
  });

  test("a wrong signature, an unknown site and an old nonce are turned away", async (t) => {
    const server = await start(t);
    const site = await joinSite(server, "uni-lab");
    const other = await joinSite(server, "plant");
    const first = await dial(t, server);
    const { nonce } = await first.nth("challenge");
    const forged = { ...site, key: other.key };
    first.send(helloOf(forged, nonce));
    assert.equal((await first.nth("refused")).code, "SIGNATURE_INVALID");
    await until("the close", () => first.closed);
    const second = await dial(t, server);
    second.send(helloOf(site, nonce));
    assert.equal((await second.nth("refused")).code, "SIGNATURE_INVALID");
    const third = await dial(t, server);
    third.send(helloOf({ ...site, siteId: "s0" }, (await third.nth("challenge")).nonce));
    assert.equal((await third.nth("refused")).code, "SITE_UNKNOWN");
    assert.equal(siteState(server, site.siteId), "joined");
  });

  test("a join token is good once, and for the same key again", async (t) => {
    const server = await start(t);
    const { client } = server;
    const { joinToken } = good(await client.call("inviteMember", { body: { name: "uni-lab" } }));
    const keyOf = async (): Promise<string> => {
      const { generateKeyPairSync } = await import("node:crypto");
      const { publicKey } = generateKeyPairSync("ed25519");
      return publicKey.export({ type: "spki", format: "der" }).toString("base64");
    };
    const [mine, theirs] = [await keyOf(), await keyOf()];
    const join = (publicKey: string) =>
      client.call("joinPool", { body: { joinToken, publicKey, engine: "local" } });
    const joined = good(await join(mine));
    assert.deepEqual(good(await join(mine)), joined, "the answer was lost on its way");
    const stolen = await join(theirs);
    assert.equal(!stolen.ok && stolen.code, "UNAUTHENTICATED");
    const cut = await client.call("joinPool", {
      body: { joinToken: joinToken.slice(0, -9), publicKey: mine, engine: "local" },
    });
    assert.equal(!cut.ok && cut.code, "UNAUTHENTICATED");
  });

  test("a message that is unreadable or comes before the hello ends the connection", async (t) => {
    const server = await start(t);
    const early = await dial(t, server);
    early.send({ type: "heartbeat", clockMs: 1 });
    assert.equal((await early.nth("refused")).code, "UNAUTHENTICATED");
    await until("the close", () => early.closed);
    const { agent } = await makeSite(t, server, "uni-lab");
    agent.socket.send("{}");
    assert.equal((await agent.nth("refused")).code, "INVALID_REQUEST");
    await until("the close", () => agent.closed);
  });

  test("a lease is ordered, reported twice, ended once, and never ordered again", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server);
    const order = await agent.order(id);
    assert.equal(order.fence, 1);
    agent.report(order, { kind: "starting" }, "r1");
    agent.report(order, { kind: "running" }, "r2");
    agent.report(order, { kind: "starting" }, "r1");
    agent.report(order, ended(3), "r3");
    agent.report(order, ended(3), "r3");
    await until("acks", () => agent.of("ack").length === 5);
    const job = server.server.pump.state.jobs.get(id)!;
    assert.deepEqual([job.outcome, job.exitCode, job.attempts], ["failed", 3, 1]);
    const unknown = { ...order, leaseId: "L99" };
    agent.report(unknown, ended(0), "r4");
    agent.report({ ...order, fence: 9 }, ended(0), "r5");
    await until("acks of what is not known", () => agent.of("ack").length === 7);
    const again = await connect(t, server, site);
    assert.deepEqual((await again.nth("leases")).orders, []);
  });

  test("a newer connection replaces the older one and gets all orders", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server);
    const order = await agent.order(id);
    const newer = await connect(t, server, site);
    await until("the close", () => agent.closed);
    assert.equal(agent.closed!.code, 4_001);
    const { orders } = await newer.nth("leases");
    assert.deepEqual(orders, [order]);
    assert.equal(siteState(server, site.siteId), "here");
    good(await server.client.call("cancelJob", { params: { id } }));
    const stop = await newer.order(id, "stop");
    assert.equal(stop.stop!.reason, "the job was cancelled");
    newer.report(order, { ...ended(null), endedBy: "stop" } as never);
    await until("the end", () => server.server.pump.state.jobs.get(id)!.outcome === "cancelled");
  });

  test("that a site is away is made up for when the disk was full", async (t) => {
    const faults = createMemoryFaults();
    const store = good(await openMemoryStore({ faults }));
    const server = await startServer(t, store);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    agent.socket.terminate();
    await aMoment(100);
    faults.fullCommits = 1;
    // The state runs ahead of the disk, so the refused commit is waited for before the good one.
    await until("the disk was full", () => faults.fullCommits === 0);
    const { seq: afterSeq } = store.journal.head();
    await until("it is written", () => store.journal.head().seq > afterSeq);
    const records = good(await store.journal.read({ afterSeq, limit: 100 }));
    assert.ok(records.some((record) => record.type === "site.away"));
    assert.equal(siteState(server, site.siteId), "away");
  });

  test("a site whose connection closes is away after a grace, and its lease stays", async (t) => {
    const server = await start(t);
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server);
    await agent.order(id);
    agent.socket.terminate();
    await aMoment(200);
    assert.equal(siteState(server, site.siteId), "here", "it may come back at once");
    await until("away", () => siteState(server, site.siteId) === "away");
    assert.equal(server.server.pump.state.jobs.get(id)!.stage, "active");
    const back = await connect(t, server, site);
    assert.equal((await back.nth("leases")).orders.length, 1);
    assert.equal(siteState(server, site.siteId), "here");
  });

  test("logs arrive by offset, wake a reader and end", async (t) => {
    const server = await start(t);
    const { agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server);
    const { leaseId } = await agent.order(id);
    const log = (offset: number, text: string, isEnded = false) =>
      agent.send({
        ...{ type: "log", leaseId, task: 0, offset, ended: isEnded, droppedBytes: 0 },
        data: Buffer.from(text).toString("base64"),
      });
    const read = (query: object) => server.client.call("readLog", { params: { id }, query });
    const waiting = read({ waitMs: 10_000 });
    await aMoment(30);
    log(0, "hello\n");
    assert.equal((await agent.nth("logAck")).nextOffset, 6);
    assert.equal(Buffer.from(good(await waiting).data, "base64").toString(), "hello\n");
    log(100, "after a hole");
    assert.equal((await agent.nth("logAck", 1)).nextOffset, 6);
    log(0, "hello\nworld\n", true);
    assert.equal((await agent.nth("logAck", 2)).nextOffset, 12);
    const rest = good(await read({ offset: 6 }));
    assert.deepEqual([rest.nextOffset, rest.ended], [12, true]);
    agent.send({ ...EMPTY_LOG, leaseId: "L99" });
    assert.equal((await agent.nth("logAck", 3)).leaseId, "L99", "it may forget that one");
    const wrong = await read({ task: 5 });
    assert.equal(!wrong.ok && wrong.code, "NOT_FOUND");
  });

  test("nothing is acknowledged that could not be kept, and the site tries again", async (t) => {
    const faults = createMemoryFaults();
    const server = await startServer(t, good(await openMemoryStore({ faults })));
    const { site, agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server);
    const order = await agent.order(id);
    faults.fullCommits = 1;
    agent.report(order, ended(0), "r1");
    await aMoment();
    assert.equal(agent.of("ack").length, 0);
    agent.report(order, ended(0), "r1");
    await agent.nth("ack");
    assert.equal(server.server.pump.state.jobs.get(id)!.outcome, "completed");
    assert.equal(siteState(server, site.siteId), "here");
  });

  test("an address that is not the gateway is not upgraded", async (t) => {
    const server = await start(t);
    const { default: WebSocket } = await import("ws");
    const socket = new WebSocket(`${server.server.url.replace("http", "ws")}/v1/other`);
    const error = await new Promise<Error>((done) => socket.once("error", done));
    assert.match(error.message, /404/);
  });

  test("a closed tab is gone at once; its farewell ends no later connection", async (t) => {
    const server = await start(t);
    const site = await joinSite(server, "ana", "browser");
    const tab = await connect(t, server, site);
    const { nonce } = await tab.nth("challenge");
    const said = farewellOf(site, nonce);
    const post = (body: object) =>
      server.http("/v1/tabs/farewell", {
        ...{ method: "POST", token: null, body: JSON.stringify(body) },
        headers: { "content-type": "application/json" },
      });
    const forged = await post({ ...said, nonce: "another" });
    assert.equal(forged.status, 401, await forged.text());
    assert.equal((await post({})).status, 400);
    assert.equal((await post({ ...said, siteId: "s0" })).status, 401);
    assert.equal(siteState(server, site.siteId), "here");
    assert.deepEqual(await (await post(said)).json(), { left: true });
    assert.equal(siteState(server, site.siteId), "away");
    await until("the close", () => tab.closed);
    assert.deepEqual(await (await post(said)).json(), { left: false }, "said twice");
    await connect(t, server, site);
    assert.deepEqual(await (await post(said)).json(), { left: false }, "the page was loaded again");
    assert.equal(siteState(server, site.siteId), "here");
  });

  test("a browser that ends a tab's connection as going away ends its leases", async (t) => {
    const server = await start(t);
    const site = await joinSite(server, "ana", "browser");
    const tab = await connect(t, server, site);
    tab.send({ type: "inventory", nodes: [structuredClone(NODE) as never] });
    const id = await submit(server);
    const order = await tab.order(id);
    tab.report(order, { kind: "running" });
    await until("running", () => server.server.pump.state.leases.get(order.leaseId)?.startedAtMs);
    tab.socket.close(1_001, "");
    const lease = server.server.pump.state.leases.get(order.leaseId)!;
    await until("the end of the lease", () => lease.stage === "ended");
    assert.equal(lease.end?.outcome, "recalled");
  });
});

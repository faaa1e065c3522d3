// Offers, recall and maintenance over HTTP, with an agent on the gateway: what is set holds for
// the scheduler, is told to the agent, and says who set it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { zoneOffsets } from "../offers/zone.ts";
import { connect, ended, makeSite } from "../testing/agent.ts";
import { addUser } from "../testing/people.ts";
import { good, startServer, until } from "../testing/setup.ts";

/** Monday 2026-03-02 12:00 UTC. */
const NOON_MS = Date.UTC(2026, 2, 2, 12);
const HOUR_MS = 3_600_000;

test("an offer that is set holds at once, is told to the agent and explains itself", async (t) => {
  const now = () => NOON_MS;
  const server = await startServer(t, good(await openMemoryStore()), { now });
  const { agent, site } = await makeSite(t, server, "alice");
  const admin = await addUser(server, "ana", "member-admin:alice");
  const params = { name: "alice" };
  const before = good(await admin.client.call("listOffers", { params })).rows;
  assert.deepEqual([before.length, before[0]!.version, before[0]!.acceleratorsLent], [1, 0, 2]);

  const running = good(await server.client.call("submitJob", { body: { shell: "true" } }));
  const order = await agent.order(running.id);
  agent.report(order, { kind: "running" });
  const offer = {
    hours: { zone: "Europe/Berlin", windows: ["Mon-Fri 18:00-08:00"] },
    devices: [{ node: "n*", count: 1 }],
    recallGraceMs: 90_000,
    prices: { cpu: 7, models: [] },
  };
  const body = { offer, ifVersion: 0 } as const;
  const set = good(await admin.client.call("setOffer", { params, body }));
  assert.equal(set.changedBy, "ana");
  assert.deepEqual([set.acceleratorsLent, set.open], [1, false]);
  // 18:00 in Berlin is 17:00 UTC in March.
  assert.equal(set.opensAtMs, NOON_MS + 5 * HOUR_MS);

  const stop = await agent.order(running.id, "stop");
  assert.equal(stop.stop?.graceMs, 90_000);
  const terms = await until("the terms", () => agent.of("terms").at(-1)?.terms);
  assert.deepEqual(terms.devices, offer.devices);
  assert.equal(terms.hours?.offsets[0]?.minutes, 60);
  agent.report(order, { ...ended(null), endedBy: "stop" } as never);
  const why = await until("the reason", async () => {
    const told = good(await server.client.call("whyJob", { params: { id: running.id } }));
    return JSON.stringify(told).includes("OFFER_HOURS") ? told : undefined;
  });
  assert.match(JSON.stringify(why), /alice lends only Mon-Fri 18:00-08:00 \(Europe\/Berlin\)/);

  const stale = await admin.client.call("setOffer", { params, body });
  assert.ok(!stale.ok && stale.code === "WRONG_STATE");
  good(await server.client.call("inviteMember", { body: { name: "eves" } }));
  const other = await addUser(server, "eve", "member-admin:eves");
  const theirs = await other.client.call("setOffer", { params, body: { offer } });
  assert.ok(!theirs.ok && theirs.code === "FORBIDDEN");
  for (const hours of [
    { zone: "Mars/Olympus", windows: [] },
    { zone: "UTC", windows: ["never"] },
  ]) {
    const bad = await admin.client.call("setOffer", { params, body: { offer: { hours } } });
    assert.ok(!bad.ok && bad.code === "INVALID_REQUEST", JSON.stringify(bad));
  }

  const reset = good(await admin.client.call("resetOffer", { params, query: {} }));
  assert.deepEqual([reset.version, reset.open], [0, true]);
  await agent.order(running.id, "run");
  // A site that comes back hears its terms before its orders.
  const again = await connect(t, server, site);
  const types = again.messages.map(({ type }) => type);
  assert.ok(types.indexOf("terms") !== -1 && types.indexOf("terms") < types.indexOf("leases"));
});

test("devices are recalled one by one; maintenance is planned, shown and cancelled", async (t) => {
  const now = () => NOON_MS;
  const server = await startServer(t, good(await openMemoryStore()), { now });
  const { agent } = await makeSite(t, server, "alice");
  const { client } = server;
  const body = { shell: "true", resources: { accelerators: 2 } };
  const { id } = good(await client.call("submitJob", { body }));
  await agent.order(id);
  const params = { name: "alice" };
  const recall = { action: "recall" as const, devices: ["n1/cpu1"], graceMs: 500 };
  good(await client.call("changeMember", { params, body: recall }));
  assert.equal((await agent.order(id, "stop")).stop?.graceMs, 500);
  const [row] = good(await client.call("listOffers", { params })).rows;
  assert.deepEqual([row!.acceleratorsLent, row!.recalledDevices], [1, ["n1/cpu1"]]);
  good(await client.call("changeMember", { params, body: { action: "resume" } }));

  const window = { member: "alice", fromMs: NOON_MS + HOUR_MS, toMs: NOON_MS + 2 * HOUR_MS };
  const planned = good(await client.call("planMaintenance", { body: window }));
  assert.equal(planned.state, "planned");
  const { rows } = good(await client.call("listMaintenance", { query: { member: "alice" } }));
  assert.deepEqual(rows, [planned]);
  await until("the terms", () => agent.of("terms").at(-1)?.terms.maintenance.length === 1);
  const cancel = { params: { id: planned.id } };
  good(await client.call("cancelMaintenance", cancel));
  const twice = await client.call("cancelMaintenance", cancel);
  assert.ok(!twice.ok && twice.code === "NOT_FOUND");
  const empty = { ...window, toMs: window.fromMs };
  const refused = await client.call("planMaintenance", { body: empty });
  assert.ok(!refused.ok && refused.code === "INVALID_REQUEST");
});

test("a zone's offsets are those of its clocks, to the minute of each change", () => {
  const berlin = good(zoneOffsets("Europe/Berlin", NOON_MS));
  assert.deepEqual(berlin.slice(0, 3), [
    { fromMs: 0, minutes: 60 },
    { fromMs: Date.UTC(2026, 2, 29, 1), minutes: 120 },
    { fromMs: Date.UTC(2026, 9, 25, 1), minutes: 60 },
  ]);
  assert.ok(berlin.length >= 20, `${berlin.length} changes in ten years`);
  assert.deepEqual(good(zoneOffsets("Asia/Kolkata", NOON_MS)), [{ fromMs: 0, minutes: 330 }]);
});

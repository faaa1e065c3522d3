// Reservations over HTTP, with an agent on the gateway: who may make one, whom it serves, and what
// a job that waits for it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { makeSite } from "../testing/agent.ts";
import { addUser } from "../testing/people.ts";
import { good, startServer, until } from "../testing/setup.ts";

/** Monday 2026-03-02 12:00 UTC. */
const NOON_MS = Date.UTC(2026, 2, 2, 12);
const HOUR_MS = 3_600_000;

test("a reservation keeps what it names for its project, and tells others why", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()), { now: () => NOON_MS });
  const { agent } = await makeSite(t, server, "alice");
  const { client } = server;
  for (const name of ["lab", "class"]) good(await client.call("createProject", { body: { name } }));
  const window = { fromMs: NOON_MS, toMs: NOON_MS + HOUR_MS, reason: "course" };
  const body = { project: "class", accelerators: 2, ...window };
  const made = good(await client.call("createReservation", { body }));
  assert.deepEqual([made.id, made.state, made.by], ["r-1", "now", "admin"]);
  const kept = { member: "alice", node: "n1", accelerators: ["cpu0", "cpu1"], here: true };
  assert.deepEqual(
    made.kept.map(({ site: _, ...rest }) => rest),
    [kept],
  );
  assert.deepEqual(good(await client.call("listReservations", {})).rows, [made]);

  const job = { shell: "true", resources: { accelerators: 1 } };
  const other = good(await client.call("submitJob", { body: { ...job, project: "lab" } }));
  const own = good(await client.call("submitJob", { body: { ...job, project: "class" } }));
  await agent.order(own.id);
  const why = await until("the reason", async () => {
    const told = good(await client.call("whyJob", { params: { id: other.id } }));
    return JSON.stringify(told).includes("RESERVATION") ? told : undefined;
  });
  const text = "held for reservation r-1 of project class from 2026-03-02 12:00 UTC to";
  assert.ok(JSON.stringify(why).includes(text), JSON.stringify(why));

  const more = await client.call("createReservation", { body: { ...body, accelerators: 3 } });
  assert.ok(!more.ok && more.code === "RESERVATION_TOO_LARGE");
  const cancel = { params: { id: "r-1" } };
  good(await client.call("cancelReservation", cancel));
  await agent.order(other.id);
  const twice = await client.call("cancelReservation", cancel);
  assert.ok(!twice.ok && twice.code === "NOT_FOUND");
});

test("only who may change the pool reserves, and only what makes sense", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()), { now: () => NOON_MS });
  await makeSite(t, server, "alice");
  const ana = await addUser(server, "ana", "researcher:default");
  const window = { fromMs: NOON_MS, toMs: NOON_MS + HOUR_MS };
  const body = { user: "ana", nodes: 1, ...window };
  const hers = await ana.client.call("createReservation", { body });
  assert.ok(!hers.ok && hers.code === "FORBIDDEN");
  const { client } = server;
  const made = good(await client.call("createReservation", { body }));
  assert.deepEqual([made.user, made.nodes, made.accelerators], ["ana", 1, undefined]);
  assert.deepEqual(good(await ana.client.call("listReservations", {})).rows, [made]);
  for (const wrong of [
    { project: "default", ...window },
    { project: "default", nodes: 1, accelerators: 1, ...window },
    { nodes: 1, ...window },
    { project: "default", nodes: 1, fromMs: NOON_MS, toMs: NOON_MS },
  ]) {
    const refused = await client.call("createReservation", { body: wrong });
    assert.ok(!refused.ok && refused.code === "INVALID_REQUEST", JSON.stringify(refused));
  }
  const nobody = await client.call("createReservation", { body: { ...body, user: "eve" } });
  assert.ok(!nobody.ok && nobody.code === "NOT_FOUND");
});

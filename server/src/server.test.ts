// Proves a control plane on a real disk across a restart, and the modes of its secrets.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeState } from "@tequio/core/controller";
import { openSqliteStore } from "@tequio/stores/sqlite";
import { recover } from "./pump.ts";
import { connect, ended, makeSite } from "./testing/agent.ts";
import { good, startServer, testFolder, until } from "./testing/setup.ts";

test("a pool on disk survives a restart with its jobs, tokens, sites and blobs", async (t) => {
  const folder = testFolder(t);
  const dataFolder = join(folder, "data");
  const open = async () => good(await openSqliteStore({ folder: join(folder, "store") }));
  const store = await open();
  const first = await startServer(t, store, { dataFolder });
  const { site, agent } = await makeSite(t, first, "uni-lab");
  const body = { shell: "true" };
  const { id } = good(await first.client.call("submitJob", { body, idempotencyKey: "k" }));
  const order = await agent.order(id);
  agent.report(order, { kind: "running" });
  await agent.nth("ack");
  const before = encodeState(first.server.pump.state);
  await first.server.close();
  await store.close();
  const again = await open();
  assert.equal(encodeState(good(await recover(again))), before);
  const second = await startServer(t, again, { dataFolder });
  assert.equal(second.token, first.token);
  assert.equal(good(await second.client.call("submitJob", { body, idempotencyKey: "k" })).id, id);
  assert.equal(second.server.pump.state.sites.get(site.siteId)!.state, "away");
  const back = await connect(t, second, site);
  const { orders } = await back.nth("leases");
  assert.deepEqual(orders, [order], "the same lease, fence and task token");
  back.report(order, ended(0));
  await until("the end", () => second.server.pump.state.jobs.get(id)!.outcome === "completed");
  assert.equal(second.server.pump.state.jobs.get(id)!.attempts, 1);
});

test("secrets are readable by their owner alone", async (t) => {
  const folder = testFolder(t);
  const store = good(await openSqliteStore({ folder: join(folder, "store") }));
  await startServer(t, store, { dataFolder: folder });
  const modeOf = (...path: string[]) => statSync(join(folder, "secrets", ...path)).mode & 0o777;
  assert.equal(modeOf(), 0o700);
  assert.equal(modeOf("key"), 0o600);
  assert.equal(modeOf("admin-token"), 0o600);
});

// Parts of an accelerator over HTTP, with an agent on the gateway: an owner who shares, two jobs on
// one GPU, and what lists say of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite, NODE } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";

const GPU = {
  id: "gpu0",
  kind: "gpu",
  vendor: "NVIDIA",
  model: "H100",
  memoryMiB: 81_920,
} as const;

test("two jobs have halves of one GPU, as soon as its owner shares it", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const { agent } = await makeSite(t, server, "alice", { ...NODE, accelerators: [GPU] });
  const { client } = server;
  const body = { shell: "true", resources: { accelerators: 0.5 } };
  const refused = await client.call("submitJob", { body });
  assert.ok(!refused.ok && refused.code === "IMPOSSIBLE_REQUEST");
  assert.match(refused.message, /alice lends its accelerators only as a whole/);

  const params = { name: "alice" };
  const offer = { shareAccelerators: true };
  const set = good(await client.call("setOffer", { params, body: { offer } }));
  assert.equal(set.offer.shareAccelerators, true);
  await until("the terms", () => agent.of("terms").at(-1)?.terms.shareAccelerators === true);
  const ids = [];
  for (let i = 0; i < 3; i += 1) ids.push(good(await client.call("submitJob", { body })).id);
  const first = await agent.order(ids[0]!);
  const second = await agent.order(ids[1]!);
  for (const order of [first, second]) {
    const { acceleratorIds, partMilli } = order.start!.tasks[0]!.placement;
    assert.deepEqual([acceleratorIds, partMilli], [["gpu0"], 500]);
  }
  const job = good(await client.call("getJob", { params: { id: ids[0]! } }));
  assert.equal(job.accelerators, 0.5);
  assert.equal((job.resources as { readonly accelerators: number }).accelerators, 0.5);
  const held = { node: "n1", id: "gpu0", model: "H100", part: 0.5 };
  assert.deepEqual(job.leases[0]?.accelerators, [held]);
  assert.equal(good(await client.call("getJob", { params: { id: ids[2]! } })).state, "queued");

  agent.report(first, { kind: "running" });
  agent.report(first, ended(0, 1_000));
  await agent.order(ids[2]!);
  const { totals } = good(await client.call("getUsage", { query: {} }));
  assert.equal(totals.deviceMs, 500);
});

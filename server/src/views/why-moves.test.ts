// Moves through the whole control plane: an operator turns them on, a wide job gets its room, and
// both jobs are told why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite, NODE } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";

test("a job that moves and the one that has room then are told so, and it counts", async (t) => {
  const started = await startServer(t, good(await openMemoryStore()), {});
  const { client, server } = started;
  const { agent } = await makeSite(t, started, "uni-lab");
  const nodes = ["n1", "n2"].map((name) => ({ ...NODE, name }));
  agent.send({ type: "inventory", nodes: nodes as never });
  await until("two nodes", () => [...server.pump.state.sites.values()][0]!.nodes.length === 2);
  const submit = async (accelerators: number, preemptible: boolean): Promise<string> => {
    const resources = { accelerators, cpus: 0.5 };
    const body = { shell: "true", resources, preemptible, time: "10h" };
    return good(await client.call("submitJob", { body })).id;
  };
  const why = async (id: string) => good(await client.call("whyJob", { params: { id } }));
  assert.equal(good(await client.call("getPool", {})).moves, false);
  assert.equal(good(await client.call("changePool", { body: { moves: true } })).moves, true);
  const small: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const id = await submit(1, true);
    small.push(id);
    agent.report(await agent.order(id), { kind: "running" });
    await until("it runs", async () => (await why(id)).state === "running");
  }
  // The first two are on one node; one of them ends, and two halves are left.
  agent.report(await agent.order(small[0]!), ended(0));
  await until("it ended", async () => (await why(small[0]!)).state === "ended");
  const wide = await submit(2, false);
  await until("one moves", async () => (await why(wide)).reasons[0]?.code === "MOVING");
  const { moving } = server.pump.state;
  const [moved] = [...moving.keys()];
  assert.ok(moved !== undefined && small.includes(moved));
  assert.match(
    (await why(moved)).leases.at(-1)!.facts[0]!,
    /moves from node .* so that job .* has/,
  );
  const metrics = await (await started.http("/metrics")).text();
  assert.match(metrics, /^tequio_lease_moves_total 1$/m);
  const stop = await agent.order(moved, "stop");
  agent.report(stop, { ...ended(null), endedBy: "stop" } as never);
  await until("both run", () => moving.size === 0 && server.pump.state.queue.size === 0);
  const { reason } = server.pump.state.leases.get(
    server.pump.state.jobs.get(moved)!.leaseIds.at(-1)!,
  )!.lease;
  assert.match(reason, new RegExp(`it was moved here so that job ${wide} has room`));
});

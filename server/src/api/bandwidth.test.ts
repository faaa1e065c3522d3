// What an owner lets training use of its link, over HTTP: set, shown as it was written, told to the
// agent, and known to the runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { linkOf } from "@tequio/core/controller";
import { openMemoryStore } from "@tequio/stores/memory";
import { makeSite } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";

test("an owner's bounds on its link reach the agent and the planner", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const { agent } = await makeSite(t, server, "alice");
  const { client } = server;
  const params = { name: "alice" };
  const { state } = server.server.pump;
  const [siteId] = [...state.sites.keys()];
  assert.equal(linkOf(state, siteId!).upCapMbitPerS, undefined);
  assert.equal(agent.of("terms").at(-1)?.terms.bandwidth, undefined);

  const hours = { zone: "Europe/Berlin", windows: ["Mon-Sun 00:00-24:00"] };
  const bandwidth = [
    { upMbitPerS: 20, hours },
    { downMbitPerS: 3.5, hours: null },
  ];
  const set = good(await client.call("setOffer", { params, body: { offer: { bandwidth } } }));
  assert.deepEqual(set.offer.bandwidth, bandwidth);
  const terms = await until("the terms", () => agent.of("terms").at(-1)?.terms.bandwidth);
  assert.deepEqual(
    terms.map((rule) => [rule.upMbitPerS, rule.downMbitPerS, rule.hours?.spans.length]),
    [
      [20, undefined, 1],
      [undefined, 3.5, undefined],
    ],
  );
  const { upCapMbitPerS, downCapMbitPerS } = linkOf(server.server.pump.state, siteId!);
  assert.deepEqual([upCapMbitPerS, downCapMbitPerS], [20, 3.5]);

  const wrong = [{ upMbitPerS: 1, hours: { zone: "UTC", windows: ["Someday"] } }];
  const refused = await client.call("setOffer", { params, body: { offer: { bandwidth: wrong } } });
  assert.ok(!refused.ok && refused.code === "INVALID_REQUEST");
  assert.equal(refused.at, "offer.bandwidth.0.hours.windows");
});

// What a run would take, over HTTP, on sites of known speeds, links and prices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENDPOINTS } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { makeSite } from "../testing/agent.ts";
import { good, startServer } from "../testing/setup.ts";

const MODEL = { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 };
const job = (run: object) => ({ name: "p", run: { model: MODEL, stop: { tokens: 2e6 }, ...run } });

test("a plan names the best sites, and what others and other settings would change", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const links = { fast: [1, 1_000], near: [0.6, 100], attic: [0.6, 0.5] } as const;
  for (const [name, [gemmGflops, mbit]] of Object.entries(links)) {
    const { site } = await makeSite(t, server, name);
    const link = { rttMs: 20, upMbitPerS: mbit, downMbitPerS: mbit };
    const known = server.server.pump.state.sites.get(site.siteId)!;
    known.calibration = { ...known.calibration!, gemmGflops, link };
  }
  const { state } = server.server.pump;
  const idOf = (name: string): string =>
    [...state.sites.values()].find(({ member }) => member === name)!.siteId;
  const ask = async (run: object) => good(await server.client.call("planRun", { body: job(run) }));
  const plan = await ask({});
  assert.ok(ENDPOINTS.planRun.reply.safeParse(plan).success);
  assert.equal(plan.parameters, 837_888);
  assert.equal(plan.sites[0]!.siteId, idOf("fast"));
  assert.ok(plan.sites.every(({ known }) => known === "calibrated"));
  const [first, ...others] = plan.choices;
  assert.deepEqual(new Set(first!.sites), new Set([idOf("fast"), idOf("near")]));
  assert.ok(first!.tokens >= 2e6 && first!.pace === 1);
  const perHour = plan.sites
    .filter(({ siteId }) => first!.sites.includes(siteId))
    .reduce((sum, { microPerHour }) => sum + microPerHour, 0);
  assert.equal(first!.costMicro, Math.ceil((perHour * first!.durationMs) / 3_600_000));
  const by = (why: string) => others.find((one) => one.why === why)!;
  assert.ok(
    by("every site that could take part").durationMs >= first!.durationMs,
    "a bad link adds nothing",
  );
  assert.ok(by("the fastest site alone").durationMs > 1.2 * first!.durationMs);
  assert.ok(by("everything up as fp16").bytesUp > 2 * first!.bytesUp);
  assert.ok(by("an exchange every 500 steps").rounds < first!.rounds / 4);
  const times = others.map(({ durationMs }) => Math.round(durationMs));
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    "the fastest first",
  );
  const bounded = await ask({ maxMembers: 1, innerSteps: 30, codecUp: "int8" });
  assert.ok(bounded.choices.every((one) => one.sites.length === 1 && one.innerSteps === 30));
  const timed = await ask({ stop: { minutes: 5 } });
  assert.ok(timed.choices.every(({ durationMs }) => durationMs === 300_000));
});

test("a plan of what is no run, or what no site could run, is refused", async (t) => {
  const server = await startServer(t, good(await openMemoryStore()));
  const plan = (body: object) => server.client.call("planRun", { body });
  const none = await plan(job({}));
  assert.ok(!none.ok && none.code === "IMPOSSIBLE_REQUEST");
  await makeSite(t, server, "lab");
  const batch = await plan({ shell: "true" });
  assert.ok(!batch.ok && batch.code === "INVALID_REQUEST" && batch.at === "run");
  const huge = await plan({ ...job({}), resources: { model: "H100", accelerators: 1 } });
  assert.ok(!huge.ok && huge.code === "IMPOSSIBLE_REQUEST", JSON.stringify(huge));
  assert.match(!huge.ok ? huge.message : "", /H100/);
});

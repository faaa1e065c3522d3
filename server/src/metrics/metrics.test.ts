// Proves that a scrape tells the truth: about jobs, leases and devices through their whole life,
// after a restart, in both formats, and only to those who may read it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";
import { METRICS, SLURM_METRICS } from "./definitions.ts";

const TEXT = /^([a-zA-Z_:][\w:]*)(\{[^}]*\})? (\S+)$/;

/** Both pages, the pool's own and Slurm's names. */
async function pageOf({ http }: TestServer): Promise<string> {
  const replies = await Promise.all([http("/metrics"), http("/metrics/slurm")]);
  for (const reply of replies) assert.equal(reply.status, 200);
  return (await Promise.all(replies.map((reply) => reply.text()))).join("");
}

/** The samples of a page by name and labels. */
async function scrape(server: TestServer): Promise<ReadonlyMap<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await pageOf(server)).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels = "", value] = TEXT.exec(line) ?? [];
    assert.ok(name !== undefined && value !== undefined, `a sample: ${line}`);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

const start = async (t: Parameters<typeof startServer>[0], options = {}) =>
  startServer(t, good(await openMemoryStore()), options);

test("jobs, leases and devices are counted through a whole life", async (t) => {
  const server = await start(t);
  const { agent } = await makeSite(t, server, "uni-lab");
  const before = await scrape(server);
  assert.equal(before.get('tequio_accelerators{vendor="other",kind="cpu",state="free"}'), 2);
  assert.equal(before.get('tequio_nodes{state="free"}'), 1);
  assert.equal(before.get("tequio_gateway_connections"), 1);
  for (const shell of ["a", "b"]) {
    const body = { shell, resources: { cpus: 4 } };
    good(await server.client.call("submitJob", { body }));
  }
  const order = await agent.order("1");
  agent.report(order, { kind: "starting" });
  agent.report(order, { kind: "running" });
  await until("it runs", async () => {
    return (await scrape(server)).get('tequio_leases{stage="running"}') === 1;
  });
  const running = await scrape(server);
  assert.equal(running.get('tequio_jobs{state="active"}'), 1);
  assert.equal(running.get('tequio_jobs{state="queued"}'), 1);
  assert.equal(running.get("slurm_queue_pending"), 1);
  assert.equal(running.get('tequio_nodes{state="used"}'), 1);
  assert.equal(running.get('tequio_nodes{state="free"}'), 0);
  assert.equal(running.get("slurm_nodes_alloc"), 1);
  assert.equal(running.get("tequio_placements_total"), 1);
  assert.equal(running.get("tequio_job_wait_seconds_count"), 1);
  agent.report(order, ended(3));
  await until("it has ended", async () => {
    return (await scrape(server)).get('tequio_jobs{state="failed"}') === 1;
  });
  await agent.order("2");
  const after = await scrape(server);
  assert.equal(after.get('tequio_leases{stage="running"}'), 0);
  assert.equal(after.get('tequio_leases{stage="leased"}'), 1);
  assert.equal(after.get('tequio_nodes{state="used"}'), 1);
  assert.equal(after.get('tequio_lease_ends_total{outcome="failed"}'), 1);
  assert.equal(after.get("tequio_jobs_submitted_total"), 2);
  assert.equal(after.get("tequio_journal_sequence"), server.server.pump.state.seq);
  assert.ok((after.get("tequio_journal_append_records_sum") ?? 0) >= 8);
  assert.ok((after.get("tequio_scheduler_pass_seconds_count") ?? 0) >= 2);
});

test("a lease that was open at a restart is followed to its end", async (t) => {
  const store = good(await openMemoryStore());
  const first = await startServer(t, store);
  const { agent } = await makeSite(t, first, "uni-lab");
  good(await first.client.call("submitJob", { body: { shell: "a" } }));
  await agent.order("1");
  await first.server.close();
  const second = await startServer(t, store, { dataFolder: first.folder });
  const samples = await scrape(second);
  assert.equal(samples.get('tequio_leases{stage="leased"}'), 1);
  assert.equal(samples.get('tequio_jobs{state="active"}'), 1);
  assert.equal(samples.get("tequio_jobs_submitted_total"), 1);
  assert.equal(samples.get('tequio_nodes{state="used"}'), 1);
});

test("draining members have draining nodes, sites that went have none free", async (t) => {
  const server = await start(t);
  const { agent } = await makeSite(t, server, "uni-lab");
  good(
    await server.client.call("changeMember", {
      params: { name: "uni-lab" },
      body: { action: "drain" },
    }),
  );
  assert.equal((await scrape(server)).get("slurm_nodes_drain"), 1);
  agent.socket.terminate();
  await until("it is away", async () => {
    const samples = await scrape(server);
    return (
      samples.get('tequio_nodes{state="away"}') === 1 && samples.get("slurm_nodes_drain") === 0
    );
  });
});

test("only who may reads metrics, and a token for them opens nothing else", async (t) => {
  const server = await start(t, { metricsToken: "scrape-me" });
  const status = async (path: string, token: string | null): Promise<number> =>
    (await server.http(path, { token })).status;
  assert.equal(await status("/metrics", null), 401);
  assert.equal(await status("/metrics/slurm", null), 401);
  assert.equal(await status("/metrics", "scrape-you"), 401);
  assert.equal(await status("/metrics", "scrape-me"), 200);
  assert.equal(await status("/v1/jobs", "scrape-me"), 401);
  const body = { label: "narrow", scopes: ["jobs.read" as const] };
  const narrow = good(await server.client.call("createToken", { body }));
  assert.equal(await status("/metrics", narrow.token), 403);
});

test("OpenMetrics is given to who asks for it, and ends as it must", async (t) => {
  const server = await start(t);
  const ask = (accept: string) => server.http("/metrics", { headers: { accept } });
  const [open, plain] = await Promise.all([
    ask("application/openmetrics-text; version=1.0.0,text/plain;q=0.5"),
    ask("text/plain"),
  ]);
  assert.match(open.headers.get("content-type") ?? "", /^application\/openmetrics-text/);
  const text = await open.text();
  assert.ok(text.endsWith("# EOF\n"));
  assert.match(text, /# TYPE tequio_jobs_submitted counter\n/);
  assert.match(plain.headers.get("content-type") ?? "", /^text\/plain/);
  assert.match(await plain.text(), /# TYPE tequio_jobs_submitted_total counter\n/);
});

test("requests are counted by pattern, so that made-up addresses make no series", async (t) => {
  const server = await start(t);
  for (let i = 0; i < 20; i += 1) await server.http(`/v1/jobs/${i}`);
  for (let i = 0; i < 20; i += 1) await server.http(`/v1/${i}`);
  const samples = await scrape(server);
  const missed = 'tequio_http_requests_total{method="GET",route="/v1/jobs/:id",status="404"}';
  assert.equal(samples.get(missed), 20);
  const rows = [...samples.keys()].filter((key) => key.startsWith("tequio_http_requests_total"));
  assert.ok(rows.length <= 3, rows.join("\n"));
});

test("every metric of the table is on the page, as are all that Grafana names", async (t) => {
  const server = await start(t);
  const page = await pageOf(server);
  const names = Object.values(METRICS).map(({ name }) => name);
  for (const name of [...names, ...Object.keys(SLURM_METRICS)]) {
    assert.match(page, new RegExp(`^# TYPE ${name} `, "m"));
  }
  const folder = join(import.meta.dirname, "../../../docs/grafana");
  const files = ["tequio.json", "alerts.yml"].map((file) =>
    readFileSync(join(folder, file), "utf8"),
  );
  const used = files.join("\n").match(/\b(tequio|slurm|process|nodejs)_\w+/g) ?? [];
  assert.ok(used.length > 20);
  for (const name of new Set(used)) {
    const base = name.replace(/_(bucket|sum|count)$/, "");
    assert.ok(page.includes(`# TYPE ${base} `), `${name} is exported`);
  }
});

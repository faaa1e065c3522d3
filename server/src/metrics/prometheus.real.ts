// Proves the metrics with a real Prometheus: it scrapes the pool and says that it is up, its linter
// finds nothing to say of metrics and alerts, and it understands every query of the dashboard.
// Needs `apt-get install prometheus`.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, testFolder } from "../testing/setup.ts";

const TOKEN = "a-token-for-metrics-alone";
/** Prometheus takes its targets every 5 s. */
const WAIT_MS = 30_000;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** A Prometheus that scrapes this port every second; gives its address. */
async function startPrometheus(t: TestContext, target: number): Promise<string> {
  const folder = testFolder(t);
  const port = await freePort();
  const config = join(folder, "prometheus.yml");
  writeFileSync(join(folder, "token"), TOKEN);
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: tequio
    authorization: { credentials_file: ${join(folder, "token")} }
    static_configs: [{ targets: ["127.0.0.1:${target}"] }]
`,
  );
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "data")}`];
  const child = spawn("prometheus", [...args, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: "ignore",
  });
  const left = new Promise((done) => child.once("exit", done));
  t.after(async () => {
    child.kill("SIGKILL");
    await left;
  });
  return `http://127.0.0.1:${port}`;
}

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function query(url: string, text: string): Promise<readonly Result[]> {
  const reply = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`);
  const body = (await reply.json()) as { status: string; data?: { result: Result[] } };
  assert.equal(body.status, "success", `${text}: ${JSON.stringify(body)}`);
  return body.data?.result ?? [];
}

async function untilAnswered(url: string, text: string): Promise<readonly Result[]> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const result = await query(url, text).catch(() => []);
    if (result.length > 0) return result;
    if (performance.now() > endMs) throw new Error(`no answer to ${text}`);
    await sleep(300);
  }
}

test("a real Prometheus scrapes the pool, lints it and answers the dashboard", async (t) => {
  const store = good(await openMemoryStore());
  const server = await startServer(t, store, { metricsToken: TOKEN });
  const { agent } = await makeSite(t, server, "uni-lab");
  good(await server.client.call("submitJob", { body: { shell: "a" } }));
  agent.report(await agent.order("1"), ended(0));
  const prometheus = await startPrometheus(t, server.server.port);

  await untilAnswered(prometheus, 'up{job="tequio"} == 1');
  const done = await untilAnswered(prometheus, 'tequio_jobs{state="completed"} == 1');
  assert.equal(done[0]?.value[1], "1");
  await untilAnswered(prometheus, "rate(tequio_http_requests_total[10s]) > 0");

  const page = await (await server.http("/metrics", { token: TOKEN })).text();
  const lint = spawnSync("promtool", ["check", "metrics"], { input: page, encoding: "utf8" });
  assert.deepEqual([lint.status, lint.stdout, lint.stderr], [0, "", ""]);

  const grafana = join(import.meta.dirname, "../../../docs/grafana");
  const rules = spawnSync("promtool", ["check", "rules", join(grafana, "alerts.yml")]);
  assert.equal(rules.status, 0, String(rules.stderr));
  const file = join(grafana, "tequio.json");
  const { panels } = JSON.parse(readFileSync(file, "utf8")) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  let answered = 0;
  const targets = panels.flatMap((panel) => panel.targets ?? []);
  for (const { expr } of targets) {
    const text = expr.replaceAll("$job", "tequio").replaceAll("$__rate_interval", "10s");
    answered += (await query(prometheus, text)).length > 0 ? 1 : 0;
  }
  // Some ask about what has not happened here: errors, refusals, trainings.
  t.diagnostic(`${answered} of ${targets.length} queries of the dashboard have an answer`);
  assert.ok(answered >= targets.length * 0.75, `${answered} of ${targets.length}`);
});

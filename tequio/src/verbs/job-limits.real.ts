// A job's own limits of disk and processes, from the command line to the kernel of a walled site
// and back. What the walls and groups do in every case is in isolation.real.ts of the engines.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Client, makeClient } from "@tequio/contract";
import { type Process, runTequio, startTequio, until } from "../testing/real-pool.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-job-limits-"));
const home = join(root, "home");
let pool: Process;
let client: Client;

before(async () => {
  const flags = ["--json", "--no-open", "--port", "0", "--isolation", "sandbox"];
  pool = startTequio(home, ["up", ...flags, "--data", join(root, "pool")]);
  const ready = await pool.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  client = makeClient({ url: String(ready.url), token: String(ready.token) });
});
after(async () => {
  pool.child.kill("SIGINT");
  await pool.ended;
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

/** Submits and waits for the end; gives how it ended and what was written. */
async function run(...args: string[]): Promise<{ outcome?: string; why: string; log: string }> {
  const sent = await runTequio(home, ["submit", "--json", ...args]);
  assert.equal(sent.code, 0, sent.errors);
  const id = String((JSON.parse(sent.out) as { id: unknown }).id);
  const job = await until(`job ${id} has ended`, async () => {
    const found = await client.call("getJob", { params: { id } });
    return found.ok && found.value.state === "ended" ? found.value : undefined;
  });
  const log = await runTequio(home, ["logs", id]);
  return { outcome: job.outcome, why: JSON.stringify(job), log: log.out };
}

test("a job that writes more than it asked for fails with OUT_OF_DISK", async () => {
  const many = "for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done; sleep 20";
  const over = await run("--disk", "16M", "--", "sh", "-c", many);
  assert.equal(over.outcome, "failed");
  assert.match(over.why, /OUT_OF_DISK: The tasks here wrote more than their 16 MiB/);
  const within = await run("--disk", "60M", "--", "sh", "-c", "head -c 40000000 /dev/zero > one");
  assert.equal(within.outcome, "completed");
});

test("a job has the processes that it asked for, or is told that nobody counts them", async () => {
  const site = await client.call("listMembers", {});
  assert.ok(site.ok);
  const counted = JSON.stringify(site.value).includes('"process-limit":"job"');
  // Without a limit 60 sleepers do no harm; with one of 40 the shell gives up.
  const swarm = "n=0; while [ $n -lt 60 ]; do sleep 1 & n=$((n + 1)); done; echo all";
  const { log } = await run("--processes", "40", "--", "sh", "-c", swarm);
  assert.match(log, counted ? /\[tequio\] .* limit of 40 processes/ : /process-limit: none/);
  assert.equal(log.includes("all"), !counted);
});

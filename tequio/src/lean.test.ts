// What a process that runs for weeks keeps in memory: a connected agent has loaded neither the
// command line nor the pool's whole contract nor the compiler of types, and it is the process that
// was started, with the same standard streams.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SHAPES_ENV, shapesText } from "@tequio/agent";
import { RealPool, startTequio } from "./testing/real-pool.ts";

/** Far above what an idle agent takes (75 MB), far below what it took with everything loaded. */
const AGENT_BYTES_MAX = 100e6;

/** Notes what an agent loads; run as a program of its own. */
const LOADED = `
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  for (const name of process.argv.slice(1)) await import(name);
  console.log(JSON.stringify(urls.map((url) => url.replace(/^.*node_modules./, "npm:"))));
`;

test("an agent's process loads no command line, no client and no schemas", async () => {
  const files = ["./agent-run.ts", "./site.ts", "./verbs/stop.ts"];
  const paths = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
  const flags = ["--input-type=module", "-e", LOADED, "--", ...paths];
  const env = { ...process.env, [SHAPES_ENV]: await shapesText() };
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: "utf8", env });
  assert.notEqual(stdout, "", stderr);
  const loaded = JSON.parse(stdout) as string[];
  assert.ok(loaded.some((url) => url.endsWith("agent/src/run.ts")));
  const heavy = loaded.filter((url) =>
    /npm:(?:yaml|zod|commander|fastify)|contract\/src\/(?:index|client|parse)\.ts|cli\/src/.test(
      url,
    ),
  );
  assert.deepEqual(heavy, []);
});

describe("an agent that was started from the command line", {
  skip: !existsSync("/proc/self/status") && "There is no /proc to look into.",
}, () => {
  test("goes on in the same process, small, and ends with its standard input", async (t) => {
    const pool = new RealPool();
    t.after(() => pool.close());
    await pool.up();
    const invited = await pool.client.call("inviteMember", { body: { name: "small" } });
    assert.ok(invited.ok);
    const folder = mkdtempSync(join(tmpdir(), "tequio-lean-"));
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    const flags = ["--folder", folder, "--json", "--isolation", "none", "--end-with-stdin"];
    const given = { TEQUIO_JOIN_TOKEN: invited.value.joinToken };
    const agent = startTequio(pool.home, ["agent", ...flags], given);
    t.after(async () => {
      agent.child.stdin?.end();
      await agent.ended;
    });
    assert.equal((await agent.line).ready, true, agent.errors());
    const proc = `/proc/${agent.child.pid}`;
    assert.match(readFileSync(join(proc, "cmdline"), "utf8"), /agent-process\.ts/);
    // What the operator sees of it has neither the token nor how it was started.
    const environment = readFileSync(join(proc, "environ"), "utf8");
    assert.ok(!environment.includes(invited.value.joinToken));
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(join(proc, "status"), "utf8"))?.[1];
    assert.ok(Number(kib) * 1_024 < AGENT_BYTES_MAX, `${kib} KiB`);
    agent.child.stdin?.end();
    assert.equal(await agent.ended, 0, agent.errors());
  });
});

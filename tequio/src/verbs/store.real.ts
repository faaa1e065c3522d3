// A pool on a real PostgreSQL as a user runs it: moved there, killed there, without its database
// for a while, deposed, backed up, and moved back.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeClient } from "@tequio/contract";
import { type PostgresServer, startPostgres } from "@tequio/stores/conformance";
import { type Process, runTequio, startTequio, until } from "../testing/real-pool.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-database-"));
const home = join(root, "home");
const data = join(root, "pool");
const running = new Set<Process>();
let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGKILL");
    await ended;
  }
  await server.remove();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

interface Up {
  readonly process: Process;
  readonly url: string;
  readonly token: string;
}

async function up(...flags: string[]): Promise<Up> {
  const fixed = ["--json", "--no-open", "--no-member", "--port", "0", "--data", data];
  const process = startTequio(home, ["up", ...fixed, ...flags]);
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

async function end({ process }: Up, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
  process.child.kill(signal);
  running.delete(process);
  return process.ended;
}

const project = (pool: Up, name: string) =>
  makeClient(pool).call("createProject", { body: { name } });

async function projectsOf(pool: Up): Promise<readonly string[]> {
  const found = await makeClient(pool).call("listProjects", {});
  assert.ok(found.ok, JSON.stringify(found));
  return found.value.rows.map(({ name }) => name);
}

test("a pool moves to a database, lives through both their deaths, and moves back", async () => {
  const first = await up();
  assert.ok((await project(first, "in-the-folder")).ok);
  await end(first, "SIGTERM");
  const there = await runTequio(home, ["store", "copy", data, server.url, "--data", data]);
  assert.equal(there.code, 0, there.errors);

  const second = await up("--store", server.url);
  assert.deepEqual(await projectsOf(second), ["default", "in-the-folder"]);
  const rival = ["up", "--no-open", "--port", "0", "--data", join(root, "rival")];
  const refused = await runTequio(home, [...rival, "--store", server.url]);
  assert.equal(refused.code, 7);
  assert.match(refused.errors, /STORE_LOCKED/);

  await server.kill();
  const waiting = project(second, "while-it-was-away");
  await server.start();
  assert.ok((await waiting).ok, "an append waits out a short restart");
  await end(second, "SIGKILL");

  const third = await up("--store", server.url);
  assert.deepEqual(await projectsOf(third), ["default", "in-the-folder", "while-it-was-away"]);
  const backup = join(root, "backup");
  const flags = ["--data", data, "--store", server.url];
  const made = await runTequio(home, ["backup", backup, ...flags]);
  assert.equal(made.code, 0, made.errors);
  await end(third, "SIGTERM");

  const back = await runTequio(home, [
    "store",
    "copy",
    server.url,
    join(root, "back"),
    ...flags.slice(0, 2),
  ]);
  assert.equal(back.code, 0, back.errors);
  const occupied = await runTequio(home, ["restore", backup, ...flags]);
  assert.match(occupied.errors, /STORE_NOT_EMPTY/);
});

test("without its database for long a pool refuses, and goes on when it is back", async () => {
  const pool = await up("--store", server.url);
  await server.kill();
  const refused = await project(pool, "too-early");
  assert.equal(!refused.ok && refused.code, "STORE_UNREACHABLE");
  const again = await project(pool, "too-early");
  assert.equal(!again.ok && again.code, "STORE_UNREACHABLE");
  await server.start();
  await until("the pool takes projects again", async () => (await project(pool, "later")).ok);
  const projects = await projectsOf(pool);
  assert.ok(projects.includes("later") && !projects.includes("too-early"));
  assert.equal(await end(pool, "SIGTERM"), 0);
});

test("a standby takes over from a control plane that was killed, with the same pool", async () => {
  const leader = await up("--store", server.url);
  assert.ok((await project(leader, "before-the-death")).ok);
  const flags = ["--json", "--no-open", "--no-member", "--port", "0", "--data", data];
  const standby = startTequio(home, ["up", ...flags, "--store", server.url, "--standby"]);
  running.add(standby);
  await until("the standby waits", async () => standby.errors().includes("STORE_LOCKED"));
  const killedMs = performance.now();
  await end(leader, "SIGKILL");
  const ready = await standby.line;
  const tookMs = performance.now() - killedMs;
  console.log(`a standby answers ${Math.round(tookMs)} ms after the leader's death`);
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  const next = { process: standby, url: String(ready.url), token: String(ready.token) };
  assert.ok((await projectsOf(next)).includes("before-the-death"));
  assert.equal(await end(next, "SIGTERM"), 0);
});

test("a control plane whose place was taken stops by itself and says why", async () => {
  const pool = await up("--store", server.url);
  await server.sql("UPDATE tequio.leader SET epoch = epoch + 1, holder = 'another'");
  assert.equal(await pool.process.ended, 7);
  running.delete(pool.process);
  assert.match(pool.process.errors(), /STORE_DEPOSED/);
});

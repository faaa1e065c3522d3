// A pool on a real PostgreSQL as a user runs it: moved there, killed there, without its database
// for a while, deposed, backed up, and moved back.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeClient } from "@tequio/contract";
import type { Outcome } from "@tequio/core/pool";
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

function good<T>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.value;
}

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

const standbyFlags = (): string[] => [
  ...["up", "--json", "--no-open", "--no-member", "--port", "0", "--data", data],
  ...["--store", server.url, "--standby"],
];

/** Starts a control plane that follows; its token is the leader's, from the shared folder. */
async function follow(): Promise<Up> {
  const process = startTequio(home, standbyFlags());
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.follows, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

const answer = (pool: Up, path: string, headers: Record<string, string> = {}) =>
  fetch(pool.url + path, { headers: { authorization: `Bearer ${pool.token}`, ...headers } });

/** Asks without a pause until it is told to stop; every answer that was not good is kept. */
function readLoop(pool: Up): { stop(): Promise<{ reads: number; failed: string[]; lag: number }> } {
  let stopped = false;
  const seen = { reads: 0, failed: [] as string[], lag: 0 };
  const paths = ["/v1/pool", "/v1/jobs", "/v1/members", "/v1/runs", "/v1/projects", "/v1/usage"];
  const loop = (async () => {
    while (!stopped) {
      const path = paths[seen.reads % paths.length]!;
      const reply = await answer(pool, path).catch((error: unknown) => String(error));
      seen.reads += 1;
      if (typeof reply === "string") seen.failed.push(`${path} ${reply}`);
      else {
        const text = await reply.text();
        if (reply.status !== 200) seen.failed.push(`${path} ${reply.status} ${text}`);
        seen.lag = Math.max(seen.lag, Number(reply.headers.get("tequio-lag-ms") ?? 0));
      }
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      return seen;
    },
  };
}

test("a follower answers reads, takes over from a killed leader, and no read fails", async () => {
  const leader = await up("--store", server.url);
  assert.ok((await project(leader, "before-the-death")).ok);
  const follower = await follow();
  assert.equal(follower.token, leader.token);
  const health = (await (await answer(follower, "/readyz")).json()) as Record<string, unknown>;
  assert.deepEqual([health.ready, health.role, health.leader], [true, "follower", leader.url]);

  const refused = await fetch(`${follower.url}/v1/projects`, { method: "POST" });
  assert.equal(refused.status, 421);
  assert.equal(refused.headers.get("tequio-leader"), leader.url);
  assert.equal(((await refused.json()) as { code: string }).code, "NOT_LEADER");
  const own = makeClient(follower);
  assert.ok((await own.call("createProject", { body: { name: "by-way-of-a-follower" } })).ok);
  const names = good(await own.call("listProjects", {})).rows.map(({ name }) => name);
  assert.ok(names.includes("by-way-of-a-follower"), "who wrote reads what it wrote");

  const loop = readLoop(follower);
  const killedMs = performance.now();
  await end(leader, "SIGKILL");
  await until("the follower takes a write", async () => {
    const reply = await fetch(`${follower.url}/v1/projects`, {
      method: "POST",
      headers: { authorization: `Bearer ${follower.token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "after-the-death" }),
    });
    return reply.status === 201;
  });
  const tookMs = performance.now() - killedMs;
  const { reads, failed, lag } = await loop.stop();
  console.log(
    `first write ${Math.round(tookMs)} ms after the leader's death; ${reads} reads meanwhile, ` +
      `${failed.length} failed, greatest lag ${lag} ms`,
  );
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  assert.deepEqual(failed, []);
  const after = (await (await answer(follower, "/healthz")).json()) as Record<string, unknown>;
  assert.equal(after.role, "leader");
  assert.ok((await projectsOf(follower)).includes("before-the-death"));
  assert.equal(await end(follower, "SIGTERM"), 0);
});

test("a follower says why it is not ready, answers reads all the same, and recovers", async () => {
  const leader = await up("--store", server.url);
  const follower = await follow();
  const why = async (): Promise<string> => {
    const reply = await answer(follower, "/readyz");
    const { checks } = (await reply.json()) as { checks: { name: string; why?: string }[] };
    const found = checks.find(({ name }) => name === "following")?.why ?? "";
    assert.equal(reply.status === 503, found !== "", found);
    return found;
  };
  await server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
  await server.sql("SELECT pg_reload_conf()");
  await until("it says read-only", async () => /read-only/.test(await why()));
  await server.sql("ALTER SYSTEM RESET default_transaction_read_only");
  await server.sql("SELECT pg_reload_conf()");
  await until("it is ready again", async () => (await why()) === "");

  await server.kill();
  await until("it says unreachable", async () => /STORE_UNREACHABLE/.test(await why()));
  const stale = await answer(follower, "/v1/projects");
  assert.equal(stale.status, 200);
  assert.ok(Number(stale.headers.get("tequio-lag-ms")) > 0);
  await server.start();
  await until("it is ready after the restart", async () => (await why()) === "");
  // Whichever of the two comes back first leads; the other one's answer says so.
  await until("writes are taken again", async () => (await project(follower, "restarted")).ok);

  const ahead = await answer(follower, "/v1/pool", { "tequio-min-seq": "999999999" });
  const still = ((await (await answer(follower, "/healthz")).json()) as { role: string }).role;
  const { code } = (await ahead.json()) as { code?: string };
  assert.equal(code, still === "follower" ? "REPLICA_BEHIND" : undefined);
  assert.equal(await end(follower, "SIGTERM"), 0);
  // A leader that was replaced ends with 7, unless it was told to end before it knew.
  const ended = await end(leader, "SIGTERM");
  assert.ok(ended === 0 || (ended === 7 && still === "leader"), String(ended));
});

test("an agent that knows both finds the new leader, and its job is not interrupted", async () => {
  const leader = await up("--store", server.url);
  const follower = await follow();
  const invited = good(
    await makeClient(leader).call("inviteMember", { body: { name: "between" } }),
  );
  const folder = ["--folder", join(root, "between"), "--isolation", "none", "--json"];
  const addresses = `${follower.url},${leader.url}`;
  const agent = startTequio(home, [
    ...["--url", addresses, "agent", "--join", invited.joinToken, ...folder],
  ]);
  running.add(agent);
  const client = makeClient(follower);
  const body = { shell: "sleep 6", resources: { cpus: 0.1 } };
  const { id } = good(await client.call("submitJob", { body }));
  const jobNow = async () => good(await client.call("getJob", { params: { id } }));
  await until("the job runs", async () => (await jobNow()).state === "running").catch(
    (error: unknown) => assert.fail(`${error}: ${agent.errors()}`),
  );
  const killedMs = performance.now();
  await end(leader, "SIGKILL");
  await until("the agent is back", async () => {
    const members = good(await client.call("listMembers", {})).rows;
    const here = members.some(({ sites }) => sites.some(({ state }) => state === "here"));
    const { role } = (await (await answer(follower, "/healthz")).json()) as { role: string };
    return role === "leader" && here;
  });
  console.log(`the agent is back ${Math.round(performance.now() - killedMs)} ms after the death`);
  const over = await until("the job has ended", async () => {
    const job = await jobNow();
    return job.state === "ended" && job;
  });
  assert.deepEqual([over.outcome, over.exitCode, over.attempt], ["completed", 0, 1]);
  agent.child.kill("SIGINT");
  await agent.ended;
  running.delete(agent);
  assert.equal(await end(follower, "SIGTERM"), 0);
});

test("a control plane whose place was taken stops by itself and says why", async () => {
  const pool = await up("--store", server.url);
  await server.sql("UPDATE tequio.leader SET epoch = epoch + 1, holder = 'another'");
  assert.equal(await pool.process.ended, 7);
  running.delete(pool.process);
  assert.match(pool.process.errors(), /STORE_DEPOSED/);
});

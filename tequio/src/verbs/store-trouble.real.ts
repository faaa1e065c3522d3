// A pool whose store is in trouble, as its users see it: every write is refused with a code and a
// way on, reads go on, nothing acknowledged is lost, and it recovers by itself. The database is a
// real PostgreSQL; the full disk is a small one of its own, which needs Linux.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeClient } from "@tequio/contract";
import { LIMITS } from "@tequio/core/pool";
import { type PostgresServer, startFollower, startPostgres } from "@tequio/stores/conformance";
import { Client } from "pg";
import { type Process, runTequio, startTequio, until } from "../testing/real-pool.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-trouble-"));
const home = join(root, "home");
const passwords = join(root, "passwords");
const running = new Set<Process>();
let server: PostgresServer;
let url = "";

/** Who connects as `member` needs a password, over the loopback. */
const LOGINS = ["host all member 127.0.0.1/32 scram-sha-256"];
const SETTINGS = ["max_connections = 14", "superuser_reserved_connections = 3"];

before(async () => {
  server = await startPostgres(SETTINGS, LOGINS);
  await server.sql("CREATE ROLE member LOGIN PASSWORD 'first'");
  await server.sql("CREATE DATABASE pool OWNER member");
  url = `postgres://member@127.0.0.1:${server.port}/pool`;
  process.env.PGPASSFILE = passwords;
  allow("first");
});
after(async () => {
  for (const { child, ended } of running) {
    child.kill("SIGKILL");
    await ended;
  }
  await server.remove();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

/** The password that the control plane knows: PostgreSQL's own file, read at every login. */
function allow(password: string): void {
  writeFileSync(passwords, `*:*:*:member:${password}\n`);
  chmodSync(passwords, 0o600);
}

interface Up {
  readonly process: Process;
  readonly url: string;
  readonly token: string;
}

const FLAGS = ["up", "--json", "--no-open", "--no-member", "--port", "0"];

async function up(...flags: string[]): Promise<Up> {
  const process = startTequio(home, [...FLAGS, "--data", join(root, "pool"), ...flags]);
  running.add(process);
  return ready(process);
}

async function ready(process: Process): Promise<Up> {
  const line = await process.line;
  assert.equal(line.ready, true, JSON.stringify(line));
  return { process, url: String(line.url), token: String(line.token) };
}

async function down({ process }: Up): Promise<void> {
  process.child.kill("SIGTERM");
  await process.ended;
  running.delete(process);
}

const project = (pool: Up, name: string) =>
  makeClient(pool).call("createProject", { body: { name } });

async function projectsOf(pool: Up): Promise<readonly string[]> {
  const found = await makeClient(pool).call("listProjects", {});
  assert.ok(found.ok, JSON.stringify(found));
  return found.value.rows.map(({ name }) => name).filter((name) => name !== "default");
}

/** A write is refused with the code and these words, and reads go on. */
async function assertRefused(pool: Up, code: string, words: RegExp): Promise<void> {
  const refused = await project(pool, "never");
  assert.ok(!refused.ok);
  assert.equal(refused.code, code);
  assert.match(`${refused.message} ${refused.hint}`, words);
  assert.ok((await projectsOf(pool)).includes("one"));
}

/** A write is taken again, without anybody touching the control plane; what was refused is gone. */
async function assertTaken(pool: Up, name: string): Promise<void> {
  await until(`${name} is taken`, async () => (await project(pool, name)).ok || undefined);
  const found = await projectsOf(pool);
  assert.ok(found.includes(name) && !found.includes("never"), found.join(" "));
}

const cutAll = () =>
  server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'member'");

async function setReadOnly(value: "on" | "off"): Promise<void> {
  await server.sql(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
  await server.sql("SELECT pg_reload_conf()");
  await sleep(300);
}

test("a database that restarts, is read-only, full of sessions or has a new password", async () => {
  const pool = await up("--store", url);
  await assertTaken(pool, "one");

  await server.kill();
  await assertRefused(pool, "STORE_UNREACHABLE", /does not answer.*goes on by itself/s);
  await server.start();
  await assertTaken(pool, "after-the-restart");

  await setReadOnly("on");
  await assertRefused(pool, "STORE_UNWRITABLE", /read-only.*default_transaction_read_only/s);
  await setReadOnly("off");
  await assertTaken(pool, "after-read-only");

  const idle: Client[] = [];
  try {
    await cutAll();
    for (let full = false; !full; ) {
      const client = new Client({ connectionString: url.replace("member@", "member:first@") });
      client.on("error", () => {});
      full = await client.connect().then(
        () => false,
        () => true,
      );
      idle.push(client);
    }
    await assertRefused(pool, "STORE_UNREACHABLE", /no connection left.*max_connections/s);
  } finally {
    await Promise.all(idle.map((client) => client.end().catch(() => undefined)));
  }
  await assertTaken(pool, "after-the-crowd");

  await server.sql("ALTER ROLE member PASSWORD 'second'");
  await cutAll();
  await assertRefused(pool, "STORE_UNWRITABLE", /lets nobody in.*password/s);
  assert.doesNotMatch(pool.process.errors(), /first|second/);
  allow("second");
  await assertTaken(pool, "after-the-new-password");
  await down(pool);

  const again = await up("--store", url);
  const kept = ["one", "restart", "read-only", "the-crowd", "the-new-password"];
  for (const name of kept) {
    assert.ok((await projectsOf(again)).some((found) => found.endsWith(name)));
  }
  await down(again);
});

test("a hot standby is refused by name, and serves when it is promoted", async () => {
  await server.sql("ALTER ROLE member PASSWORD 'second'");
  allow("second");
  const follower = await startFollower(server);
  try {
    const there = url.replace(`:${server.port}/`, `:${follower.port}/`);
    const flags = [...FLAGS, "--data", join(root, "pool"), "--store", there];
    const refused = await runTequio(home, flags);
    assert.equal(refused.code, 7);
    assert.match(refused.errors, /STORE_UNWRITABLE.*read-only.*primary/s);
    await follower.sql("SELECT pg_promote()");
    const pool = await up("--store", there);
    assert.ok((await projectsOf(pool)).includes("one"));
    await assertTaken(pool, "on-the-promoted-one");
    await down(pool);
  } finally {
    await follower.remove();
  }
});

/** Room for the reserve and a little more. */
const DISK_BYTES = LIMITS.DISK_RESERVE_BYTES + 120_000_000;
const MAIN = join(import.meta.dirname, "..", "main.ts");

/** How a program is started where it may mount; a missing way is an error, never a skipped test. */
function mountWords(): readonly string[] {
  const ways = [
    ["unshare", "-m"],
    ["unshare", "-Urm"],
  ];
  const way = ways.find(
    ([program = "", ...words]) =>
      spawnSync(program, [...words, "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0,
  );
  if (way === undefined) throw new Error("mounting a small disk needs Linux with user namespaces");
  return [...way, "sh", "-c", 'mount -t tmpfs -o size="$1" none "$0" && shift && exec "$@"'];
}

/** A pool whose data folder is a small disk of its own; gives the folder as we see it from here. */
async function upOnSmallDisk(): Promise<{ readonly pool: Up; readonly folder: string }> {
  const data = join(root, "small");
  mkdirSync(data);
  const [program = "", ...words] = [...mountWords(), data, String(DISK_BYTES)];
  const args = [...words, process.execPath, MAIN, ...FLAGS, "--data", data];
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, XDG_CONFIG_HOME: home },
  });
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const line = new Promise<Record<string, unknown>>((done, fail) => {
    child.stdout.once("data", (data: Buffer) =>
      done(JSON.parse(String(data).split("\n")[0] ?? "")),
    );
    child.once("exit", () => fail(new Error("it ended before it was ready")));
  });
  const started: Process = { child, ended, line, errors: () => "" };
  running.add(started);
  return { pool: await ready(started), folder: `/proc/${child.pid}/root${data}` };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Sends `bytes` zeros slowly enough for the disk to fill meanwhile; stops when it is answered. */
function upload(pool: Up, bytes: number, onSent: (sent: number) => void): Promise<Answer> {
  const headers = { authorization: `Bearer ${pool.token}`, "content-length": bytes };
  return new Promise((done, fail) => {
    const put = request(`${pool.url}/v1/blobs/sha256:${"a".repeat(64)}`, {
      ...{ method: "PUT", headers },
    });
    let answered = false;
    put.on("response", (reply) => {
      answered = true;
      let body = "";
      reply.on("data", (data: Buffer) => {
        body += String(data);
      });
      reply.on("end", () => done({ status: reply.statusCode ?? 0, body }));
    });
    // The server hangs up after its answer, which may still be on its way then.
    put.on("error", (error) => setTimeout(() => (answered ? undefined : fail(error)), 2_000));
    const send = (sent: number): void => {
      if (answered || sent >= bytes) return;
      put.write(Buffer.alloc(1_000_000), () => {
        onSent(sent);
        setTimeout(send, 5, sent + 1_000_000);
      });
    };
    send(0);
  });
}

test("10 GB for a small disk, a disk that fills up, and a full one", async () => {
  const { pool, folder } = await upOnSmallDisk();
  const free = (): number => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  const filler = join(folder, "filler");
  const fill = (leave: number): void => {
    spawnSync("fallocate", ["-l", String(Math.max(1, free() - leave)), filler]);
  };
  await assertTaken(pool, "one");

  let sent = 0;
  const huge = await upload(pool, 10_000_000_000, (bytes) => {
    sent = bytes;
  });
  assert.deepEqual([huge.status, JSON.parse(huge.body).code], [507, "STORE_FULL"]);
  assert.ok(sent < 50_000_000, `${sent} bytes were taken before the answer`);

  const before = free();
  let filled = false;
  const cut = await upload(pool, 90_000_000, (bytes) => {
    if (bytes < 20_000_000 || filled) return;
    filled = true;
    fill(LIMITS.DISK_RESERVE_BYTES);
  });
  assert.deepEqual([cut.status, JSON.parse(cut.body).code], [507, "STORE_FULL"]);
  assert.ok(filled);
  // What had come may be continued; whoever tries while there is no room makes room for others.
  const again = await upload(pool, 90_000_000, () => {});
  assert.equal(again.status, 507);
  rmSync(filler);
  assert.ok(before - free() < 5_000_000, "what had come of it was removed");

  fill(0);
  await until("the journal has no room", async () => {
    const tried = await project(pool, `p${Date.now()}`);
    return tried.ok ? undefined : true;
  });
  await assertRefused(pool, "STORE_FULL", /no space left.*Free space/s);
  const health = await fetch(`${pool.url}/readyz`);
  assert.equal(health.status, 503);
  rmSync(filler);
  await assertTaken(pool, "after-the-full-disk");
  assert.ok((await projectsOf(pool)).includes("one"));
  await down(pool);
});

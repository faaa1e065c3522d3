// `tequio backup`, `restore` and `store copy` as a user calls them, on a pool that runs. The same
// with a database is in store.real.ts.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeClient } from "@tequio/contract";
import { openSqliteStore } from "@tequio/stores/sqlite";
import { type Process, runTequio, startTequio } from "../testing/real-pool.ts";

const root = mkdtempSync(join(tmpdir(), "tequio-backup-"));
const home = join(root, "home");
const data = join(root, "pool");
const running = new Set<Process>();
after(async () => {
  for (const process of running) await stop(process);
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

async function up(folder: string): Promise<{ process: Process; url: string; token: string }> {
  const flags = ["--json", "--no-open", "--no-member", "--port", "0"];
  const process = startTequio(home, ["up", ...flags, "--data", folder]);
  running.add(process);
  const ready = await process.line;
  assert.equal(ready.ready, true, JSON.stringify(ready));
  return { process, url: String(ready.url), token: String(ready.token) };
}

async function stop(process: Process): Promise<void> {
  process.child.kill("SIGTERM");
  await process.ended;
  running.delete(process);
}

/** Runs a verb with --json; gives its answer with the exit code. */
async function tell(...args: string[]): Promise<{ code: number | null } & Record<string, unknown>> {
  const ran = await runTequio(home, [...args, "--json"]);
  try {
    return { ...(JSON.parse(ran.out || ran.errors) as object), code: ran.code };
  } catch {
    assert.fail(`no JSON: ${ran.out}${ran.errors}`);
  }
}

async function project(pool: { url: string; token: string }, name: string): Promise<void> {
  const made = await makeClient(pool).call("createProject", { body: { name } });
  assert.ok(made.ok, JSON.stringify(made));
}

async function projectsOf(pool: { url: string; token: string }): Promise<readonly string[]> {
  const found = await makeClient(pool).call("listProjects", {});
  assert.ok(found.ok);
  return found.value.rows.map(({ name }) => name);
}

test("a backup of a running pool is the same pool, whole or up to a record", async () => {
  const pool = await up(data);
  await project(pool, "one");
  const backup = join(root, "backup");
  const made = await tell("backup", backup, "--data", data);
  assert.equal(made.code, 0, JSON.stringify(made));
  await project(pool, "two");
  const again = await runTequio(home, ["backup", backup, "--data", data]);
  assert.match(again.errors, /STORE_NOT_EMPTY/);
  const held = await runTequio(home, ["store", "copy", data, join(root, "copy")]);
  assert.match(held.errors, /STORE_LOCKED/);
  assert.deepEqual(await projectsOf(pool), ["default", "one", "two"]);
  await stop(pool.process);

  const note = JSON.parse(readFileSync(join(backup, "backup.json"), "utf8"));
  assert.deepEqual([note.seq, note.hash], [made.seq, made.hash]);
  const restored = join(root, "restored");
  assert.equal((await tell("restore", backup, "--data", restored)).hash, made.hash);
  assert.equal(statSync(join(restored, "secrets", "key")).mode & 0o777, 0o600);
  const twin = await up(restored);
  assert.equal(twin.token, pool.token);
  assert.deepEqual(await projectsOf(twin), ["default", "one"]);
  await stop(twin.process);

  const until = Number(made.seq) - 1;
  const earlier = join(root, "earlier");
  const past = await tell("restore", backup, "--data", earlier, "--until", String(until));
  assert.deepEqual([past.code, past.seq], [0, until]);
  const store = await openSqliteStore({ folder: earlier });
  assert.ok(store.ok);
  assert.equal(store.value.journal.head().seq, until);
  await store.value.close();
});

test("a stopped pool is copied, and what cannot be done leaves nothing behind", async () => {
  const copied = await tell("store", "copy", data, join(root, "moved"));
  assert.equal(copied.code, 0, JSON.stringify(copied));
  const beyond = String(Number(copied.seq) + 1);
  const late = await runTequio(home, [
    ...["restore", data, "--data", join(root, "late"), "--until", beyond],
  ]);
  assert.match(late.errors, /RANGE_INVALID/);
  assert.throws(() => statSync(join(root, "late")));
  const backup = join(root, "backup");
  const note = readFileSync(join(backup, "backup.json"), "utf8");
  writeFileSync(join(backup, "backup.json"), note.replace(/"seq": \d+/, '"seq": 9999'));
  const cut = await runTequio(home, ["restore", backup, "--data", join(root, "cut")]);
  assert.match(cut.errors, /JOURNAL_CORRUPT.*9999/s);
  const file = join(root, "pool.tar.gz");
  const packed = await tell("backup", file, "--data", data);
  assert.deepEqual([packed.code, packed.to], [0, file]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await tell("restore", file, "--data", join(root, "of-file"))).hash, packed.hash);
  const twice = await runTequio(home, ["backup", file, "--data", data]);
  assert.match(twice.errors, /STORE_NOT_EMPTY/);
  const none = await runTequio(home, ["store", "copy", join(root, "no"), join(root, "cut")]);
  assert.match(none.errors, /NOT_FOUND/);
  assert.throws(() => statSync(join(root, "cut")));
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith(".tequio-")),
    [],
  );
});

test("a folder with an unfinished copy does not start", async () => {
  const folder = join(root, "unfinished");
  const target = await openSqliteStore({ folder, filling: true });
  assert.ok(target.ok);
  await target.value.close();
  const refused = await runTequio(home, ["up", "--no-open", "--no-member", "--data", folder]);
  assert.equal(refused.code, 7);
  assert.match(refused.errors, /STORE_INCOMPLETE/);
});

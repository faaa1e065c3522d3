// Where secrets must not be, looked for in real processes and files while a job runs: argument
// lists, which everybody on a machine can read, and the journal, logs and records on disk.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RealPool, until } from "./testing/real-pool.ts";

/** Argument lists of all processes that can be seen. */
function argumentLists(): readonly string[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [readFileSync(`/proc/${name}/cmdline`, "latin1")];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/** Files below `folder` that hold `secret`; `-wal` and `-shm` of the journal among them. */
function filesWith(folder: string, secret: string): readonly string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .filter((path) => readFileSync(path, "latin1").includes(secret));
}

const hasProc = process.platform === "linux";

describe("secrets of a pool", { timeout: 120_000, skip: !hasProc }, () => {
  const pool = new RealPool();
  before(async () => {
    await pool.up();
    await pool.agent("lab", "--cpus", "1", "--memory", "1G");
  });
  after(() => pool.close());

  test("a task's token is in no argument list, journal, record or log", async () => {
    const told = join(pool.folder, "told");
    writeFileSync(told, "", { mode: 0o600 });
    const id = await pool.submit(`printf %s "$TEQUIO_TOKEN" > ${told}; sleep 2; exit 5`);
    const token = await until("the token", async () => {
      const text = readFileSync(told, "utf8");
      return text.length > 20 ? text : undefined;
    });
    assert.match(token, /^task\./);
    const lists = argumentLists();
    assert.ok(
      lists.some((list) => list.includes(told)),
      "the job's own process was looked at",
    );
    assert.ok(!lists.some((list) => list.includes(token)));
    assert.deepEqual(filesWith(pool.folder, token), [told]);
    assert.equal((await pool.ended(id)).exitCode, 5);
    assert.deepEqual(filesWith(pool.folder, token), [told]);
  });

  test("the operator's token is in no argument list, and on disk in one private file", () => {
    const token = pool.client.token;
    assert.ok(token !== undefined && token.length > 20);
    assert.ok(!argumentLists().some((list) => list.includes(token)));
    const places = filesWith(pool.folder, token);
    assert.ok(places.length > 0);
    for (const path of places) assert.equal(statSync(path).mode & 0o077, 0, path);
  });
});

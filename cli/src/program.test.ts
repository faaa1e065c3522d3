// The program around the verbs: help, mistyped words, refusals and what the process ends with.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type FakePool, openFakePool, TOKEN } from "./testing/fake-pool.ts";
import { runCli } from "./testing/run-cli.ts";
import { poolView } from "./testing/views.ts";
import { POOL_VERBS } from "./verbs.ts";

let pool: FakePool;
before(async () => {
  pool = await openFakePool({
    getPool: () => poolView,
    getJob: () => ({
      refuse: { status: 404, code: "NOT_FOUND", message: "There is no job 9.", hint: "Look." },
    }),
    submitJob: () => ({
      refuse: { status: 422, code: "IMPOSSIBLE_REQUEST", message: "No member.", hint: "Ask less." },
    }),
  });
});
after(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const env = () => ({ TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN });

test("an unknown verb is refused with the nearest known one", async () => {
  const ran = await runCli(["jbos"]);
  assert.equal(ran.code, 2);
  assert.equal(
    ran.err,
    "error USAGE: Unknown command 'jbos'.\n" + "hint: Did you mean jobs? See `tequio --help`.\n",
  );
  assert.equal(ran.out, "");
});

test("an unknown flag is refused with the nearest known one and the verb's help", async () => {
  const ran = await runCli(["jobs", "--stat", "all"]);
  assert.equal(ran.code, 2);
  assert.match(ran.err, /Unknown option '--stat'\.\nhint: Did you mean --state\?/);
  assert.match(ran.err, /`tequio jobs --help`/);
});

test("a bad value names the flag and what would be good", async () => {
  const ran = await runCli(["jobs", "--limit", "-3"]);
  assert.equal(ran.code, 2);
  assert.match(ran.err, /--limit <n>.* Give a whole number, 1 or more\./);
  const choice = await runCli(["jobs", "--state", "running"]);
  assert.match(choice.err, /queued, active, ended, all/);
});

test("a missing argument and one too many are usage errors", async () => {
  assert.equal((await runCli(["job"])).code, 2);
  assert.match((await runCli(["job"])).err, /Missing required argument 'id'/);
  assert.equal((await runCli(["pool", "nonsense"])).code, 2);
  assert.equal((await runCli(["jobs", "--", "ls"])).code, 2);
});

test("with --json a usage error is one JSON object on stderr, and stdout stays empty", async () => {
  const ran = await runCli(["jbos", "--json"]);
  const { code, message, hint } = JSON.parse(ran.err) as Record<string, string>;
  assert.deepEqual([ran.code, ran.out, code], [2, "", "USAGE"]);
  assert.ok(message !== "" && hint !== "");
});

test("no pool ends with 6 and says how to start one", async () => {
  const closed = await openFakePool({});
  await closed.close();
  const ran = await runCli(["cancel", "1", "--url", closed.url]);
  assert.equal(ran.code, 6);
  assert.match(ran.err, /error POOL_UNREACHABLE: .*ECONNREFUSED/);
  assert.match(ran.err, /hint: Start it with `tequio up`/);
});

test("a wrong token ends with 5", async () => {
  const ran = await runCli(["pool", "--token", "wrong"], { env: env() });
  assert.equal(ran.code, 5);
  assert.match(ran.err, /error UNAUTHENTICATED/);
});

test("the pool's own refusals end with 4 for what is not there and 3 otherwise", async () => {
  const missing = await runCli(["job", "9"], { env: env() });
  assert.deepEqual(
    [missing.code, missing.err],
    [4, "error NOT_FOUND: There is no job 9.\nhint: Look.\n"],
  );
  const refused = await runCli(["submit", "--json", "--", "ls"], { env: env() });
  assert.equal(refused.code, 3);
  assert.deepEqual(JSON.parse(refused.err), {
    code: "IMPOSSIBLE_REQUEST",
    message: "No member.",
    hint: "Ask less.",
  });
});

test("global flags may stand before and after the verb", async () => {
  for (const args of [
    ["--url", pool.url, "--token", TOKEN, "--json", "pool"],
    ["pool", "--json", "--token", TOKEN, "--url", pool.url],
  ]) {
    const ran = await runCli(args);
    assert.deepEqual([ran.code, ran.json()], [0, poolView]);
  }
});

test("help is shown for the program, for each verb, and for a group alone", async () => {
  const help = await runCli(["--help"]);
  assert.equal(help.code, 0);
  for (const { name, summary } of POOL_VERBS) {
    assert.ok(help.out.includes(summary), name);
    const own = await runCli(["help", name]);
    assert.equal(own.code, 0, name);
    assert.ok(own.out.startsWith(`Usage: tequio ${name}`), own.out);
    assert.ok(own.out.includes(summary), own.out);
  }
  assert.equal((await runCli([])).out, help.out);
  const group = await runCli(["member"]);
  assert.equal(group.code, 2);
  assert.match(group.err, /revoke-invitation/);
});

test("the version is printed alone", async () => {
  assert.equal((await runCli(["--version"])).out, "1.2.3\n");
});

test("colour is only used where it is wanted", async () => {
  const plain = await runCli(["pool"], { env: env() });
  const coloured = await runCli(["pool"], { env: env(), colour: true });
  assert.ok(!plain.out.includes("\u001b"));
  assert.ok(coloured.out.includes("\u001b[1mlab"));
});

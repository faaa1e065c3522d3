// What the verbs about sessions and links ask the pool, and what they print. Signing in itself is
// shown with a real pool, in the composition root.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { contextPath, keepToken } from "../connection.ts";
import { type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { NOW_MS, runCli } from "../testing/run-cli.ts";

const session = {
  ...{ sessionId: "s1", user: "ana", how: "oidc" as const, agent: "Firefox \u001b[31m" },
  ...{ createdAtMs: NOW_MS - 120_000, lastUsedMs: NOW_MS - 60_000, current: true },
  ...{ expiresAtMs: NOW_MS + 7_200_000, idleEndsAtMs: NOW_MS + 3_600_000 },
};

let pool: FakePool;
let signedOut = false;
before(async () => {
  pool = await openFakePool({
    listSessions: () => ({ rows: [session] }),
    endSession: ({ params }) => ({ ended: [params.id!] }),
    endSessions: () => ({ ended: ["s2", "s3"] }),
    inviteUser: () => ({ user: "ana", url: "http://p/#/invite/x", expiresAtMs: NOW_MS + 1 }),
    signOut: () => {
      const refuse = { status: 409, code: "WRONG_STATE", message: "No session.", hint: "None." };
      return signedOut ? { ended: ["s1"] } : { refuse };
    },
  });
});
after(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const asked = () => pool.asked.at(-1)!;
const run = (line: string, home?: string) =>
  runCli([...line.split(" "), "--url", pool.url, "--token", TOKEN], {
    ...(home === undefined ? {} : { home }),
  });

test("sessions are listed with the end that comes first, and nothing that paints", async () => {
  const { out } = await run("session list --user ana");
  assert.deepEqual(asked().query, { user: "ana" });
  assert.match(out, /s1 \* +ana +oidc +2 min ago +1 min ago +in 1 h +Firefox/);
  assert.equal(out.includes("\u001b"), false);
});

test("one session is ended by its id, all of them by saying so", async () => {
  assert.equal((await run("session revoke s1")).out, "1 session ended.\n");
  assert.deepEqual(asked().params, { id: "s1" });
  assert.equal((await run("session revoke --all --user ana")).out, "2 sessions ended.\n");
  assert.deepEqual(asked().body, { user: "ana" });
  for (const line of ["session revoke", "session revoke s1 --all", "session revoke s1 --user a"]) {
    assert.equal((await run(line)).code, 2, line);
  }
});

test("the link alone is on standard output", async () => {
  const { out, err } = await run("user invite ana --expires 2h --reset");
  assert.equal(out, "http://p/#/invite/x\n");
  assert.match(err, /For ana, once/);
  assert.deepEqual(asked().body, { expiresInMs: 7_200_000, reset: true });
});

test("signing out forgets the token; an API token is left where it is", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "tequio-cli-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const outside = { env: {}, home, cwd: home };
  const path = contextPath(outside);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, JSON.stringify({ url: pool.url, token: TOKEN, ca: "PEM" }));
  assert.equal((await run("logout", home)).code, 3);
  const context = () => JSON.parse(readFileSync(path, "utf8")) as object;
  assert.deepEqual(context(), { url: pool.url, token: TOKEN, ca: "PEM" });
  signedOut = true;
  assert.equal((await run("logout", home)).code, 0);
  assert.deepEqual(context(), { url: pool.url, ca: "PEM" });
  keepToken(outside, "http://other", "tqs_x");
  assert.deepEqual(context(), { url: "http://other", token: "tqs_x" });
});

test("a password comes through standard input only, and with a name", async () => {
  for (const line of ["login --user ana", "login --password-stdin"]) {
    const { code, err } = await run(line);
    assert.equal(code, 2);
    assert.match(err, /--password-stdin/);
  }
});

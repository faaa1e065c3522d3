// Sessions, as a browser and as a command line have them: how they begin and end, what the cookie
// is good for, and what a page of another site cannot do with it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { openSqlitePeople } from "../people-store/index.ts";
import { good, startServer, until } from "../testing/setup.ts";
import { cookieLine, cookieOf, credentialOf } from "./cookies.ts";
import { Sessions } from "./sessions.ts";
import { Browser } from "./testing/browser.ts";
import { enter, PASSWORD, startPool, withPassword } from "./testing/local.ts";

const SESSION = "tequio-session";

test("the cookie is read by no script, and secrets lie nowhere but as hashes", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const line = browser.lines.find((one) => one.startsWith("tequio-session="));
  assert.match(line ?? "", /; HttpOnly; SameSite=Lax$/);
  const token = browser.jar.get("tequio-session") ?? "";
  assert.match(token, /^tqs_[\w-]{43}$/);
  const journal = JSON.stringify([...server.server.pump.state.tokens.values()]);
  const people = readFileSync(join(server.folder, "people.sqlite")).toString("latin1");
  for (const text of [journal, people]) {
    assert.equal(text.includes(token), false);
    assert.equal(text.includes(PASSWORD), false);
  }
  assert.match(people, /\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  const behind = { "x-forwarded-proto": "https" };
  const secured = await browser.json(
    "POST",
    "/v1/sign-in/password",
    { user: "ana", password: PASSWORD },
    behind,
  );
  assert.equal(secured.status, 200);
  assert.match(browser.lines.at(-1) ?? "", /^__Host-tequio-session=.*; Path=\/; .*; Secure$/);
});

test("a session ends with signing out, and with it its cookie", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const token = browser.jar.get("tequio-session") ?? "";
  assert.equal((await browser.json("POST", "/v1/sign-out", {})).status, 200);
  assert.equal(browser.jar.has("tequio-session"), false);
  const reply = await server.http("/v1/me", { token });
  assert.equal(((await reply.json()) as { code: string }).code, "TOKEN_REVOKED");
});

test("signing in again ends the session that the browser had", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const former = browser.jar.get("tequio-session") ?? "";
  await enter(browser, "ana");
  assert.notEqual(browser.jar.get("tequio-session"), former);
  assert.equal((await server.http("/v1/me", { token: former })).status, 401);
  assert.equal((await browser.json("GET", "/v1/me")).status, 200);
});

test("a session ends when nobody uses it, and at the latest after a day", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const me = async () => (await browser.json("GET", "/v1/me")).body.code;
  server.pass(LIMITS.SESSION_IDLE_MS - 10_000);
  assert.equal(await me(), undefined);
  server.pass(LIMITS.SESSION_IDLE_MS - 10_000);
  assert.equal(await me(), undefined, "a use counts");
  server.pass(LIMITS.SESSION_IDLE_MS);
  assert.equal(await me(), "TOKEN_EXPIRED");
  await enter(browser, "ana");
  for (let hour = 0; hour < 24; hour += 1) {
    assert.equal(await me(), undefined, `hour ${hour}`);
    server.pass(LIMITS.SESSION_IDLE_MS - 1_000);
  }
  server.pass(60_000);
  assert.equal(await me(), "TOKEN_EXPIRED", "however busy it is");
});

test("sessions are listed and ended by their owner, and by operators for others", async (t) => {
  const server = await startPool(t);
  const first = await withPassword(server, "ana");
  const second = new Browser(server.server.url);
  await enter(second, "ana");
  await withPassword(server, "bo");
  const listed = await first.json<{ rows: { sessionId: string; current: boolean }[] }>(
    "GET",
    "/v1/sessions",
  );
  assert.equal(listed.body.rows.length, 2, "a user sees its own");
  assert.equal(listed.body.rows.filter(({ current }) => current).length, 1);
  const all = good(await server.client.call("listSessions", {})).rows;
  assert.equal(all.length, 3, "an operator sees everybody's");
  const bos = all.find(({ user }) => user === "bo")!.sessionId;
  assert.equal((await first.json("DELETE", `/v1/sessions/${bos}`)).body.code, "FORBIDDEN");
  const ended = await first.json<{ ended: string[] }>("POST", "/v1/sessions/end", {});
  assert.equal(ended.body.ended.length, 1, "all but the one that asks");
  assert.equal((await second.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  assert.equal((await first.json("GET", "/v1/me")).status, 200);
  good(await server.client.call("endSession", { params: { id: bos } }));
  assert.deepEqual(good(await server.client.call("listSessions", { query: { user: "bo" } })), {
    rows: [],
  });
});

test("a page of another site can do nothing with the cookie", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const origin = new URL(server.server.url).origin;
  const cases: readonly (readonly [Record<string, string>, boolean])[] = [
    [{ "sec-fetch-site": "cross-site" }, false],
    [{ "sec-fetch-site": "same-site" }, false],
    [{ "sec-fetch-site": "none" }, false],
    [{ "sec-fetch-site": "same-origin" }, true],
  ];
  for (const [headers, good] of cases) {
    const made = await browser.json("POST", "/v1/tokens", { label: "x" }, headers);
    assert.equal(made.status === 201, good, JSON.stringify(headers));
    if (!good) assert.equal(made.body.code, "CROSS_SITE");
  }
  // Browsers without `Sec-Fetch-Site` say at least where a page comes from; programs say nothing.
  const cookie = `tequio-session=${browser.jar.get("tequio-session")}`;
  const post = (headers: Record<string, string>) =>
    fetch(`${server.server.url}/v1/tokens`, {
      method: "POST",
      headers: { cookie, "content-type": "application/json", ...headers },
      body: JSON.stringify({ label: "y" }),
    });
  assert.equal((await post({ origin: "https://evil.test" })).status, 403);
  assert.equal((await post({ origin: "null" })).status, 403);
  assert.equal((await post({})).status, 403);
  assert.equal((await post({ origin })).status, 201);
  // Nor may it sign a browser in as somebody else.
  const foreign = { "sec-fetch-site": "cross-site" };
  const body = { user: "ana", password: PASSWORD };
  const login = await browser.json("POST", "/v1/sign-in/password", body, foreign);
  assert.equal(login.body.code, "CROSS_SITE");
});

test("a session is rationed and named in the log by its cookie, too", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const statuses = new Map<number, number>();
  const asked = LIMITS.ADDRESS_REQUESTS_BURST + 200;
  for (let i = 0; i < asked; i += 100) {
    const some = await Promise.all(
      Array.from({ length: 100 }, () => browser.json("GET", "/v1/me")),
    );
    for (const { status } of some) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  // More than a stranger's address may: the session pays for itself.
  assert.deepEqual([...statuses], [[200, asked]]);
  await browser.json("GET", "/v1/tokens/none");
  const forbidden = await browser.json("GET", "/v1/users");
  assert.equal(forbidden.status, 403);
  const line = await until("the line of the log", () =>
    server.said.find((one) => one.includes('"route":"/v1/users"')),
  );
  assert.match(line, /"user":"u[0-9a-f]{12}","tokenId":"s[0-9a-f]{12}"/);
  assert.equal(line.includes(browser.jar.get("tequio-session")!), false);
});

test("streams and console pages are good with the cookie", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const role = { params: { name: "ana" }, body: { role: "auditor" as const } };
  good(await server.client.call("grantRole", role));
  const left = new AbortController();
  const stream = await browser.fetch("/v1/events", { signal: left.signal });
  assert.equal(stream.status, 200);
  assert.match(stream.headers.get("content-type") ?? "", /event-stream/);
  left.abort();
  const notGood = new Browser(server.server.url);
  notGood.jar.set("tequio-session", server.token);
  assert.equal((await notGood.json("GET", "/v1/me")).status, 401, "an API token is no cookie");
});

test("a device is let in by somebody who is signed in, once and for the right code", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const device = new Browser(server.server.url);
  const { body: begun } = await device.json<{ deviceId: string; userCode: string; by: string }>(
    "POST",
    "/v1/sign-in/device",
    {},
  );
  assert.equal(begun.by, "pool");
  const poll = () =>
    device.json<{ state: string; code?: string; signedIn?: { token: string; name: string } }>(
      "POST",
      "/v1/sign-in/device/poll",
      { deviceId: begun.deviceId },
    );
  assert.equal((await poll()).body.state, "waiting");
  const typed = { userCode: begun.userCode.toLowerCase().replace("-", " ") };
  assert.equal((await browser.json("POST", "/v1/me/device", typed)).body.agent, "TestBrowser/1");
  assert.equal((await poll()).body.state, "waiting", "looking approves nothing");
  const wrong = { userCode: "BBBB-BBBB" };
  assert.equal(
    (await browser.json("POST", "/v1/me/device/approve", wrong)).body.code,
    "SIGN_IN_STALE",
  );
  assert.equal((await browser.json("POST", "/v1/me/device/approve", typed)).body.approved, true);
  const done = (await poll()).body;
  assert.equal(done.signedIn?.name, "ana");
  assert.equal(device.jar.size, 0, "a command line gets a token and no cookie");
  const me = await server.http("/v1/me", { token: done.signedIn!.token });
  assert.equal(((await me.json()) as { name: string }).name, "ana");
  assert.equal((await poll()).body.code, "SIGN_IN_STALE");
});

test("a control plane that has not seen a session begin writes nothing over", async (t) => {
  const server = await startPool(t);
  await withPassword(server, "ana");
  const people = good(await openSqlitePeople(server.folder));
  t.after(() => people.close());
  const { pump } = server.server;
  const other = new Sessions({ pump, people, now: () => pump.state.nowMs, say: () => {} });
  const [token] = other.open();
  assert.equal(other.use(token!), true);
  const row = await until("the row is read", async () => {
    const view = other.view(pump.state, token!, "");
    return view.how === "invite" ? view : undefined;
  });
  assert.equal(row.agent, "TestBrowser/1");
  assert.equal((await people.sessions.find({}))[0]?.how, "invite");
});

test("behind a proxy elsewhere the cookie is for the public address and TLS alone", () => {
  const own = { publicUrl: "https://pool.example.org" };
  const at = (protocol: "http" | "https", host: string, cookie = "") => ({
    ...{ protocol, host },
    headers: { cookie },
  });
  const line = (request: ReturnType<typeof at>) =>
    cookieLine(own, request, "tequio-session", "tqs_x", 1_000).split("=")[0];
  assert.equal(line(at("http", "pool.example.org")), "__Host-tequio-session");
  assert.equal(line(at("https", "elsewhere")), "__Host-tequio-session");
  assert.equal(line(at("http", "127.0.0.1:8420")), "tequio-session");
  const tossed = at("http", "pool.example.org", "tequio-session=tqs_evil");
  assert.equal(credentialOf(own, tossed), undefined, "a sibling's page may have set it");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (cookie) => {
      const value = cookieOf(own, at("http", "a", `x=1; ${cookie}; tequio-session=tqs_y`), SESSION);
      assert.equal(typeof value, "string");
    }),
  );
});

test("a stream ends with the session that nobody uses any more", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const role = { params: { name: "ana" }, body: { role: "auditor" as const } };
  good(await server.client.call("grantRole", role));
  const stream = await browser.fetch("/v1/events");
  const { pump } = server.server;
  const people = good(await openSqlitePeople(server.folder));
  t.after(() => people.close());
  let atMs = pump.state.nowMs;
  const sessions = new Sessions({ pump, people, now: () => atMs, say: () => {} });
  await sessions.load();
  await sessions.sweep();
  assert.equal(sessions.open().length, 1, "one that is used stays");
  atMs += LIMITS.SESSION_IDLE_MS;
  await sessions.sweep();
  assert.equal(sessions.open().length, 0);
  assert.deepEqual(await people.sessions.find({}), [], "and nothing is kept of it");
  await stream.text();
});

test("sessions and their last use outlive the control plane", async (t) => {
  const store = good(await openMemoryStore());
  const server = await startServer(t, { ...store, close: async () => {} });
  const browser = await withPassword(server, "ana");
  await server.server.close();
  const again = await startServer(t, store, { dataFolder: server.folder });
  const token = browser.jar.get("tequio-session")!;
  const reply = await again.http("/v1/sessions", { token });
  const { rows } = (await reply.json()) as { rows: { how: string; agent: string }[] };
  assert.deepEqual(
    rows.map(({ how, agent }) => ({ how, agent })),
    [{ how: "invite", agent: "TestBrowser/1" }],
  );
});

// Signing in with a real OpenID provider (oidc-provider, on this machine), as a browser and as a
// device, and everything that a provider can get wrong.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer as createSecureServer } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import type { Configuration } from "oidc-provider";
import { good, startServer, type TestServer, testFolder } from "../testing/setup.ts";
import { selfSignedTls } from "../tls.ts";
import { oidcTrouble } from "./oidc-trouble.ts";
import { type OidcSettings, parseGroupRole } from "./settings.ts";
import { Browser } from "./testing/browser.ts";
import { CLIENT, startProvider, type TestPerson, type TestProvider } from "./testing/provider.ts";

const CALLBACK = "/v1/sign-in/oidc/callback";
const START = "/v1/sign-in/oidc";

interface World {
  readonly server: TestServer;
  readonly provider: TestProvider;
  /** Lets the pool's time pass. */
  readonly pass: (ms: number) => void;
}

const PEOPLE = (): Record<string, TestPerson> => ({
  alice: { email: "alice@uni-a.test", groups: ["uni-a", "staff"], preferred_username: "Alice.Q" },
  bob: { groups: ["nothing-that-counts"] },
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((ready) => probe.listen(0, "127.0.0.1", ready));
  const { port } = probe.address() as { port: number };
  await new Promise((closed) => probe.close(closed));
  return port;
}

async function start(
  t: TestContext,
  settings: Partial<OidcSettings> = {},
  more: Configuration = {},
  skewMs = 0,
): Promise<World> {
  const port = await freePort();
  const back = `http://127.0.0.1:${port}${CALLBACK}`;
  const provider = await startProvider(t, back, PEOPLE(), more);
  let passed = 0;
  const oidc: OidcSettings = {
    ...{ issuer: provider.issuer, ...CLIENT, groupsClaim: "groups" },
    clockToleranceS: LIMITS.OIDC_CLOCK_TOLERANCE_S,
    roles: ["staff=auditor", "uni-a=researcher:speech"].map((text) => good(parseGroupRole(text))),
    ...settings,
  };
  const server = await startServer(t, good(await openMemoryStore()), {
    port,
    now: () => Date.now() + skewMs,
    monotonic: () => passed + performance.now(),
    signIn: { oidc, passwords: true, onDisabledUser: "keep" },
  });
  good(await server.client.call("createProject", { body: { name: "speech" } }));
  const pass = (ms: number): void => {
    passed += ms;
  };
  return { server, provider, pass };
}

/** Goes to the provider, signs in there, and gives the address under which it comes back. */
async function away({ server, provider }: World, browser: Browser, login: string, next = "") {
  const to = await browser.fetch(START + (next === "" ? "" : `?next=${encodeURIComponent(next)}`));
  assert.equal(to.status, 302);
  const url = to.headers.get("location") ?? "";
  return provider.signIn(url, login, `${server.server.url}${CALLBACK}`);
}

async function signIn(world: World, login: string, next = "") {
  const browser = new Browser(world.server.server.url);
  const back = await away(world, browser, login, next);
  const reply = await browser.fetch(back);
  return { browser, back, location: reply.headers.get("location") };
}

/** What the console is told of a sign-in that failed. */
async function trouble(browser: Browser): Promise<{ code: string; message: string; hint: string }> {
  const { body } = await browser.json("GET", "/v1/sign-in");
  return body.trouble as { code: string; message: string; hint: string };
}

const me = async (browser: Browser) =>
  (await browser.json<{ name: string; roles: object[]; notice?: string }>("GET", "/v1/me")).body;

test("a browser is signed in with its groups' roles and comes back to its page", async (t) => {
  const world = await start(t);
  const { browser, location } = await signIn(world, "alice", "#/jobs/17");
  assert.equal(location, "/#/jobs/17");
  const { name, roles, notice } = await me(browser);
  assert.match(name, /^user-[0-9a-f]{6}$/);
  assert.deepEqual(roles, [
    { role: "auditor", byGroup: true },
    { role: "researcher", scope: "speech", byGroup: true },
  ]);
  assert.equal(notice, undefined);
  const account = (await browser.json("GET", "/v1/me/sign-in")).body;
  assert.equal(account.email, "alice@uni-a.test");
  const { client } = world.server;
  const seen = good(await client.call("getUserSignIn", { params: { name } }));
  assert.equal(seen.email, "alice@uni-a.test");
  const kept = JSON.stringify([...world.server.server.pump.state.users.values()]);
  assert.equal(/alice|uni-a\.test/i.test(kept), false, "the journal knows nobody by name");
});

test("the same person is the same user, and groups lost there are lost here", async (t) => {
  const world = await start(t);
  const first = await me((await signIn(world, "alice")).browser);
  world.provider.people.alice = { groups: ["uni-a"] };
  const second = await signIn(world, "alice");
  const now = await me(second.browser);
  assert.equal(now.name, first.name);
  assert.deepEqual(now.roles, [{ role: "researcher", scope: "speech", byGroup: true }]);
  const users = good(await world.server.client.call("listUsers", {})).rows;
  assert.equal(users.length, 1);
  const name = { params: { name: now.name } };
  good(await world.server.client.call("grantRole", { ...name, body: { role: "auditor" } }));
  world.provider.people.alice = { groups: [] };
  const third = await me((await signIn(world, "alice")).browser);
  assert.deepEqual(third.roles, [{ role: "auditor", byGroup: false }], "granted here, kept here");
});

test("a provider without groups lets people in without a role, and they are told", async (t) => {
  const world = await start(t);
  world.provider.people.alice = { email: "alice@uni-a.test" };
  const none = await me((await signIn(world, "alice")).browser);
  assert.deepEqual(none.roles, []);
  assert.match(none.notice ?? "", /says nothing of your groups \(claim `groups`\)/);
  const others = await me((await signIn(world, "bob")).browser);
  assert.match(others.notice ?? "", /None of the 1 groups .* stands for a role/);
});

test("a handle comes from the provider only where the operator asks for it", async (t) => {
  const world = await start(t, { nameClaim: "preferred_username" });
  const { client } = world.server;
  good(await client.call("setUser", { params: { name: "alice.q" }, body: {} }));
  assert.equal((await me((await signIn(world, "alice")).browser)).name, "alice.q-2");
});

test("neither a code nor a state is good twice, nor in another browser", async (t) => {
  const world = await start(t);
  const { browser, back } = await signIn(world, "alice");
  await browser.fetch(back);
  assert.equal((await trouble(browser)).code, "SIGN_IN_STALE", "the same address again");
  assert.equal((await browser.json("GET", "/v1/sign-in")).body.trouble, undefined, "told once");

  const begun = new Browser(world.server.server.url);
  const stolen = await away(world, begun, "alice");
  const thief = new Browser(world.server.server.url);
  await thief.fetch(stolen);
  assert.equal((await trouble(thief)).code, "SIGN_IN_STALE", "a browser that began nothing");
  const own = new Browser(world.server.server.url);
  await own.fetch(START);
  await own.fetch(stolen);
  assert.equal((await trouble(own)).code, "SIGN_IN_STALE", "one that began something else");
  assert.equal(thief.jar.has("tequio-session") || own.jar.has("tequio-session"), false);

  // With the right state, the code of an earlier sign-in: the provider knows it was used.
  const fresh = new Browser(world.server.server.url);
  const good = new URL(await away(world, fresh, "alice"));
  good.searchParams.set("code", new URL(back).searchParams.get("code") ?? "");
  await fresh.fetch(good.href);
  assert.equal((await trouble(fresh)).code, "SIGN_IN_STALE");
  assert.equal(fresh.jar.has("tequio-session"), false);
});

test("a sign-in that takes too long is over", async (t) => {
  const world = await start(t, { clockToleranceS: 3_600 });
  const browser = new Browser(world.server.server.url);
  const back = await away(world, browser, "alice");
  world.pass(LIMITS.SIGN_IN_MS);
  await browser.fetch(back);
  assert.equal((await trouble(browser)).code, "SIGN_IN_STALE");
});

test("nobody is led to another site after the sign-in", async (t) => {
  const world = await start(t);
  for (const next of ["https://evil.test/", "//evil.test", "#//evil.test\\@", "#/x y"]) {
    const { location } = await signIn(world, "alice", next);
    assert.equal(location, "/", next);
  }
});

test("a provider whose clock is five minutes off is refused, on either side", async (t) => {
  for (const [skewMs, words] of [
    [300_000, /30\d s behind the pool's/],
    [-300_000, /(?:300|299) s ahead of the pool's/],
  ] as const) {
    const world = await start(t, {}, {}, skewMs);
    const { browser } = await signIn(world, "alice");
    const { code, message, hint } = await trouble(browser);
    assert.equal(code, "OIDC_CLOCK_SKEW", message);
    assert.match(message, words);
    assert.match(hint, /--oidc-clock-tolerance/);
    assert.equal(browser.jar.has("tequio-session"), false);
  }
});

test("five minutes are taken where the operator has said so", async (t) => {
  const world = await start(t, { clockToleranceS: 360 }, {}, 300_000);
  const { browser } = await signIn(world, "alice");
  assert.equal((await me(browser)).roles.length, 2);
});

test("a disabled user is not let in, whatever the provider says", async (t) => {
  const world = await start(t);
  const { browser } = await signIn(world, "alice");
  const { name } = await me(browser);
  const off = { params: { name }, body: { action: "disable" as const } };
  good(await world.server.client.call("changeUser", off));
  assert.equal((await browser.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  const again = await signIn(world, "alice");
  assert.equal((await trouble(again.browser)).code, "USER_DISABLED");
});

test("a user who is forgotten leaves no trace, and is somebody new after that", async (t) => {
  const world = await start(t);
  const { browser } = await signIn(world, "alice");
  const { name } = await me(browser);
  const { client } = world.server;
  const act = (action: "disable" | "forget") =>
    client.call("changeUser", { params: { name }, body: { action } });
  const early = await act("forget");
  assert.equal(early.ok ? "" : early.code, "WRONG_STATE");
  good(await act("disable"));
  good(await act("forget"));
  const file = readFileSync(join(world.server.folder, "people.sqlite")).toString("latin1");
  assert.equal(/alice/.test(file), false);
  const again = await me((await signIn(world, "alice")).browser);
  assert.notEqual(again.name, name);
});

test("a certificate that nobody vouches for is named in the refusal", async (t) => {
  const tls = good(await selfSignedTls(mkdtempSync(join(testFolder(t), "tls-")), undefined));
  const site = createSecureServer({ cert: tls.cert, key: tls.key }).listen(0, "127.0.0.1");
  await once(site, "listening");
  t.after(() => site.close());
  const { port } = site.address() as { port: number };
  const world = await start(t, { issuer: `https://127.0.0.1:${port}` });
  const browser = new Browser(world.server.server.url);
  await browser.fetch(START);
  const { code, message } = await trouble(browser);
  assert.equal(code, "OIDC_UNREACHABLE");
  assert.match(message, /certificate .* is not good \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
});

test("an expired certificate, a slow provider and a bug are told apart", () => {
  const caused = (code: string): Error =>
    new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code }) });
  const expired = oidcTrouble(caused("CERT_HAS_EXPIRED"), "https://i");
  assert.equal(expired.code, "OIDC_UNREACHABLE");
  assert.match(expired.message, /certificate .*CERT_HAS_EXPIRED/);
  assert.match(expired.hint, /Renew it/);
  const slow = Object.assign(new Error("operation timed out"), { code: "OAUTH_TIMEOUT" });
  assert.match(oidcTrouble(slow, "https://i").message, /no answer in time/);
  assert.throws(() => oidcTrouble(new RangeError("ours"), "https://i"), RangeError);
});

test("a pool starts without its provider, says so, and goes on when it comes", async (t) => {
  const port = await freePort();
  const world = await start(t, { issuer: `http://127.0.0.1:${port}` });
  assert.equal((await world.server.http("/readyz", { token: null })).status, 200);
  const browser = new Browser(world.server.server.url);
  await browser.fetch(START);
  const { code, message } = await trouble(browser);
  assert.equal(code, "OIDC_UNREACHABLE");
  assert.match(message, /ECONNREFUSED/);
  assert.equal((await world.server.http("/v1/pool")).status, 200, "the pool goes on");
});

test("a provider that goes away ends no session, and lets nobody in", async (t) => {
  const world = await start(t);
  const { browser } = await signIn(world, "alice");
  await world.provider.stop();
  assert.equal((await browser.json("GET", "/v1/me")).status, 200);
  const other = new Browser(world.server.server.url);
  // What is known of it is enough to send the browser there; the way back needs it.
  const to = await other.fetch(START);
  const state = new URL(to.headers.get("location") ?? "").searchParams.get("state") ?? "";
  const iss = encodeURIComponent(world.provider.issuer);
  await other.fetch(`${CALLBACK}?code=x&state=${state}&iss=${iss}`);
  assert.equal((await trouble(other)).code, "OIDC_UNREACHABLE");
});

test("a server that is no provider, and one with another name, are refused", async (t) => {
  const world = await start(t);
  const { url } = world.server.server;
  const cases = [
    [url, "OIDC_UNREACHABLE"],
    [world.provider.issuer.replace("127.0.0.1", "localhost"), "OIDC_INVALID"],
  ] as const;
  for (const [issuer, wanted] of cases) {
    const other = await start(t, { issuer });
    const browser = new Browser(other.server.server.url);
    await browser.fetch(START);
    assert.equal((await trouble(browser)).code, wanted, issuer);
  }
});

test("who says no at the provider is told so", async (t) => {
  const world = await start(t);
  const browser = new Browser(world.server.server.url);
  const to = await browser.fetch(START);
  const state = new URL(to.headers.get("location") ?? "").searchParams.get("state") ?? "";
  const query = new URLSearchParams({ error: "access_denied", state, iss: world.provider.issuer });
  await browser.fetch(`${CALLBACK}?${query}`);
  assert.equal((await trouble(browser)).code, "OIDC_REFUSED");
});

test("a secret that is wrong is the operator's to mend, and is not repeated", async (t) => {
  const world = await start(t, { clientSecret: "another-secret-than-the-providers" });
  const { browser } = await signIn(world, "alice");
  const { code, message } = await trouble(browser);
  assert.equal(code, "OIDC_REFUSED");
  assert.match(message, /invalid_client/);
  assert.equal(world.server.said.join().includes("another-secret"), false);
});

test("a device gets its session when its code was typed at the provider", async (t) => {
  const world = await start(t);
  const device = new Browser(world.server.server.url);
  const { body: begun } = await device.json<{
    deviceId: string;
    by: string;
    completeUrl: string;
    intervalMs: number;
  }>("POST", "/v1/sign-in/device", {});
  assert.equal(begun.by, "provider");
  assert.ok(begun.completeUrl.startsWith(world.provider.issuer));
  const poll = () =>
    device.json<{ state: string; code?: string; signedIn?: { token: string; roles: object[] } }>(
      "POST",
      "/v1/sign-in/device/poll",
      { deviceId: begun.deviceId },
    );
  world.pass(begun.intervalMs);
  assert.equal((await poll()).body.state, "waiting");
  await world.provider.approveDevice(begun.completeUrl, "alice");
  assert.equal((await poll()).body.state, "waiting", "the provider is not asked too often");
  world.pass(begun.intervalMs);
  const done = await poll();
  assert.equal(done.body.state, "done", JSON.stringify(done.body));
  assert.equal(done.body.signedIn?.roles.length, 2);
  const reply = await world.server.http("/v1/sessions", { token: done.body.signedIn!.token });
  const { rows } = (await reply.json()) as { rows: { how: string }[] };
  assert.equal(rows[0]?.how, "device");
  assert.equal((await poll()).body.code, "SIGN_IN_STALE", "once");
});

test("a provider without sign-ins for devices leaves the code to the console", async (t) => {
  const features = { devInteractions: { enabled: true }, deviceFlow: { enabled: false } };
  const clients = [
    {
      ...{ client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret },
      redirect_uris: ["http://127.0.0.1:1/"],
    },
  ];
  const world = await start(t, {}, { features, clients });
  const device = new Browser(world.server.server.url);
  const { body } = await device.json("POST", "/v1/sign-in/device", {});
  assert.equal(body.by, "pool");
});

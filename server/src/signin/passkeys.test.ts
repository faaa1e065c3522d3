// Passkeys with an authenticator in software: made by a one-time link or by somebody who is signed
// in, used without a name, and refused when anything about them is not as it must be.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, type TestServer } from "../testing/setup.ts";
import { partyOf } from "./passkeys.ts";
import { Authenticator } from "./testing/authenticator.ts";
import { Browser } from "./testing/browser.ts";

type Options = { options: Record<string, unknown>; code?: string };

interface World {
  readonly server: TestServer;
  readonly url: string;
  /** Lets the pool's time pass. */
  readonly pass: (ms: number) => void;
}

async function start(t: TestContext): Promise<World> {
  let passed = 0;
  const server = await startServer(t, good(await openMemoryStore()), {
    monotonic: () => passed + performance.now(),
  });
  const pass = (ms: number): void => {
    passed += ms;
  };
  // Browsers make no passkeys for 127.0.0.1.
  return { server, url: `http://localhost:${server.server.port}`, pass };
}

async function invite({ server: { client } }: World, name: string): Promise<string> {
  good(await client.call("setUser", { params: { name }, body: {} }));
  const { url } = good(await client.call("inviteUser", { params: { name }, body: {} }));
  return url.slice(url.lastIndexOf("/") + 1);
}

/** A user with a passkey, made by a link. */
async function withPasskey(world: World, name: string) {
  const browser = new Browser(world.url);
  const key = new Authenticator(world.url);
  const secret = await invite(world, name);
  const { body } = await browser.json<Options>("POST", "/v1/sign-in/invite/passkey/options", {
    invite: secret,
  });
  const made = { invite: secret, name: "first key", response: key.make(body.options) };
  const done = await browser.json("POST", "/v1/sign-in/invite/passkey", made);
  assert.equal(done.status, 200, JSON.stringify(done.body));
  return { browser, key, secret };
}

async function ask(browser: Browser): Promise<Record<string, unknown>> {
  const { body } = await browser.json<Options>("POST", "/v1/sign-in/passkey/options", {});
  return body.options;
}

const enter = (browser: Browser, response: Record<string, unknown>) =>
  browser.json("POST", "/v1/sign-in/passkey", { response });

test("a passkey that a link made signs in without a name", async (t) => {
  const world = await start(t);
  const { key, secret } = await withPasskey(world, "ana");
  const browser = new Browser(world.url);
  const done = await enter(browser, key.use(await ask(browser)));
  assert.equal(done.body.name, "ana", JSON.stringify(done.body));
  assert.equal((await browser.json("GET", "/v1/me")).body.tokenKind, "session");
  const again = await browser.json("POST", "/v1/sign-in/invite", { invite: secret });
  assert.equal(again.body.code, "INVITE_INVALID", "the link is used up");
});

test("an answer is good once, for the challenge of this pool and its own name", async (t) => {
  const world = await start(t);
  const { key } = await withPasskey(world, "ana");
  const browser = new Browser(world.url);
  const answer = key.use(await ask(browser));
  assert.equal((await enter(browser, answer)).status, 200);
  assert.equal((await enter(browser, answer)).body.code, "SIGN_IN_STALE", "replayed");
  const invented = key.use({ challenge: Buffer.alloc(32).toString("base64url") });
  assert.equal((await enter(browser, invented)).body.code, "SIGN_IN_STALE");
  const options = await ask(browser);
  key.origin = "https://tequio.evil.test";
  const phished = await enter(browser, key.use(options));
  assert.equal(phished.body.code, "SIGN_IN_FAILED");
  assert.match(String(phished.body.message), /origin/);
});

test("a counter that goes back tells of a copy, which is refused", async (t) => {
  const world = await start(t);
  const { key } = await withPasskey(world, "ana");
  const browser = new Browser(world.url);
  assert.equal((await enter(browser, key.use(await ask(browser), 5))).status, 200);
  const copy = await enter(browser, key.use(await ask(browser), -3));
  assert.equal(copy.body.code, "SIGN_IN_FAILED");
  assert.match(String(copy.body.message), /counter/);
  const line = world.server.said.find((one) => one.includes("passkey was refused"));
  assert.ok(line, "and the operator reads of it");
});

test("a key that has not asked its owner is not enough", async (t) => {
  const world = await start(t);
  const { key } = await withPasskey(world, "ana");
  key.verifiesUser = false;
  const browser = new Browser(world.url);
  assert.equal((await enter(browser, key.use(await ask(browser)))).body.code, "SIGN_IN_FAILED");
});

test("several passkeys have names and go one by one, but not the last way in", async (t) => {
  const world = await start(t);
  const { browser } = await withPasskey(world, "ana");
  const { body } = await browser.json<Options>("POST", "/v1/me/passkeys/options", {});
  const excluded = body.options.excludeCredentials as { id: string }[];
  assert.equal(excluded.length, 1, "the browser does not make a second one on the same key");
  const second = new Authenticator(world.url);
  const response = second.make(body.options);
  const added = await browser.json("POST", "/v1/me/passkeys", { name: "spare", response });
  assert.equal(added.status, 201, JSON.stringify(added.body));
  const again = await browser.json("POST", "/v1/me/passkeys", { name: "spare", response });
  assert.equal(again.body.code, "SIGN_IN_STALE", "a registration is good once");
  type Account = { passkeys: { passkeyId: string; name: string }[]; code?: string };
  const account = (await browser.json<Account>("GET", "/v1/me/sign-in")).body;
  assert.deepEqual(account.passkeys.map(({ name }) => name).sort(), ["first key", "spare"]);
  const [one, two] = account.passkeys.map(({ passkeyId }) => `/v1/me/passkeys/${passkeyId}`);
  await browser.json("PUT", one!, { name: "blue" });
  const other = new Browser(world.url);
  await enter(other, second.use(await ask(other)));
  const removed = await browser.json<Account>("DELETE", two!);
  assert.deepEqual(
    removed.body.passkeys.map(({ name }) => name),
    ["blue"],
  );
  assert.equal((await other.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  const gone = await enter(other, second.use(await ask(other)));
  assert.equal(gone.body.code, "SIGN_IN_FAILED");
  assert.equal((await browser.json<Account>("DELETE", one!)).body.code, "WRONG_STATE");
});

test("a session that was begun long ago adds and removes no passkey", async (t) => {
  const world = await start(t);
  const { browser, key } = await withPasskey(world, "ana");
  world.pass(LIMITS.SIGN_IN_FRESH_MS + 1_000);
  const late = await browser.json<Options>("POST", "/v1/me/passkeys/options", {});
  assert.equal(late.body.code, "SIGN_IN_AGAIN");
  type Account = { passkeys: { passkeyId: string }[] };
  const { passkeys } = (await browser.json<Account>("GET", "/v1/me/sign-in")).body;
  const removed = await browser.json("DELETE", `/v1/me/passkeys/${passkeys[0]?.passkeyId}`);
  assert.equal(removed.body.code, "SIGN_IN_AGAIN");
  const set = { password: "seven green kettles sing" };
  assert.equal((await browser.json("PUT", "/v1/me/password", set)).body.code, "SIGN_IN_AGAIN");
  await enter(browser, key.use(await ask(browser)));
  assert.equal((await browser.json("PUT", "/v1/me/password", set)).status, 200);
});

test("nobody adds or takes another user's passkey", async (t) => {
  const world = await start(t);
  const { browser: ana } = await withPasskey(world, "ana");
  const { browser: bo } = await withPasskey(world, "bo");
  const { body } = await ana.json<Options>("POST", "/v1/me/passkeys/options", {});
  const response = new Authenticator(world.url).make(body.options);
  const added = await bo.json("POST", "/v1/me/passkeys", { name: "x", response });
  assert.equal(added.body.code, "SIGN_IN_STALE", "a challenge is for whom it was made");
  type Account = { passkeys: { passkeyId: string }[] };
  const { passkeys } = (await ana.json<Account>("GET", "/v1/me/sign-in")).body;
  const path = `/v1/me/passkeys/${passkeys[0]?.passkeyId}`;
  assert.equal((await bo.json("DELETE", path)).body.code, "NOT_FOUND");
  assert.equal((await bo.json("PUT", path, { name: "mine" })).body.code, "NOT_FOUND");
});

test("a disabled user's passkey does not let it in", async (t) => {
  const world = await start(t);
  const { key } = await withPasskey(world, "ana");
  const off = { params: { name: "ana" }, body: { action: "disable" as const } };
  good(await world.server.client.call("changeUser", off));
  const browser = new Browser(world.url);
  assert.equal((await enter(browser, key.use(await ask(browser)))).body.code, "USER_DISABLED");
});

test("nonsense instead of an answer is refused, whatever it is", async (t) => {
  const world = await start(t);
  const { key } = await withPasskey(world, "ana");
  const browser = new Browser(world.url);
  const whole = key.use(await ask(browser));
  const inner = whole.response as Record<string, unknown>;
  const clientDataJSON = inner.clientDataJSON as string;
  const broken: Record<string, unknown>[] = [
    {},
    { id: 7 },
    { ...whole, response: null },
    { ...whole, response: { ...inner, clientDataJSON: "%%%" } },
    { ...whole, response: { ...inner, clientDataJSON: 5 } },
    { ...whole, response: { clientDataJSON } },
  ];
  for (const response of broken) {
    const { status } = await enter(browser, response);
    assert.ok(status === 400 || status === 401, `${status} ${JSON.stringify(response)}`);
  }
});

test("passkeys are for names over TLS, and for localhost", () => {
  const cases: readonly (readonly [string | undefined, string, string | undefined])[] = [
    [undefined, "http://localhost:8420", "localhost"],
    [undefined, "http://127.0.0.1:8420", undefined],
    [undefined, "http://[::1]:8420", undefined],
    [undefined, "https://whatever.the.host.header.says", undefined],
    ["https://pool.example.org", "http://127.0.0.1:8420", "pool.example.org"],
    ["http://pool.example.org", "http://127.0.0.1:8420", undefined],
  ];
  for (const [publicUrl, baseUrl, wanted] of cases) {
    const party = partyOf(publicUrl, baseUrl);
    assert.equal(party.ok ? party.value.id : undefined, wanted, `${publicUrl} ${baseUrl}`);
  }
});

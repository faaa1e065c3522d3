// Signing in without a provider: one-time links, passwords, who guesses them, and who is disabled.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@tequio/core/pool";
import { addUser } from "../testing/people.ts";
import { good } from "../testing/setup.ts";
import { Browser } from "./testing/browser.ts";
import { enter, invite, PASSWORD, startPool, withPassword } from "./testing/local.ts";

test("a link sets a password once, and the password signs in from then on", async (t) => {
  const server = await startPool(t);
  const secret = await invite(server, "ana");
  const browser = new Browser(server.server.url);
  const look = await browser.json("POST", "/v1/sign-in/invite", { invite: secret });
  assert.equal(look.body.user, "ana");
  assert.equal(look.body.again, false);
  const weak = { invite: secret, password: "short" };
  const refused = await browser.json("POST", "/v1/sign-in/invite/password", weak);
  assert.equal(refused.body.code, "PASSWORD_WEAK");
  const set = { invite: secret, password: PASSWORD };
  const done = await browser.json("POST", "/v1/sign-in/invite/password", set);
  assert.equal(done.status, 200, "a weak password leaves the link as it was");
  assert.equal(done.body.token, undefined, "a browser's script never sees the token");
  assert.equal((await browser.json("GET", "/v1/me")).body.name, "ana");
  const again = await browser.json("POST", "/v1/sign-in/invite/password", set);
  assert.equal(again.body.code, "INVITE_INVALID");
  const other = new Browser(server.server.url);
  assert.equal((await enter(other, "ana")).status, 200);
  assert.equal((await other.json("GET", "/v1/me")).body.tokenKind, "session");
});

test("a wrong password, an unknown user and a user without one get the same answer", async (t) => {
  const server = await startPool(t);
  await withPassword(server, "ana");
  good(await server.client.call("setUser", { params: { name: "bare" }, body: {} }));
  const browser = new Browser(server.server.url);
  const answers = [];
  for (const [user, password] of [
    ["ana", "seven green kettles cry"],
    ["nobody", PASSWORD],
    ["bare", PASSWORD],
  ] as const) {
    const { status, body } = await enter(browser, user, password);
    answers.push({ status, ...body, requestId: "" });
  }
  assert.equal(answers[0]?.status, 401);
  assert.deepEqual(answers[1], answers[0]);
  assert.deepEqual(answers[2], answers[0]);
  assert.equal(browser.jar.size, 0);
});

test("an unknown user takes as long as a known one", async (t) => {
  const server = await startPool(t);
  await withPassword(server, "ana");
  const browser = new Browser(server.server.url);
  const took = async (user: string): Promise<number> => {
    const from = performance.now();
    await enter(browser, user, "wrong wrong wrong wrong");
    return performance.now() - from;
  };
  await took("nobody"); // The hash that nobody has is made once.
  const [known, unknown]: [number[], number[]] = [[], []];
  for (let i = 0; i < 5; i += 1) {
    known.push(await took("ana"));
    unknown.push(await took("nobody"));
  }
  // Without the computation the answer takes a millisecond or two; with it, tens.
  assert.ok(Math.min(...unknown) > Math.min(...known) / 3, `${unknown} against ${known}`);
});

test("guesses at a user are stopped, and the user's right password does not count", async (t) => {
  const server = await startPool(t);
  await withPassword(server, "ana");
  const from = (i: number) => ({ "x-forwarded-for": `10.0.0.${i}` });
  const browser = new Browser(server.server.url);
  const attempt = (password: string, i: number) =>
    browser.json("POST", "/v1/sign-in/password", { user: "ana", password }, from(i));
  for (let i = 0; i < LIMITS.PASSWORD_TRIES_BURST; i += 1) {
    const right = i % 5 === 0;
    if (right) assert.equal((await attempt(PASSWORD, i)).status, 200);
    assert.equal((await attempt("a wrong one of length", i)).body.code, "SIGN_IN_FAILED");
  }
  const stopped = await attempt(PASSWORD, 200);
  assert.equal(stopped.body.code, "TOO_MANY", "from whatever address, and even when right");
  assert.equal(stopped.status, 429);
});

test("a user who is disabled is out at once and does not come back in", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const off = { params: { name: "ana" }, body: { action: "disable" as const } };
  good(await server.client.call("changeUser", off));
  assert.equal((await browser.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  assert.equal((await enter(browser, "ana")).body.code, "USER_DISABLED");
  assert.equal((await enter(browser, "ana", "not the password")).body.code, "SIGN_IN_FAILED");
});

test("jobs of a disabled user go on or are cancelled, as the operator has set", async (t) => {
  for (const onDisabledUser of ["keep", "cancel"] as const) {
    const server = await startPool(t, { passwords: true, onDisabledUser });
    good(await server.client.call("createProject", { body: { name: "speech" } }));
    const ana = await addUser(server, "ana", "researcher:speech");
    const job = { shell: "true", project: "speech" };
    const { id } = good(await ana.client.call("submitJob", { body: job }));
    const off = { params: { name: "ana" }, body: { action: "disable" as const } };
    const { cancelled } = good(await server.client.call("changeUser", off));
    assert.deepEqual(cancelled, onDisabledUser === "cancel" ? [id] : []);
    const state = good(await server.client.call("getJob", { params: { id } }));
    assert.equal(state.outcome, onDisabledUser === "cancel" ? "cancelled" : undefined);
    if (onDisabledUser === "cancel") assert.match(JSON.stringify(state), /user was disabled/);
    const back = { params: { name: "ana" }, body: { action: "enable" as const } };
    good(await server.client.call("changeUser", back));
    const keep = { action: "disable" as const, jobs: "keep" as const };
    const said = good(await server.client.call("changeUser", { ...off, body: keep }));
    assert.deepEqual(said.cancelled, [], "what is said counts more than what is set");
  }
});

test("a password is changed with the one of now only, and ends the other sessions", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const other = new Browser(server.server.url);
  await enter(other, "ana");
  const next = "eight purple trams hum";
  const bare = await browser.json("PUT", "/v1/me/password", { password: next });
  assert.equal(bare.body.at, "current");
  const wrong = { current: "wrong wrong wrong", password: next };
  assert.equal((await browser.json("PUT", "/v1/me/password", wrong)).body.code, "SIGN_IN_FAILED");
  const right = { current: PASSWORD, password: next };
  assert.equal((await browser.json("PUT", "/v1/me/password", right)).status, 200);
  assert.equal((await other.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  assert.equal((await enter(other, "ana")).body.code, "SIGN_IN_FAILED");
  assert.equal((await enter(other, "ana", next)).status, 200);
});

test("an API token changes nothing of how its user signs in", async (t) => {
  const server = await startPool(t);
  const ana = await addUser(server, "ana", "operator");
  const set = await ana.client.call("setPassword", { body: { password: PASSWORD } });
  assert.equal(set.ok ? "" : set.code, "WRONG_STATE");
  const out = await ana.client.call("signOut", { body: {} });
  assert.equal(out.ok ? "" : out.code, "WRONG_STATE");
});

test("links end with time, with a newer one, and a reset ends what was", async (t) => {
  const server = await startPool(t);
  const browser = await withPassword(server, "ana");
  const first = await invite(server, "ana");
  const second = await invite(server, "ana");
  const look = async (secret: string) =>
    (await browser.json("POST", "/v1/sign-in/invite", { invite: secret })).body;
  assert.equal((await look(first)).code, "INVITE_INVALID");
  assert.equal((await look(second)).again, true);
  server.pass(LIMITS.INVITE_MS);
  assert.equal((await look(second)).code, "INVITE_INVALID");
  await enter(browser, "ana");
  await invite(server, "ana", true);
  assert.equal((await browser.json("GET", "/v1/me")).body.code, "TOKEN_REVOKED");
  assert.equal((await enter(browser, "ana")).body.code, "SIGN_IN_FAILED");
});

test("of many who use one link at once only one gets in", async (t) => {
  const server = await startPool(t);
  const secret = await invite(server, "ana");
  const body = { invite: secret, password: PASSWORD };
  const all = await Promise.all(
    [1, 2, 3, 4].map(() =>
      new Browser(server.server.url).json("POST", "/v1/sign-in/invite/password", body),
    ),
  );
  assert.equal(all.filter(({ status }) => status === 200).length, 1);
});

test("a pool without passwords takes none and says so", async (t) => {
  const server = await startPool(t, { passwords: false, onDisabledUser: "keep" });
  const browser = new Browser(server.server.url);
  assert.equal((await browser.json("GET", "/v1/sign-in")).body.password, false);
  assert.equal((await enter(browser, "ana")).body.code, "SIGN_IN_OFF");
  const secret = await invite(server, "ana");
  const body = { invite: secret, password: PASSWORD };
  const set = await browser.json("POST", "/v1/sign-in/invite/password", body);
  assert.equal(set.body.code, "SIGN_IN_OFF");
});

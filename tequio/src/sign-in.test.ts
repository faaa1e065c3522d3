// Signing in as people do it: an operator's link, a password, a command line that is let in with a
// code, its sessions, and what of all that a backup keeps. With real processes.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startTequio } from "./child.ts";
import { RealPool, runTequio } from "./testing/real-pool.ts";
import { type SignInFlags, signInOf } from "./verbs/sign-in-flags.ts";

const PASSWORD = "nine brass kettles whistle";
const pool = new RealPool();
const home = join(pool.folder, "ana");
after(() => pool.close());

async function post(path: string, body: object, cookie = ""): Promise<Response> {
  return fetch(pool.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", "sec-fetch-site": "same-origin", cookie },
    body: JSON.stringify(body),
  });
}

/** Runs a command of ana's. */
const ana = (...args: string[]) => runTequio(home, [...args, "--url", pool.url]);

test("a command line is let in by a code, lists its sessions and signs out", async () => {
  await pool.up();
  const set = await runTequio(pool.home, ["user", "set", "ana"]);
  assert.equal(set.code, 0, set.errors);
  const invited = await runTequio(pool.home, ["user", "invite", "ana", "--json"]);
  const link = JSON.parse(invited.out) as { url: string };
  const invite = link.url.slice(link.url.lastIndexOf("/") + 1);
  assert.equal(link.url, `${pool.url}/#/invite/${invite}`);
  const begun = await post("/v1/sign-in/invite/password", { invite, password: PASSWORD });
  const cookie = begun.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  assert.match(cookie, /^tequio-session=tqs_/);

  const login = startTequio(home, ["login", "--json", "--url", pool.url]);
  const { userCode } = (await login.line) as { userCode: string };
  const approved = await post("/v1/me/device/approve", { userCode }, cookie);
  assert.equal(approved.status, 200);
  assert.equal(await login.ended, 0, login.errors());
  const context = join(home, "tequio", "context.json");
  assert.equal(statSync(context).mode & 0o777, 0o600);
  assert.match((JSON.parse(readFileSync(context, "utf8")) as { token: string }).token, /^tqs_/);
  const who = await ana("whoami");
  assert.match(who.out, /User +ana\n/);
  const listed = await ana("session", "list", "--json");
  const rows = JSON.parse(listed.out) as { how: string; current: boolean }[];
  assert.deepEqual(
    rows.map(({ how, current }) => `${how} ${current}`),
    ["invite false", "device true"],
  );
  const ended = await ana("session", "revoke", "--all");
  assert.equal(ended.out, "1 session ended.\n");
  const browser = await fetch(`${pool.url}/v1/me`, { headers: { cookie } });
  assert.equal(browser.status, 401);
  assert.equal((await ana("logout")).code, 0);
  assert.equal((await ana("whoami")).code, 5, "nobody is signed in any more");
});

test("a backup brings people back with their passwords", async () => {
  const backup = join(pool.folder, "backup");
  const made = await runTequio(pool.home, ["backup", backup, "--data", pool.data]);
  assert.equal(made.code, 0, made.errors);
  const data = join(pool.folder, "restored");
  const restored = await runTequio(pool.home, ["restore", backup, "--data", data]);
  assert.equal(restored.code, 0, restored.errors);
  assert.equal(statSync(join(data, "people.sqlite")).mode & 0o777, 0o600);
  const args = ["up", "--no-member", "--no-open", "--json", "--port", "0", "--data", data];
  const again = startTequio(join(pool.folder, "second"), args);
  try {
    const { url } = (await again.line) as { url: string };
    const body = { user: "ana", password: PASSWORD, want: "token" };
    const reply = await fetch(`${url}/v1/sign-in/password`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(reply.status, 200, await reply.text());
  } finally {
    again.child.kill("SIGINT");
    await again.ended;
  }
});

test("flags about the provider make sense together, and its secret stands in a file", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-flags-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "secret"), "geheim\n");
  writeFileSync(join(folder, "empty"), "\n");
  const base: SignInFlags = {
    ...{ oidcGroupsClaim: "groups", oidcRole: [], oidcClockTolerance: 60 },
    ...{ passwords: true, onDisabledUser: "keep" },
  };
  const oidcIssuer = "https://id.example.org/realms/uni";
  const whole = { ...base, oidcIssuer, oidcClientId: "pool", oidcClientSecretFile: "secret" };
  const good = signInOf(whole, folder);
  assert.ok(good.ok);
  assert.equal(good.value.oidc?.clientSecret, "geheim");
  const { oidcIssuer: _, ...noIssuer } = whole;
  const bad: readonly SignInFlags[] = [
    noIssuer,
    { ...base, oidcIssuer },
    { ...whole, oidcIssuer: "http://id.example.org" },
    { ...whole, oidcIssuer: "id.example.org" },
    { ...whole, oidcClientSecretFile: "missing" },
    { ...whole, oidcClientSecretFile: "empty" },
  ];
  for (const flags of bad) {
    const refused = signInOf(flags, folder);
    assert.equal(refused.ok ? "" : refused.code, "USAGE", JSON.stringify(flags));
  }
  assert.ok(signInOf({ ...whole, oidcIssuer: "http://127.0.0.1:8080" }, folder).ok);
});

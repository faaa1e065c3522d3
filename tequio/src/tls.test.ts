// An encrypted pool as a user starts it: a certificate of its own that join tokens vouch for, a
// site that believes it and no other, and a key of the site that is changed on the way.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { decodeJoinToken, encodeJoinToken } from "@tequio/contract";
import { type Process, runTequio, startTequio, until } from "./testing/real-pool.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe("a pool with `--tls self`", {
  timeout: 120_000,
  skip: !hasOpenssl && "There is no openssl.",
}, () => {
  const root = mkdtempSync(join(tmpdir(), "tequio-tls-"));
  const home = join(root, "home");
  const site = join(root, "site");
  let up: Process | undefined;
  let agent: Process | undefined;
  let url = "";

  before(async () => {
    const flags = ["--no-member", "--no-open", "--json", "--port", "0", "--tls", "self"];
    const args = ["up", ...flags, "--end-with-stdin", "--data", join(root, "pool")];
    up = startTequio(home, args);
    url = String((await up.line).url);
  });
  after(async () => {
    for (const process of [agent, up]) {
      process?.child.stdin?.end();
      await process?.ended;
    }
    rmSync(root, { recursive: true, force: true });
  });

  const invite = async (name: string): Promise<string> => {
    const { out, errors } = await runTequio(home, ["member", "invite", name, "--json"]);
    assert.notEqual(out, "", errors);
    return (JSON.parse(out) as { joinToken: string }).joinToken;
  };
  const join_ = (token: string, folder: string) =>
    ["agent", "--join", token, "--folder", folder, "--json", "--isolation", "none"] as const;

  test("commands of this user believe it, and others do not", async () => {
    assert.match(url, /^https:/);
    assert.equal(statSync(join(root, "pool", "secrets", "tls.key")).mode & 0o077, 0);
    const stranger = await runTequio(join(root, "nobody"), ["--url", url, "jobs"]);
    assert.notEqual(stranger.code, 0);
    assert.match(stranger.errors, /SELF_SIGNED|self-signed/i);
  });

  test("a token with another fingerprint is refused before anything is said", async () => {
    const token = decodeJoinToken(await invite("lab"));
    assert.ok(token.ok && /^[0-9a-f]{64}$/.test(token.value.pin ?? ""));
    const wrong = encodeJoinToken({ ...token.value, pin: "0".repeat(64) });
    const ended = await runTequio(home, [...join_(wrong, join(root, "wrong"))]);
    assert.notEqual(ended.code, 0);
    assert.match(ended.out, /POOL_UNTRUSTED/);
    const plain = encodeJoinToken({ ...token.value, url: url.replace("https", "http") });
    const bare = await runTequio(home, [...join_(plain, join(root, "wrong"))]);
    assert.match(bare.out, /POOL_UNTRUSTED/);
  });

  test("a site joins, runs a job, changes its key, and comes back with the new one", async () => {
    agent = startTequio(join(root, "nobody"), [
      ...join_(await invite("lab"), site),
      "--end-with-stdin",
    ]);
    assert.equal((await agent.line).ready, true, agent.errors());
    const ran = await runTequio(home, ["submit", "--wait", "--shell", "exit 3"]);
    assert.equal(ran.code, 3, ran.errors);
    const before = readFileSync(join(site, "key.pem"), "utf8");
    const asked = await runTequio(home, ["agent", "rotate-key", "--folder", site]);
    assert.equal(asked.code, 0, asked.errors);
    agent.child.stdin?.end();
    await agent.ended;
    agent = startTequio(join(root, "nobody"), [
      ...["agent", "--folder", site, "--json", "--isolation", "none", "--end-with-stdin"],
    ]);
    assert.equal((await agent.line).ready, true, agent.errors());
    const key = await until("the new key", async () => {
      const now = readFileSync(join(site, "key.pem"), "utf8");
      return now === before ? undefined : now;
    });
    assert.match(key, /PRIVATE KEY/);
    const again = await runTequio(home, ["submit", "--wait", "--shell", "exit 4"]);
    assert.equal(again.code, 4, again.errors);
  });

  test("a revoked site ends with a clear refusal", async () => {
    const { siteId } = JSON.parse(readFileSync(join(site, "agent.json"), "utf8")) as {
      siteId: string;
    };
    const revoked = await runTequio(home, ["member", "revoke-site", siteId]);
    assert.equal(revoked.code, 0, revoked.errors);
    await agent?.ended;
    assert.match(agent?.errors() ?? "", /TOKEN_REVOKED/);
  });
});

// The demonstration's members on an encrypted pool, one of them behind the slow relay: all believe
// the pool's own certificate and come.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { MemberView } from "@tequio/contract";
import { DEMO_MEMBERS } from "./demo/members.ts";
import { runTequio, startTequio, until } from "./testing/real-pool.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

test("`tequio up --tls self --demo-members` has four members, all encrypted", {
  timeout: 90_000,
  skip: !hasOpenssl && "There is no openssl.",
}, async (t) => {
  const root = mkdtempSync(join(tmpdir(), "tequio-tls-demo-"));
  const home = join(root, "home");
  const flags = ["--no-member", "--demo-members", "--no-open", "--json", "--port", "0"];
  const args = ["up", ...flags, "--tls", "self", "--end-with-stdin", "--data", join(root, "pool")];
  const up = startTequio(home, args);
  t.after(async () => {
    up.child.stdin?.end();
    await up.ended;
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });
  assert.match(String((await up.line).url), /^https:/);
  const here = async (): Promise<readonly MemberView[] | false> => {
    const { out } = await runTequio(home, ["member", "list", "--json"]);
    const rows = JSON.parse(out) as MemberView[];
    const sites = rows.flatMap((row) => row.sites);
    return sites.filter(({ state }) => state === "here").length === DEMO_MEMBERS.length && rows;
  };
  const rows = await until("all members", here, 60_000);
  assert.deepEqual(
    rows.map(({ name }) => name).sort(),
    DEMO_MEMBERS.map(({ name }) => name).sort(),
  );
  for (const { name } of DEMO_MEMBERS) {
    const text = readFileSync(join(root, "members", name, "agent.json"), "utf8");
    const { poolUrl, certificate } = JSON.parse(text) as { poolUrl: string; certificate: string };
    assert.match(poolUrl, /^https:/, name);
    assert.match(certificate, /BEGIN CERTIFICATE/, name);
  }
});

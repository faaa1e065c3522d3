// A pool that asks for certificates (mutual TLS) with real processes and real certificates: who
// shows none, an old one, a foreign one or somebody else's is told so by a code, and who shows a
// good one works, also after the files were renewed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { MemberView } from "@tequio/contract";
import { type Files, makeAuthority, makeClient, replaceFiles } from "./testing/certificates.ts";
import { type Process, runTequio, startTequio, until } from "./testing/real-pool.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

interface Place {
  readonly root: string;
  readonly home: string;
  readonly started: Process[];
}

function makePlace(): Place {
  const root = mkdtempSync(join(tmpdir(), "tequio-mtls-"));
  return { root, home: join(root, "home"), started: [] };
}

async function clear({ root, started }: Place): Promise<void> {
  for (const process of started.reverse()) {
    process.child.stdin?.end();
    await process.ended;
  }
  rmSync(root, { recursive: true, force: true });
}

/** Starts the pool; answers its address. */
async function startPool(place: Place, ...flags: readonly string[]): Promise<string> {
  const own = ["--no-member", "--no-open", "--json", "--port", "0", "--tls", "self"];
  const data = join(place.root, "pool");
  const up = startTequio(place.home, ["up", ...own, "--end-with-stdin", "--data", data, ...flags]);
  place.started.push(up);
  return String((await up.line).url);
}

async function invite({ home }: Place, name: string): Promise<string> {
  const { out, errors } = await runTequio(home, ["member", "invite", name, "--json"]);
  assert.notEqual(out, "", errors);
  return (JSON.parse(out) as { joinToken: string }).joinToken;
}

const showing = (files: Files | undefined): readonly string[] =>
  files === undefined ? [] : ["--tls-cert", files.cert, "--tls-key", files.key];

const agentOf = (place: Place, name: string, token: string, files?: Files): readonly string[] => [
  ...["agent", "--join", token, "--folder", join(place.root, name), "--json"],
  ...["--isolation", "none", "--end-with-stdin", ...showing(files)],
];

async function members({ home }: Place): Promise<readonly MemberView[]> {
  const { out, errors } = await runTequio(home, ["member", "list", "--json"]);
  assert.notEqual(out, "", errors);
  return JSON.parse(out) as MemberView[];
}

describe("a pool that asks agents for certificates", {
  timeout: 120_000,
  skip: !hasOpenssl && "There is no openssl.",
}, () => {
  const place = makePlace();
  const { root, home } = place;
  let authority: Files;
  let lab: Files;

  before(async () => {
    authority = makeAuthority(root, "authority");
    lab = makeClient(root, authority, "lab");
    const names = ["--tls-client-names", "match"];
    await startPool(place, "--tls-client-ca", authority.cert, ...names);
  });
  after(() => clear(place));

  test("a site without a good certificate cannot join, and learns why", async () => {
    const foreign = makeClient(root, makeAuthority(root, "strangers"), "lab", { file: "foreign" });
    const old = makeClient(root, authority, "lab", { file: "old", days: -1 });
    const token = await invite(place, "lab");
    for (const [files, code] of [
      [undefined, "CERTIFICATE_REQUIRED"],
      [old, "CERTIFICATE_EXPIRED"],
      [foreign, "CERTIFICATE_UNTRUSTED"],
    ] as const) {
      const ended = await runTequio(home, [...agentOf(place, `no-${code}`, token, files)]);
      assert.equal(ended.code, 5, ended.errors);
      assert.match(ended.out, new RegExp(`"code":"${code}"`));
    }
    const half = [...agentOf(place, "half", token), "--tls-cert", lab.cert];
    assert.match((await runTequio(home, half)).out, /"code":"USAGE"/);
  });

  test("one with a good certificate joins, and the pool tells whose it is", async () => {
    const agent = startTequio(
      join(root, "n"),
      agentOf(place, "lab", await invite(place, "lab"), lab),
    );
    place.started.push(agent);
    assert.equal((await agent.line).ready, true, agent.errors());
    const site = (await members(place)).find(({ name }) => name === "lab")?.sites[0];
    const { fingerprint256 } = new X509Certificate(readFileSync(lab.cert));
    assert.deepEqual(
      { ...site?.certificate, validToMs: 0 },
      {
        subject: "CN=lab,O=Example",
        names: ["lab", "lab.example"],
        fingerprint: fingerprint256.replaceAll(":", "").toLowerCase(),
        validToMs: 0,
      },
    );
    await until("the link's figures", async () => agent.errors().includes("Measured the site."));
    const ran = await runTequio(home, ["submit", "--wait", "--shell", "exit 3"]);
    assert.equal(ran.code, 3, ran.errors);
  });

  test("another member with that certificate joins, and gets no further", async () => {
    const token = await invite(place, "other");
    const agent = startTequio(join(root, "n"), agentOf(place, "other", token, lab));
    place.started.push(agent);
    await until("the refusal", async () => agent.errors().includes("CERTIFICATE_MISMATCH"));
    const site = (await members(place)).find(({ name }) => name === "other")?.sites[0];
    assert.equal(site?.state, "joined");
    assert.equal(site?.certificate, undefined);

    // Its own certificate in the same files is shown at the next dial; nothing is started again.
    const mine = makeClient(root, authority, "other", { file: "mine" });
    const shared = { ...lab };
    replaceFiles(shared, mine);
    assert.equal((await agent.line).ready, true);
  });

  test("a revoked site is shown as one", async () => {
    const site = (await members(place)).find(({ name }) => name === "other")!.sites[0]!;
    assert.equal(site.revoked, undefined);
    const revoked = await runTequio(home, ["member", "revoke-site", site.siteId]);
    assert.equal(revoked.code, 0, revoked.errors);
    const after = (await members(place)).find(({ name }) => name === "other")!.sites[0]!;
    assert.equal(after.revoked, true);
  });

  test("the authorities can be changed while the pool runs", async () => {
    const next = makeAuthority(root, "next");
    const theirs = makeClient(root, next, "third");
    const token = await invite(place, "third");
    replaceFiles(authority, next);
    const up = place.started[0]!;
    await until("the renewal", async () => up.errors().includes("certificates were read again"));
    const agent = startTequio(join(root, "n"), agentOf(place, "third", token, theirs));
    place.started.push(agent);
    assert.equal((await agent.line).ready, true, agent.errors());
  });
});

describe("a pool that asks everybody for certificates", {
  timeout: 120_000,
  skip: !hasOpenssl && "There is no openssl.",
}, () => {
  const place = makePlace();
  const { root, home } = place;
  after(() => clear(place));

  test("lets in nobody without one, but health checks and a site's own tokens", async () => {
    const authority = makeAuthority(root, "authority");
    const mine = makeClient(root, authority, "operator");
    const flags = ["--tls-client-ca", authority.cert, "--tls-client-auth", "all"];
    const url = await startPool(place, ...flags);
    const without = await runTequio(home, ["jobs"]);
    assert.notEqual(without.code, 0);
    assert.match(without.errors, /CERTIFICATE_REQUIRED/);

    const env = { TEQUIO_TLS_CERT: mine.cert, TEQUIO_TLS_KEY: mine.key };
    const token = await runTequio(home, ["member", "invite", "lab", "--json"], env);
    const { joinToken } = JSON.parse(token.out) as { joinToken: string };
    const agent = startTequio(join(root, "n"), agentOf(place, "lab", joinToken, mine));
    place.started.push(agent);
    assert.equal((await agent.line).ready, true, agent.errors());
    const ran = await runTequio(home, ["submit", "--wait", "--shell", "exit 4"], env);
    assert.equal(ran.code, 4, ran.errors);

    const ca = join(root, "pool", "secrets", "tls.crt");
    const curl = (path: string): string =>
      spawnSync(
        process.execPath,
        [
          "-e",
          `fetch("${url}${path}").then(async (r) =>
        console.log(r.status, await r.text()))`,
        ],
        {
          env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
          encoding: "utf8",
        },
      ).stdout;
    assert.match(curl("/healthz"), /^200/);
    for (const path of ["/", "/metrics", "/v1/jobs", "/v1/pool"]) {
      assert.match(curl(path), /^401 .*CERTIFICATE_REQUIRED/, path);
    }
  });
});

// Certificates: what cannot be used is refused in words, a self-made one is made once and holds
// for this machine, and old versions of TLS find no answer.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect, createServer } from "node:tls";
import { fingerprintOf, loadTls, selfSignedTls } from "./tls.ts";

function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-cert-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("files that are no certificate, or not there, are refused as such", (t) => {
  const folder = testFolder(t);
  const file = join(folder, "x.pem");
  writeFileSync(file, "not a certificate");
  for (const path of [file, join(folder, "absent.pem")]) {
    const loaded = loadTls(path, path);
    assert.equal(loaded.ok ? "" : loaded.code, "USAGE");
    assert.match(loaded.ok ? "" : loaded.hint, /--tls-cert/);
  }
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe("a self-signed certificate", { skip: !hasOpenssl }, () => {
  test("is made once, privately, for this machine and the public name", async (t) => {
    const folder = testFolder(t);
    const first = await selfSignedTls(folder, "pool.example");
    const second = await selfSignedTls(folder, "pool.example");
    assert.ok(first.ok && second.ok);
    assert.deepEqual(second.value, first.value);
    const { cert, pin } = first.value;
    assert.equal(pin, fingerprintOf(cert));
    assert.match(pin ?? "", /^[0-9a-f]{64}$/);
    const certificate = new X509Certificate(cert);
    assert.ok(certificate.checkIP("127.0.0.1") && certificate.checkHost("pool.example"));
    assert.ok(!certificate.checkHost("elsewhere.example"));
    assert.equal(statSync(join(folder, "secrets", "tls.key")).mode & 0o077, 0);
  });

  test("a key that belongs to another certificate is refused", async (t) => {
    const [mine, theirs] = [testFolder(t), testFolder(t)];
    assert.ok((await selfSignedTls(mine, undefined)).ok);
    assert.ok((await selfSignedTls(theirs, undefined)).ok);
    const mixed = loadTls(join(mine, "secrets", "tls.crt"), join(theirs, "secrets", "tls.key"));
    assert.equal(mixed.ok ? "" : mixed.code, "USAGE");
  });
});

test("a server that asks for TLS 1.2 as the API does gives no answer to TLS 1.1", {
  skip: !hasOpenssl,
}, async (t) => {
  const made = await selfSignedTls(testFolder(t), undefined);
  assert.ok(made.ok);
  const server = createServer({ ...made.value, minVersion: "TLSv1.2" }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((done) => server.once("listening", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const versions = { minVersion: "TLSv1", maxVersion: "TLSv1.1" } as const;
  const ciphers = "DEFAULT@SECLEVEL=0";
  const refused = await new Promise<string>((done) => {
    const options = { port, host: "127.0.0.1", rejectUnauthorized: false, ciphers, ...versions };
    const socket = connect(options, () => done("connected"));
    socket.once("error", (error) => done(error.message));
  });
  assert.notEqual(refused, "connected");
});

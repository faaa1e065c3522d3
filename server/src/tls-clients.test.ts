// Certificates of clients over real handshakes: which are good, what is read from them, and that a
// resumed session opens nothing that a new one would not.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ConnectionOptions, connect, createServer, type Server } from "node:tls";
import type { SiteCertificate } from "@tequio/core/controller";
import type { Outcome } from "@tequio/core/pool";
import { loadClientCa, type ServerTls, secureOptions } from "./tls.ts";
import { certificateOf, refuseMismatch } from "./tls-clients.ts";

const codeOf = (outcome: Outcome<unknown>): string => (outcome.ok ? "ok" : outcome.code);

test("a connection without encryption has shown no certificate", () => {
  assert.equal(codeOf(certificateOf(new Socket(), 0)), "CERTIFICATE_REQUIRED");
});

test("a certificate is a site's by the name of the site or of its member, in any case", () => {
  const site = { siteId: "s1f", member: "Lab" };
  const shown = (...names: string[]): SiteCertificate => ({
    ...{ subject: "CN=x", names, fingerprint: "", validToMs: 0 },
  });
  for (const names of [["lab"], ["other", "S1F"]]) {
    assert.equal(refuseMismatch(shown(...names), site), undefined);
  }
  for (const names of [[], ["lab.example"], ["la"]]) {
    assert.equal(refuseMismatch(shown(...names), site)?.code, "CERTIFICATE_MISMATCH");
  }
});

test("files that hold no authority are refused", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-ca-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "ca.pem");
  writeFileSync(file, "nothing");
  assert.equal(codeOf(loadClientCa(file)), "USAGE");
  assert.equal(codeOf(loadClientCa(join(folder, "absent"))), "USAGE");
});

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const openssl = (...args: string[]) =>
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe("a server that asks for certificates", {
  skip: !hasOpenssl && "There is no openssl.",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "tequio-client-cert-"));
  const at = (name: string): string => join(folder, name);
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", ...EC, "-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", at(`${name}.key`), "-out", at(`${name}.crt`)],
    );
  const client = (file: string, ca: string, ext: string, days = 1) => {
    writeFileSync(at("ext"), ext);
    const key = ["-keyout", at(`${file}.key`), "-out", at("csr")];
    openssl("req", ...EC, "-subj", "/O=A, B/CN=lab", ...key);
    const by = ["-CA", at(`${ca}.crt`), "-CAkey", at(`${ca}.key`), "-CAcreateserial"];
    const made = ["-days", String(days), "-extfile", at("ext"), "-out", at(`${file}.crt`)];
    openssl("x509", "-req", "-in", at("csr"), ...by, ...made);
    return pair(file);
  };
  const pair = (file: string) => ({
    cert: readFileSync(at(`${file}.crt`), "utf8"),
    key: readFileSync(at(`${file}.key`), "utf8"),
  });
  let server: Server;
  // A minute ahead: certificates are made while the tests run, and begin when they are made.
  let nowMs = Date.now() + 60_000;
  const found: Outcome<SiteCertificate>[] = [];

  /** What the server finds about a client that connects so. */
  async function shown(options: ConnectionOptions, session?: Buffer) {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    let ticket: Buffer | undefined;
    let resumed = false;
    await new Promise<void>((done, fail) => {
      const given = { ...options, ...(session === undefined ? {} : { session }) };
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...given });
      socket.on("session", (now) => {
        ticket = now;
      });
      socket.on("error", fail);
      socket.on("secureConnect", () => {
        resumed = socket.isSessionReused();
      });
      socket.on("data", () => socket.end());
      socket.on("close", () => done());
    });
    return { outcome: found.at(-1)!, ticket, resumed };
  }

  before(async () => {
    for (const name of ["ours", "theirs"]) authority(name);
    const ca = readFileSync(at("ours.crt"), "utf8");
    const tls: ServerTls = { ...pair("ours"), clients: { ca, who: "agents", names: "any" } };
    server = createServer(secureOptions(tls), (socket) => {
      found.push(certificateOf(socket, nowMs));
      socket.end("x");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("tells a good one from none, an old one, a foreign one and one for servers", async () => {
    const ext = "subjectAltName=DNS:lab.example,URI:tequio:lab\nextendedKeyUsage=clientAuth\n";
    const { outcome } = await shown(client("good", "ours", ext));
    assert.ok(outcome.ok, codeOf(outcome));
    assert.equal(outcome.value.subject, "CN=lab,O=A\\, B");
    assert.deepEqual(outcome.value.names, ["lab", "lab.example", "tequio:lab"]);
    assert.equal(codeOf((await shown({})).outcome), "CERTIFICATE_REQUIRED");
    const old = client("old", "ours", ext, -1);
    assert.equal(codeOf((await shown(old)).outcome), "CERTIFICATE_EXPIRED");
    const foreign = client("foreign", "theirs", ext);
    assert.equal(codeOf((await shown(foreign)).outcome), "CERTIFICATE_UNTRUSTED");
    const wrongUse = client("use", "ours", "extendedKeyUsage=serverAuth\n");
    assert.equal(codeOf((await shown(wrongUse)).outcome), "CERTIFICATE_UNTRUSTED");
  });

  test("a name with a comma and a quote in it makes no other names", async () => {
    const ext = 'subjectAltName=@names\nextendedKeyUsage=clientAuth\n[names]\nURI=x, DNS:admin"\n';
    const { outcome } = await shown(client("odd", "ours", ext));
    assert.ok(outcome.ok, codeOf(outcome));
    assert.ok(!outcome.value.names.includes("admin"), outcome.value.names.join("|"));
  });

  test("a session that is resumed when its certificate has ended is refused", async () => {
    const mine = { ...client("late", "ours", "extendedKeyUsage=clientAuth\n"), ...TLS_1_2 };
    const first = await shown(mine);
    assert.equal(codeOf(first.outcome), "ok");
    nowMs += 3 * 86_400_000;
    const again = await shown(mine, first.ticket);
    assert.ok(again.resumed);
    assert.equal(codeOf(again.outcome), "CERTIFICATE_EXPIRED");
    nowMs = Date.now();
  });
});

/** Where a ticket is there at the end of the handshake. */
const TLS_1_2 = { maxVersion: "TLSv1.2" } as const;

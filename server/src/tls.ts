// Certificates of the control plane: an operator's own, or a self-signed one that is made once and
// whose fingerprint travels in join tokens, so that sites trust it and nothing else. It leaves
// what is served over it to server.ts, and trust to the agent.
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { createSecureContext, Server, type TlsOptions } from "node:tls";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Say } from "./ports.ts";
import type { TlsClients } from "./tls-clients.ts";

/** What the server shows to whoever connects. */
export interface ServerTls {
  /** PEM, with the chain. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the certificate in hexadecimal; set when nobody but its holder vouches for it. */
  readonly pin?: string;
  /** Whom the pool asks for a certificate of their own; absent: nobody. */
  readonly clients?: TlsClients;
  /** Calls back with what holds from then on when the files have changed, or with why they cannot
   * be used; gives what ends that. Absent: they never change. */
  readonly follow?: (take: (changed: Outcome<ServerTls>) => void) => () => void;
}

/** Older versions have known holes, and every client of ours speaks this one. */
const TLS_VERSION_MIN = "TLSv1.2";

/** Node's options of a server with these certificates, at its start and after a change. */
export function secureOptions({ cert, key, clients }: ServerTls): TlsOptions {
  const own = { cert, key, minVersion: TLS_VERSION_MIN } as const;
  // What is wrong with a client's certificate is answered in words, not by a broken handshake.
  return clients ? { ...own, ca: clients.ca, requestCert: true, rejectUnauthorized: false } : own;
}

/** Uses changed files from the next handshake on; connections stay. Gives what ends that. */
export function followCertificates(
  server: unknown,
  tls: ServerTls | undefined,
  say: Say,
): () => void {
  if (tls?.follow === undefined || !(server instanceof Server)) return () => {};
  return tls.follow((changed) => {
    if (changed.ok) {
      server.setSecureContext(secureOptions(changed.value));
      say("info", "The certificates were read again.", {
        fingerprint: fingerprintOf(changed.value.cert),
      });
    } else {
      const { code, message, hint } = changed;
      say("error", "Changed certificates cannot be used; the old ones stay.", {
        ...{ code, why: message, hint },
      });
    }
  });
}

/** Ten years: who pins a certificate has no use for an end, and must join again at its change. */
const DAYS = "3650";

/** Reads an operator's certificate and key. Refuses USAGE when they cannot be used together. */
export function loadTls(certFile: string, keyFile: string): Outcome<ServerTls> {
  try {
    const tls = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
    createSecureContext(tls);
    return ok(tls);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const hint = "Give PEM files that belong together with --tls-cert and --tls-key.";
    return refuse("USAGE", `The certificate cannot be used: ${why}.`, hint);
  }
}

/** Reads the authorities (PEM) that vouch for clients. Refuses USAGE when there is none. */
export function loadClientCa(file: string): Outcome<string> {
  try {
    const ca = readFileSync(file, "utf8");
    new X509Certificate(ca); // The first must be one; the others are the context's to read.
    createSecureContext({ ca });
    return ok(ca);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const hint = "Give a PEM file with the certificates of the authorities with --tls-client-ca.";
    return refuse("USAGE", `${file} cannot be used (${why}).`, hint);
  }
}

/**
 * The self-signed certificate of a data folder, made at the first call by the `openssl` program.
 * `host` is a further name or address by which sites reach the pool.
 * Refuses USAGE where there is no `openssl`.
 */
export async function selfSignedTls(
  dataFolder: string,
  host: string | undefined,
): Promise<Outcome<ServerTls>> {
  const folder = join(dataFolder, "secrets");
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  if (!existsSync(certFile)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const why = await makeCertificate(certFile, keyFile, host);
    if (why !== undefined) {
      const hint = "Install openssl, or give a certificate with --tls-cert and --tls-key.";
      return refuse("USAGE", `No certificate could be made: ${why}.`, hint);
    }
    chmodSync(keyFile, 0o600);
  }
  const loaded = loadTls(certFile, keyFile);
  if (!loaded.ok) return loaded;
  return ok({ ...loaded.value, pin: fingerprintOf(loaded.value.cert) });
}

/** SHA-256 of a certificate (PEM), 64 hexadecimal digits. */
export const fingerprintOf = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();

/** Undefined when the files are there; else why not. */
function makeCertificate(
  certFile: string,
  keyFile: string,
  host: string | undefined,
): Promise<string | undefined> {
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const files = ["-days", DAYS, "-subj", "/CN=tequio", "-keyout", keyFile, "-out", certFile];
  const names = ["-addext", `subjectAltName=${alternativeNames(host).join(",")}`];
  return new Promise((done) => {
    execFile("openssl", [...args, ...files, ...names], (error, _out, words) => {
      done(error === null ? undefined : words.trim().split("\n").at(-1) || error.message);
    });
  });
}

/** Every name and address under which this machine may be dialled. */
function alternativeNames(host: string | undefined): readonly string[] {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const addresses = own.map(({ address }) => address).filter((one) => !one.includes("%"));
  const all = new Set(["localhost", hostname(), ...addresses, ...(host ? [host] : [])]);
  const isAddress = (name: string): boolean => /^[\d.]+$/.test(name) || name.includes(":");
  return [...all].map((name) => `${isAddress(name) ? "IP" : "DNS"}:${name}`);
}

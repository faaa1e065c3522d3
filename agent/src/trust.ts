// Whom the agent believes to be its pool. A join token may carry the fingerprint of the pool's
// certificate; then exactly that certificate is believed, from the first byte that is sent. It
// leaves certificates of public authorities to the system's own list.
import { X509Certificate } from "node:crypto";
import { connect, getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { proxyFor, tunnel } from "./proxy.ts";

/** A pool that does not finish the handshake by then is not there. */
const HANDSHAKE_MS = 10_000;

/**
 * Fetches the certificate of a pool and compares it with its fingerprint; nothing else is sent.
 * Refuses POOL_UNTRUSTED (another certificate, or no encryption at all), POOL_UNREACHABLE.
 */
export function pinnedCertificate(poolUrl: string, pin: string): Promise<Outcome<string>> {
  const { protocol, hostname, port } = new URL(poolUrl);
  if (protocol !== "https:") {
    const hint = "Give the address that starts with https:// with --url.";
    const message = `The join token wants an encrypted connection, and ${poolUrl} has none.`;
    return Promise.resolve(refuse("POOL_UNTRUSTED", message, hint));
  }
  const host = hostname.replace(/^\[|\]$/g, "");
  const to = { host, port: Number(port || 443), rejectUnauthorized: false };
  const proxy = proxyFor(poolUrl, process.env);
  if (proxy === undefined) return shown(poolUrl, pin, connect(to));
  return tunnel(proxy, to.host, to.port).then(
    (socket) => shown(poolUrl, pin, connect({ ...to, socket })),
    (error: Error) => absent(poolUrl, error.message),
  );
}

function absent(poolUrl: string, why: string) {
  const hint = `Check the address ${poolUrl} and that this machine may open it.`;
  return refuse("POOL_UNREACHABLE", `The pool at ${poolUrl} does not answer (${why}).`, hint);
}

/** Whoever answers is only looked at: the fingerprint decides, before anything is said. */
function shown(poolUrl: string, pin: string, socket: TLSSocket): Promise<Outcome<string>> {
  return new Promise((done) => {
    const finish = (outcome: Outcome<string>): void => {
      socket.destroy();
      done(outcome);
    };
    socket.setTimeout(HANDSHAKE_MS, () => finish(absent(poolUrl, "no handshake")));
    socket.once("error", (error) => finish(absent(poolUrl, error.message)));
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      const fingerprint = certificate?.fingerprint256.replaceAll(":", "").toLowerCase();
      if (certificate !== undefined && fingerprint === pin) finish(ok(certificate.toString()));
      else finish(untrusted(poolUrl, pin, fingerprint));
    });
  });
}

function untrusted(poolUrl: string, pin: string, shown: string | undefined) {
  return refuse(
    "POOL_UNTRUSTED",
    `${poolUrl} shows the certificate ${shown ?? "none"}, but the join token names ${pin}.`,
    "Somebody may stand between you and the pool. Ask its operator for the fingerprint.",
  );
}

const believed: string[] = [];

/** The certificates (PEM) that this process was told to believe. */
export const believedCertificates = (): readonly string[] => believed;

/** Believes a certificate (PEM) from now on, in this whole process, beside the system's own. */
export function trustCertificate(pem: string): void {
  if (!believed.includes(pem)) believed.push(pem);
  const known = getCACertificates("default");
  const wanted = new X509Certificate(pem).toString().trim();
  if (known.some((one) => one.trim() === wanted)) return;
  setDefaultCACertificates([...known, pem]);
}

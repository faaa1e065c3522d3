// Lets commands believe a pool's own certificate: the one in the context file that `tequio up`
// wrote, or a PEM file that TEQUIO_CA_FILE names. Nothing is loaded where there is none. It also
// shows the user's own certificate where a pool wants one.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The certificate to believe, if there is one. Throws what the file system throws for a file that
 * the user has named. */
export function knownCertificate(env: NodeJS.ProcessEnv, home: string): string | undefined {
  if (env.TEQUIO_CA_FILE) return readFileSync(env.TEQUIO_CA_FILE, "utf8");
  const folder = env.XDG_CONFIG_HOME || join(home, ".config");
  try {
    const text = readFileSync(join(folder, "tequio", "context.json"), "utf8");
    const { ca } = JSON.parse(text) as { ca?: unknown };
    return typeof ca === "string" ? ca : undefined;
  } catch {
    return undefined; // No context: nothing was promised.
  }
}

/** Believes it in this process, beside the system's own list. */
export async function trustKnownPool(env: NodeJS.ProcessEnv, home: string): Promise<void> {
  const pem = knownCertificate(env, home);
  if (pem === undefined) return;
  const { getCACertificates, setDefaultCACertificates } = await import("node:tls");
  setDefaultCACertificates([...getCACertificates("default"), pem]);
}

/** Shows the user's own certificate in every request of this process, to pools that ask for one:
 * the PEM files that TEQUIO_TLS_CERT and TEQUIO_TLS_KEY name. */
export async function showOwnCertificate(env: NodeJS.ProcessEnv): Promise<void> {
  const { TEQUIO_TLS_CERT: certFile, TEQUIO_TLS_KEY: keyFile } = env;
  if (!certFile || !keyFile) return;
  const { fetchShowing } = await import("@tequio/agent");
  globalThis.fetch = fetchShowing({ certFile, keyFile });
}

// Lets commands believe a pool's own certificate: the one in the context file that `tequio up`
// wrote, or a PEM file that TEQUIO_CA_FILE names. Nothing is loaded where there is none.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The certificate to believe, if there is one. Throws what the file system throws for a file that
 * the user has named. */
function certificate(env: NodeJS.ProcessEnv, home: string): string | undefined {
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
  const pem = certificate(env, home);
  if (pem === undefined) return;
  const { getCACertificates, setDefaultCACertificates } = await import("node:tls");
  setDefaultCACertificates([...getCACertificates("default"), pem]);
}

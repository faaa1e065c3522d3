// The certificate that a site shows to its pool, where the pool asks for one (mutual TLS): read
// from its files each time it is shown, so that renewing them needs no restart.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { TlsFiles } from "./options.ts";
import { whyOf } from "./say.ts";

export interface Identity {
  /** PEM, with the chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** Reads the files. Refuses USAGE when they cannot be used together. */
export function readIdentity({ certFile, keyFile }: TlsFiles): Outcome<Identity> {
  try {
    const identity = {
      cert: readFileSync(certFile, "utf8"),
      key: readFileSync(keyFile, "utf8"),
    };
    new X509Certificate(identity.cert);
    createSecureContext(identity);
    return ok(identity);
  } catch (error) {
    const hint = "Give PEM files that belong together with --tls-cert and --tls-key.";
    return refuse("USAGE", `The certificate ${certFile} cannot be used (${whyOf(error)}).`, hint);
  }
}

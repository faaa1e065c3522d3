// The flags of `tequio up` that say where the pool listens, under which address sites reach it and
// with which certificate, and what follows from them.
import { resolve } from "node:path";
import { trustCertificate } from "@tequio/agent";
import type { Command } from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { loadTls, type ServerTls, selfSignedTls } from "@tequio/server";

export interface ListenFlags {
  readonly host: string;
  readonly publicUrl?: string;
  readonly tls?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** What the server needs of them. */
export interface Listen {
  readonly host: string;
  readonly publicUrl?: string;
  readonly tls?: ServerTls;
}

/** Adds the flags. */
export const addListenFlags = (command: Command): Command =>
  command
    .option("--host <address>", "Address to listen on; 0.0.0.0: every one", "127.0.0.1")
    .option("--public-url <url>", "Address under which sites reach the pool")
    .option("--tls <how>", "`self`: encrypt with a certificate that join tokens vouch for")
    .option("--tls-cert <file>", "Encrypt with this certificate (PEM, with its chain)")
    .option("--tls-key <file>", "Its private key (PEM)");

/** Where and how to listen. Refuses USAGE for flags and files that make no sense. */
export async function listenOf(
  flags: ListenFlags,
  data: string,
  cwd: string,
): Promise<Outcome<Listen>> {
  const { host, publicUrl, tls, tlsCert, tlsKey } = flags;
  const place = { host, ...(publicUrl === undefined ? {} : { publicUrl }) };
  if (publicUrl !== undefined && !/^https?:\/\//.test(publicUrl)) {
    const hint = "It starts with http:// or https://.";
    return refuse("USAGE", `\`--public-url ${publicUrl}\` is not the address of a pool.`, hint);
  }
  if (tls !== undefined && (tls !== "self" || tlsCert !== undefined)) {
    const hint = "Give `--tls self`, or `--tls-cert` with `--tls-key`.";
    return refuse("USAGE", `\`--tls ${tls}\` does not say which certificate to use.`, hint);
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    return refuse("USAGE", "A certificate needs its key.", "Give --tls-cert and --tls-key.");
  }
  if (tls === "self") {
    const name = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;
    const made = await selfSignedTls(data, name);
    if (!made.ok) return made;
    // The members and the commands that this process starts speak to it by its own certificate.
    trustCertificate(made.value.cert);
    return ok({ ...place, tls: made.value });
  }
  if (tlsCert === undefined || tlsKey === undefined) return ok(place);
  const loaded = loadTls(resolve(cwd, tlsCert), resolve(cwd, tlsKey));
  if (!loaded.ok) return loaded;
  return ok({ ...place, tls: loaded.value });
}

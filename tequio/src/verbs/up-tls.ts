// The flags of `tequio up` that say where the pool listens, under which address sites reach it and
// with which certificate, and what follows from them.
import { unwatchFile, watchFile } from "node:fs";
import { resolve } from "node:path";
import { trustCertificate } from "@tequio/agent";
import { type Command, Option } from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  loadClientCa,
  loadTls,
  type ServerTls,
  selfSignedTls,
  type TlsClients,
} from "@tequio/server";

export interface ListenFlags {
  readonly host: string;
  readonly publicUrl?: string;
  readonly ownUrl?: string;
  readonly tls?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly tlsClientAuth?: "agents" | "all";
  readonly tlsClientNames?: "any" | "match";
}

/** How often the files of certificates are looked at: a renewal is in use well within a minute. */
const FOLLOW_MS = 5_000;
/** Whoever renews writes one file after the other. */
const SETTLE_MS = 1_000;

/** What the server needs of them. */
export interface Listen {
  readonly host: string;
  readonly publicUrl?: string;
  /** Where this very control plane is reached when several share one public address. */
  readonly ownUrl?: string;
  readonly tls?: ServerTls;
}

/** Adds the flags. */
export const addListenFlags = (command: Command): Command =>
  command
    .option("--host <address>", "Address to listen on; 0.0.0.0: every one", "127.0.0.1")
    .option("--public-url <url>", "Address under which sites reach the pool")
    .option("--own-url <url>", "Address of this very control plane, where several share one")
    .option("--tls <how>", "`self`: encrypt with a certificate that join tokens vouch for")
    .option("--tls-cert <file>", "Encrypt with this certificate (PEM, with its chain)")
    .option("--tls-key <file>", "Its private key (PEM)")
    .option("--tls-client-ca <file>", "Ask clients for certificates of these authorities (PEM)")
    .addOption(
      new Option("--tls-client-auth <who>", "Who has to show one (default: agents)").choices([
        "agents",
        "all",
      ]),
    )
    .addOption(
      new Option(
        "--tls-client-names <how>",
        "match: an agent's must name its site or member (default: any)",
      ).choices(["any", "match"]),
    );

/** Where and how to listen. Refuses USAGE for flags and files that make no sense. */
export async function listenOf(
  flags: ListenFlags,
  data: string,
  cwd: string,
): Promise<Outcome<Listen>> {
  const { host, publicUrl, ownUrl, tls, tlsCert, tlsKey } = flags;
  const place = {
    host,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(ownUrl === undefined ? {} : { ownUrl }),
  };
  for (const [flag, url] of [
    ["--public-url", publicUrl],
    ["--own-url", ownUrl],
  ]) {
    if (url === undefined || /^https?:\/\//.test(url)) continue;
    const hint = "It starts with http:// or https://.";
    return refuse("USAGE", `\`${flag} ${url}\` is not the address of a pool.`, hint);
  }
  if (tls !== undefined && (tls !== "self" || tlsCert !== undefined)) {
    const hint = "Give `--tls self`, or `--tls-cert` with `--tls-key`.";
    return refuse("USAGE", `\`--tls ${tls}\` does not say which certificate to use.`, hint);
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    return refuse("USAGE", "A certificate needs its key.", "Give --tls-cert and --tls-key.");
  }
  const own =
    tls === "self"
      ? await selfMade({ host, ...(publicUrl === undefined ? {} : { publicUrl }) }, data)
      : tlsCert === undefined || tlsKey === undefined
        ? ok(undefined)
        : loadTls(resolve(cwd, tlsCert), resolve(cwd, tlsKey));
  if (!own.ok) return own;
  const clients = clientsOf(flags, cwd);
  if (!clients.ok) return clients;
  if (own.value === undefined) {
    if (clients.value === undefined) return ok(place);
    const hint = "Give `--tls self`, or --tls-cert and --tls-key, too.";
    return refuse("USAGE", "Without encryption no client can show a certificate.", hint);
  }
  const shown: ServerTls = clients.value ? { ...own.value, clients: clients.value } : own.value;
  const files = [tlsCert, tlsKey, flags.tlsClientCa].flatMap((file) =>
    file === undefined ? [] : [resolve(cwd, file)],
  );
  if (files.length === 0) return ok({ ...place, tls: shown });
  const follow = followFiles(files, () => readAgain(shown, flags, cwd));
  return ok({ ...place, tls: { ...shown, follow } });
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
const specific = (host: string): string | undefined => (EVERY_ADDRESS.has(host) ? undefined : host);

/** Made for the address that sites are told, else for the one that it listens on. */
async function selfMade(
  { publicUrl, host }: Pick<ListenFlags, "publicUrl" | "host">,
  data: string,
): Promise<Outcome<ServerTls>> {
  const name = publicUrl === undefined ? specific(host) : new URL(publicUrl).hostname;
  const made = await selfSignedTls(data, name);
  // The members and the commands that this process starts speak to it by its own certificate.
  if (made.ok) trustCertificate(made.value.cert);
  return made;
}

/** Whom the pool asks for a certificate; undefined: nobody. */
function clientsOf(flags: ListenFlags, cwd: string): Outcome<TlsClients | undefined> {
  const { tlsClientCa: file, tlsClientAuth: who, tlsClientNames: names } = flags;
  if (file === undefined) {
    if (who === undefined && names === undefined) return ok(undefined);
    const hint = "Give the authorities' certificates with --tls-client-ca.";
    return refuse("USAGE", "Nobody vouches for the certificates of clients.", hint);
  }
  const ca = loadClientCa(resolve(cwd, file));
  return ca.ok ? ok({ ca: ca.value, who: who ?? "agents", names: names ?? "any" }) : ca;
}

/** What the files hold now; whom the pool asks stays as it was. */
function readAgain(before: ServerTls, flags: ListenFlags, cwd: string): Outcome<ServerTls> {
  const { tlsCert, tlsKey } = flags;
  const loaded =
    tlsCert === undefined || tlsKey === undefined
      ? ok(before)
      : loadTls(resolve(cwd, tlsCert), resolve(cwd, tlsKey));
  if (!loaded.ok) return loaded;
  const clients = clientsOf(flags, cwd);
  if (!clients.ok) return clients;
  return ok({ ...before, ...loaded.value, ...(clients.value && { clients: clients.value }) });
}

/** Looks at the files by their times, which also sees the links of other programs that renew. */
function followFiles(
  files: readonly string[],
  read: () => Outcome<ServerTls>,
): NonNullable<ServerTls["follow"]> {
  return (take) => {
    let settling: NodeJS.Timeout | undefined;
    const changed = (): void => {
      // Certificate and key are two files: both are there when neither has changed for a moment.
      clearTimeout(settling);
      settling = setTimeout(() => take(read()), SETTLE_MS);
    };
    const options = { interval: FOLLOW_MS, persistent: false };
    for (const file of files) watchFile(file, options, changed);
    return () => {
      clearTimeout(settling);
      for (const file of files) unwatchFile(file, changed);
    };
  };
}

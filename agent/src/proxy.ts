// Proxies between a site and its pool, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY name them (also in
// small letters). Node's own clients follow them once told; here is what they leave: which proxy an
// address has, the connection that proves the pool's certificate, and what tasks are told.
import { request } from "node:http";
import type { Socket } from "node:net";

type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] as const;
/** A machine is never asked for itself through a proxy. */
const OWN = "localhost,127.0.0.1,::1,[::1]";
/** A proxy that does not open a tunnel by then is not there. */
const TUNNEL_MS = 10_000;

/** Small letters win, as with curl. */
const read = (env: Environment, name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";

const hasProxy = (env: Environment): boolean =>
  read(env, "HTTP_PROXY") !== "" || read(env, "HTTPS_PROXY") !== "";

/** What makes Node's clients go through the proxies, here and in children; empty without any. */
export function proxyEnvironment(env: Environment): Record<string, string> {
  if (!hasProxy(env)) return {};
  const set: Record<string, string> = { NODE_USE_ENV_PROXY: "1" };
  for (const name of NAMES) {
    const value = read(env, name);
    if (value !== "") set[name] = value;
  }
  set.NO_PROXY = set.NO_PROXY === undefined ? OWN : `${set.NO_PROXY},${OWN}`;
  // Programs that know the small letters only, and those that prefer them, hear the same.
  for (const name of NAMES) if (set[name] !== undefined) set[name.toLowerCase()] = set[name];
  return set;
}

/** The same for jobs of users, if no address holds a password; else nothing. */
export function openProxyEnvironment(env: Environment): Record<string, string> {
  const set = proxyEnvironment(env);
  return Object.values(set).some((value) => value.includes("@")) ? {} : set;
}

/** True if NO_PROXY names the address: `*`, a host, `.domain` or `*.domain`, each with or without
 * a port. */
function isExempt({ hostname, port }: URL, list: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return list.split(/[,\s]+/).some((entry) => {
    if (entry === "*") return true;
    const [, name = "", at] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (name === "" || (at !== undefined && at !== port)) return false;
    const domain = name.replace(/^\*/, "");
    return domain.startsWith(".") ? host.endsWith(domain) : host === domain;
  });
}

/** The proxy for an address; undefined: none. */
export function proxyFor(address: string, env: Environment): URL | undefined {
  const url = new URL(address.replace(/^ws/, "http"));
  const given = read(env, url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  const exempt = `${read(env, "NO_PROXY")},${OWN}`;
  return given === "" || isExempt(url, exempt) ? undefined : new URL(given);
}

/** A connection through the proxy, for a handshake over it. Rejects with what the proxy said. */
export function tunnel(proxy: URL, host: string, port: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const path = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const [user, word] = [proxy.username, proxy.password].map(decodeURIComponent);
    const basic = Buffer.from(`${user}:${word}`).toString("base64");
    const call = request({
      ...{ host: proxy.hostname.replace(/^\[|\]$/g, ""), port: Number(proxy.port || 80) },
      ...{ method: "CONNECT", path, agent: false, timeout: TUNNEL_MS },
      headers:
        user === "" ? { host: path } : { host: path, "proxy-authorization": `Basic ${basic}` },
    });
    call.once("connect", (reply, socket) => {
      if (reply.statusCode === 200) return done(socket);
      socket.destroy();
      fail(new Error(`the proxy ${proxy.host} answered ${reply.statusCode}`));
    });
    call.once("timeout", () => call.destroy(new Error(`the proxy ${proxy.host} does not answer`)));
    call.once("error", fail);
    call.end();
  });
}

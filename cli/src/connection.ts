// Which pool a command speaks to: flags, then the environment, then the context file that
// `tequio up` writes, then the default address with the token of a pool in this folder. A token
// that was read from a file goes only to the address that it belongs to.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Terminal } from "./terminal.ts";
import type { Globals } from "./verb.ts";

export const PORT_DEFAULT = 8420;
export const URL_DEFAULT = `http://127.0.0.1:${PORT_DEFAULT}`;
/** Data folder of the control plane, relative to where it is started. */
export const DATA_DEFAULT = join(".tequio", "pool");

export interface PoolAddress {
  readonly url: string;
  readonly token?: string;
  /** Where the address comes from, for `doctor` and error hints. */
  readonly from: "flags" | "environment" | "context file" | "default";
}

type Outside = Pick<Terminal, "env" | "home" | "cwd">;

/** The context file: `$XDG_CONFIG_HOME/tequio/context.json`, by default under `~/.config`. */
export const contextPath = ({ env, home }: Pick<Outside, "env" | "home">): string =>
  join(env.XDG_CONFIG_HOME || join(home, ".config"), "tequio", "context.json");

/** Where the admin token of a pool's data folder lies. */
export const adminTokenPath = (data: string): string => join(data, "secrets", "admin-token");

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // Absent or unreadable: the next place is asked.
  }
}

function readContext(outside: Outside): { url: string; token?: string } | undefined {
  const text = readText(contextPath(outside));
  if (text === undefined) return undefined;
  try {
    const context = JSON.parse(text) as { url?: unknown; token?: unknown };
    if (typeof context.url !== "string") return undefined;
    const { url, token } = context;
    return typeof token === "string" ? { url, token } : { url };
  } catch {
    return undefined; // A damaged file is as good as none; `tequio up` writes it anew.
  }
}

const sameUrl = (a: string, b: string): boolean => a.replace(/\/+$/, "") === b.replace(/\/+$/, "");

/** The pool that is meant. A URL without a token takes one from a place that names that URL. */
export function findPool(globals: Omit<Globals, "json">, outside: Outside): PoolAddress {
  const { env, cwd } = outside;
  const context = readContext(outside);
  const envUrl = env.TEQUIO_URL || undefined;
  const envToken = env.TEQUIO_TOKEN || undefined;
  const token = globals.token ?? envToken;
  const url = globals.url ?? envUrl;
  if (url !== undefined) {
    const from = globals.url === undefined ? "environment" : "flags";
    const known = context !== undefined && sameUrl(context.url, url) ? context.token : undefined;
    const given = token ?? known;
    return given === undefined ? { url, from } : { url, token: given, from };
  }
  if (context !== undefined) {
    return { ...context, ...(token === undefined ? {} : { token }), from: "context file" };
  }
  const local = token ?? readText(adminTokenPath(join(cwd, DATA_DEFAULT)))?.trim();
  const base = { url: URL_DEFAULT, from: "default" } as const;
  return local === undefined ? base : { ...base, token: local };
}

/**
 * Keeps the token of a pool for the next commands, or forgets it. What else the context file says
 * of that pool stays. Throws what the file system throws.
 */
export function keepToken(outside: Outside, url: string, token: string | undefined): void {
  const text = readText(contextPath(outside));
  const known = text === undefined ? {} : (JSON.parse(text) as { url?: string; ca?: string });
  const { ca } = known.url !== undefined && sameUrl(known.url, url) ? known : {};
  writeContext(outside, {
    url,
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
  });
}

/** Lets other terminals of this user find the pool. Throws what the file system throws. */
export function writeContext(
  outside: Outside,
  context: { url: string; token?: string; ca?: string },
): string {
  const path = contextPath(outside);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(context, null, 2)}\n`, { mode: 0o600 });
  // `mode` counts only for a new file; an older one may have been readable by others.
  chmodSync(path, 0o600);
  return path;
}

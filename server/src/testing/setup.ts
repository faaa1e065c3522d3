// What the tests of the server start from: a control plane on a free port with a folder of its
// own, a typed client with the operator's token, and the way to wait for something that must come.
// Which store it uses is the test's choice.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Client, makeClient } from "@tequio/contract";
import type { Outcome } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import { openServer, type ServerHandle, type ServerOptions } from "../server.ts";

/** Long enough for a slow machine that runs other things; reached only by a test that fails. */
const WAIT_MS = 15_000;

/** Waits until `ready` gives something; throws when it does not come. */
export async function until<T>(
  what: string,
  ready: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUpAt = performance.now() + WAIT_MS;
  for (;;) {
    const value = await ready();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > giveUpAt) throw new Error(`Waited in vain: ${what}.`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** A moment in which something that must not happen would have happened. */
export const aMoment = (ms = 80): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The value of a good outcome; throws with the refusal otherwise. */
export function good<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message} (${outcome.hint})`);
  return outcome.value;
}

/** A folder that is removed after the test. */
export function testFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tequio-server-"));
  test.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export interface TestServer {
  readonly server: ServerHandle;
  readonly client: Client;
  readonly token: string;
  readonly folder: string;
  /** What the server said to its operator. */
  readonly said: readonly string[];
  /** HTTP with the operator's token, or another one, or none. */
  readonly http: (
    path: string,
    init?: RequestInit & { token?: string | null },
  ) => Promise<Response>;
}

/** Starts a control plane that is stopped, with its store, after the test. */
export async function startServer(
  test: TestContext,
  store: Store,
  options: Partial<ServerOptions> = {},
): Promise<TestServer> {
  const folder = options.dataFolder ?? testFolder(test);
  const said: string[] = [];
  const opened = await openServer({
    ...{ store, host: "127.0.0.1", port: 0, poolName: "test", version: "0.0.0" },
    say: (level, message, fields) => said.push(`${level} ${message} ${JSON.stringify(fields)}`),
    ...options,
    dataFolder: folder,
  });
  const server = good(opened);
  test.after(async () => {
    await server.close();
    await store.close();
  });
  const token = server.adminToken!;
  const client = makeClient({ url: server.url, token });
  const http: TestServer["http"] = (path, init = {}) => {
    const { token: other, ...rest } = init;
    const headers = new Headers(rest.headers);
    const used = other === undefined ? token : other;
    if (used !== null) headers.set("authorization", `Bearer ${used}`);
    return fetch(server.url + path, { ...rest, headers });
  };
  return { server, client, token, folder, said, http };
}

// What tests of signing in start from: a pool whose time passes as the test says, links for users,
// and users with a password.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, type TestServer } from "../../testing/setup.ts";
import type { SignInSettings } from "../settings.ts";
import { Browser } from "./browser.ts";

/** Of every user that `withPassword` makes. */
export const PASSWORD = "seven green kettles sing";
const START_MS = 1_763_000_000_000;

export interface Pool extends TestServer {
  /** Lets time pass. */
  readonly pass: (ms: number) => void;
}

/** A pool in memory whose time the test lets pass. */
export async function startPool(t: TestContext, signIn?: SignInSettings): Promise<Pool> {
  let skew = 0;
  const server = await startServer(t, good(await openMemoryStore()), {
    ...{ now: () => START_MS, monotonic: () => skew + performance.now() },
    ...(signIn === undefined ? {} : { signIn }),
  });
  const pass = (ms: number): void => {
    skew += ms;
  };
  return { ...server, pass };
}

/** Makes a user and a link for it; the secret of the link. */
export async function invite({ client }: TestServer, name: string, reset = false): Promise<string> {
  good(await client.call("setUser", { params: { name }, body: {} }));
  const made = good(await client.call("inviteUser", { params: { name }, body: { reset } }));
  return made.url.slice(made.url.lastIndexOf("/") + 1);
}

/** A user with the password of these tests. */
export async function withPassword(server: TestServer, name: string): Promise<Browser> {
  const browser = new Browser(server.server.url);
  const secret = await invite(server, name);
  const body = { invite: secret, password: PASSWORD };
  const done = await browser.json("POST", "/v1/sign-in/invite/password", body);
  assert.equal(done.status, 200, JSON.stringify(done.body));
  return browser;
}

/** Signs in with a name and a password. */
export const enter = (browser: Browser, user: string, password = PASSWORD, more: object = {}) =>
  browser.json("POST", "/v1/sign-in/password", { user, password, ...more });

// A real OpenID provider for tests, on a free port of this machine, and somebody who fills in its
// pages. It lets in whoever types a name, with the groups that the test gives.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import OidcProvider, { type Configuration } from "oidc-provider";

export interface TestPerson {
  readonly email?: string;
  readonly groups?: readonly string[] | string;
  readonly preferred_username?: string;
}

export interface TestProvider {
  readonly issuer: string;
  /** Who there is; a test may change it while the provider runs. */
  readonly people: Record<string, TestPerson>;
  /** Plays a browser through sign-in and consent; the address that it is led back to. */
  signIn(startUrl: string, login: string, redirectUri: string): Promise<string>;
  /** Types a device's code. */
  approveDevice(completeUrl: string, login: string): Promise<void>;
  stop(): Promise<void>;
}

export const CLIENT = { clientId: "pool", clientSecret: "a-secret-of-the-test" };
const STEPS_MAX = 20;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** It says that its built-in pages are for development, which this is. */
for (const level of ["info", "warn"] as const) {
  const say = console[level];
  console[level] = (...words) => {
    if (!String(words[0]).includes("oidc-provider")) say(...words);
  };
}

const configuration = (
  people: Record<string, TestPerson>,
  redirectUri: string,
  more: Configuration,
): Configuration => ({
  clients: [
    {
      ...{ client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret },
      redirect_uris: [redirectUri],
      response_types: ["code"],
      grant_types: ["authorization_code", DEVICE_GRANT],
    },
  ],
  findAccount: (_ctx, id) =>
    people[id] === undefined
      ? undefined
      : { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  claims: {
    openid: ["sub"],
    email: ["email"],
    groups: ["groups"],
    profile: ["preferred_username"],
  },
  pkce: { required: () => true },
  cookies: { keys: ["for tests only"] },
  features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
  ...more,
});

/** Starts a provider whose client may lead back to `redirectUri`; stopped after the test. */
export async function startProvider(
  t: TestContext,
  redirectUri: string,
  people: Record<string, TestPerson>,
  more: Configuration = {},
): Promise<TestProvider> {
  const server: Server = createServer();
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new OidcProvider(issuer, configuration(people, redirectUri, more));
  server.on("request", provider.callback());
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((closed) => server.close(() => closed()));
  };
  t.after(stop);
  return {
    ...{ issuer, people, stop },
    signIn: (startUrl, login, back) => play(issuer, startUrl, login, back),
    approveDevice: async (completeUrl, login) => {
      await play(issuer, completeUrl, login, "never");
    },
  };
}

/** Follows redirects and fills in forms until the browser is led to `back`, or to a last page. */
async function play(issuer: string, start: string, login: string, back: string): Promise<string> {
  const jar = new Map<string, string>();
  async function go(target: string, form?: URLSearchParams): Promise<Response> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const reply = await fetch(new URL(target, issuer), {
      redirect: "manual",
      headers: { cookie },
      ...(form === undefined ? {} : { method: "POST", body: form }),
    });
    for (const line of reply.headers.getSetCookie()) {
      const pair = line.split(";")[0] ?? "";
      jar.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    return reply;
  }
  let url = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < STEPS_MAX && !url.startsWith(back); step += 1) {
    const reply = await go(url, form);
    form = undefined;
    const location = reply.headers.get("location");
    if (location !== null) {
      url = new URL(location, issuer).href;
      continue;
    }
    const html = await reply.text();
    const action = /action="([^"]+)"/.exec(html)?.[1];
    if (action === undefined) return url;
    const inputs = [...html.matchAll(/<input[^>]*type="hidden"[^>]*>/g)];
    const fields = inputs.map(([input]): [string, string] => [
      /name="([^"]*)"/.exec(input)?.[1] ?? "",
      /value="([^"]*)"/.exec(input)?.[1] ?? "",
    ]);
    form = new URLSearchParams(fields);
    if (form.get("prompt") === "login") {
      form.set("login", login);
      form.set("password", "any");
    }
    url = new URL(action, issuer).href;
  }
  return url;
}

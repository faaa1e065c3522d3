// A real OpenID provider on a free port of this machine, with its own pages: it lets in whoever
// types a name that it knows, with the groups that the test gives. And a free port for a pool,
// whose address the provider must know before the pool starts.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import OidcProvider from "oidc-provider";

export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  /** Comes up at its address; it is down at first. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** It says that its built-in pages are for development, which this is. */
for (const level of ["info", "warn"] as const) {
  const say = console[level];
  console[level] = (...words) => {
    if (!String(words[0]).includes("oidc-provider")) say(...words);
  };
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((ready) => server.listen(port, "127.0.0.1", ready));
  return (server.address() as AddressInfo).port;
}

const close = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  await new Promise<void>((closed) => server.close(() => closed()));
};

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await close(server);
  return port;
}

/** Makes a provider that knows `groups` by name and leads back to `redirectUri` only. */
export async function makeProvider(
  redirectUri: string,
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<Provider> {
  const server = createServer();
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: "pool",
        token_endpoint_auth_method: "none",
        redirect_uris: [redirectUri],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    findAccount: (_context, id) => {
      const known = groups[id];
      if (known === undefined) return undefined;
      const claims = known.length === 0 ? {} : { groups: known };
      return { accountId: id, claims: () => ({ sub: id, ...claims }) };
    },
    claims: { openid: ["sub"], groups: ["groups"] },
    pkce: { required: () => true },
    cookies: { keys: ["for tests only"] },
    features: { devInteractions: { enabled: true } },
  });
  server.on("request", provider.callback());
  const start = async (): Promise<void> => {
    await listen(server, port);
  };
  return { issuer, clientId: "pool", start, stop: () => close(server) };
}

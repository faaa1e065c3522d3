// People for tests of the server: users with roles and tokens of their own.
import { makeClient } from "@tequio/contract";
import type { Permission, Role } from "@tequio/core/pool";
import { good, type TestServer } from "./setup.ts";

export interface TestUser {
  readonly name: string;
  readonly userId: string;
  readonly token: string;
  readonly tokenId: string;
  readonly client: ReturnType<typeof makeClient>;
}

/** Makes a user with a role, if one is named (`researcher`, `researcher:speech`), and a token. */
export async function addUser(
  { client, server }: TestServer,
  name: string,
  role?: string,
  scopes?: readonly Permission[],
): Promise<TestUser> {
  const { userId } = good(await client.call("setUser", { params: { name }, body: {} }));
  if (role !== undefined) {
    const [word, scope] = role.split(":");
    const body = { role: word as Role, ...(scope === undefined ? {} : { scope }) };
    good(await client.call("grantRole", { params: { name }, body }));
  }
  const cut = scopes === undefined ? {} : { scopes: [...scopes] };
  const made = good(await client.call("createToken", { body: { label: "t", user: name, ...cut } }));
  const { token, tokenId } = made;
  return { name, userId, token, tokenId, client: makeClient({ url: server.url, token }) };
}

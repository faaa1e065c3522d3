// From what a provider says to a user of the pool: found by issuer and subject, made at the first
// sign-in, with the roles that the groups of this sign-in stand for. The journal gets an opaque id,
// a handle and a salted hash; the rest stays with the people.
import type { User } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Identity, PeopleStore } from "../people-store/index.ts";
import type { Pump } from "../pump.ts";
import { newId, newSecret, sha256 } from "../secrets.ts";
import type { Claims } from "./oidc.ts";
import { type OidcSettings, rolesOfGroups } from "./settings.ts";

/** Handles that are tried for a new user before one is made up. */
const HANDLE_TRIES = 5;
const HANDLE_CHARS_MAX = 63;

interface Parts {
  readonly pump: Pump;
  readonly people: PeopleStore;
  readonly oidc: OidcSettings;
}

/** First sign-ins, one after the other: two tabs of one person must not make two users. */
let lastFirst: Promise<unknown> = Promise.resolve();

async function identityOf({ people }: Parts, claims: Claims): Promise<Identity> {
  const { issuer, subject } = claims;
  const [known] = await people.identities.find({ issuer, subject });
  if (known !== undefined) return known;
  const make = async (): Promise<Identity> => {
    const [meanwhile] = await people.identities.find({ issuer, subject });
    if (meanwhile !== undefined) return meanwhile;
    const made = { issuer, subject, userId: newId("u"), salt: newSecret() };
    // Before the journal: a crash between leaves an id that the next sign-in uses.
    await people.identities.save(made);
    return made;
  };
  const turn = lastFirst.then(make, make);
  lastFirst = turn.catch(() => undefined);
  return turn;
}

/** Handles for a new user: what the provider's claim says, if the operator wants that. */
function* handles({ handle }: Claims): Generator<string> {
  const plain = (handle ?? "")
    .toLowerCase()
    .replace(/@.*$/, "")
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[._-]+|[._-]+$/g, "")
    .slice(0, HANDLE_CHARS_MAX - 4);
  if (plain !== "") {
    yield plain;
    for (let i = 2; i <= HANDLE_TRIES; i += 1) yield `${plain}-${i}`;
  }
  for (let i = 0; i < HANDLE_TRIES; i += 1) yield newId("user-", 6);
}

/** The user whom the provider has let in, with this moment's roles. Refuses USER_DISABLED. */
export async function userOfClaims(parts: Parts, claims: Claims): Promise<Outcome<User>> {
  const { pump, people, oidc } = parts;
  const { userId, issuer, subject, salt } = await identityOf(parts, claims);
  const known = pump.state.users.get(userId);
  if (known?.disabled === true) {
    const hint = "An operator may enable it: `tequio user enable`.";
    return refuse("USER_DISABLED", `The user ${known.name} is disabled.`, hint);
  }
  const groupRoles = rolesOfGroups(claims.groups ?? [], oidc.roles);
  const subjectHash = sha256([salt, issuer, subject].join("\n"));
  const set = { type: "setUser", userId, origin: "oidc", subjectHash, groupRoles } as const;
  let last: Outcome<unknown> | undefined;
  for (const name of known === undefined ? handles(claims) : [known.name]) {
    last = await pump.submit({ ...set, name, by: userId });
    if (last.ok || last.code !== "ALREADY_EXISTS") break;
  }
  if (last?.ok === false) return last;
  const { email, displayName, groups } = claims;
  await people.people.save({ userId, email, displayName, groups: groups?.length ?? null });
  return ok(pump.state.users.get(userId)!);
}

/** What a user without any role has to be told; undefined for one who has some. */
export async function noticeFor(
  people: PeopleStore,
  oidc: OidcSettings | undefined,
  user: User,
): Promise<string | undefined> {
  if (user.roles.length > 0 || user.groupRoles.length > 0) return undefined;
  const ask = `Ask an operator to give ${user.name} a role.`;
  if (user.origin !== "oidc" || oidc === undefined) return `You have no role yet. ${ask}`;
  const [person] = await people.people.find({ userId: user.userId });
  const groups = person?.groups ?? null;
  const why =
    groups === null
      ? `The identity provider says nothing of your groups (claim \`${oidc.groupsClaim}\`)`
      : `None of the ${groups} groups that the identity provider names for you stands for a role`;
  return `${why}, so you have no role in this pool. ${ask}`;
}

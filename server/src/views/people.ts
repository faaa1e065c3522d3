// Users, roles and tokens, from the state to the contract's views. Pure.
import type { CallReply, PasskeyView, UserView } from "@tequio/contract";
import {
  MACHINE_OPERATOR,
  type Principal,
  type State,
  type Token,
  type User,
  userName,
} from "@tequio/core/controller";
import {
  BASE_PERMISSIONS,
  PERMISSION_NAMES,
  type Permission,
  ROLES,
  type RoleGrant,
} from "@tequio/core/pool";

import type { Passkey } from "../people-store/index.ts";

type GrantRow = UserView["roles"][number];
type TokenRow = CallReply<"listTokens">["rows"][number];
type PermissionRow = CallReply<"whoami">["permissions"][number];

const grantRow = ({ role, scope }: RoleGrant, byGroup: boolean): GrantRow => ({
  ...{ role, byGroup },
  ...(scope === null ? {} : { scope }),
});

/** The roles of a user: granted in the pool first, then those of its groups. */
export const grantViews = ({ roles, groupRoles }: User): GrantRow[] => [
  ...roles.map((grant) => grantRow(grant, false)),
  ...groupRoles.map((grant) => grantRow(grant, true)),
];

/** A user as others see it. */
export const userView = (user: User): UserView => ({
  ...{ userId: user.userId, name: user.name, origin: user.origin, disabled: user.disabled },
  createdAtMs: user.createdAtMs,
  roles: grantViews(user),
});

/** `all`, or the places over which somebody has a permission. */
function reachOf(who: Principal, what: Permission): string | undefined {
  if (BASE_PERMISSIONS.includes(what)) return "own";
  const places = new Set<string>();
  for (const { role, scope } of who.grants) {
    const reach = ROLES[role].may[what];
    if (reach === "all") return "all";
    if (reach !== undefined) places.add(reach === "own" ? `own in ${scope}` : String(scope));
  }
  return places.size === 0 ? undefined : [...places].join(", ");
}

/** What somebody may do with the token at hand, and over what. */
export function permissionRows(who: Principal): PermissionRow[] {
  const rows: PermissionRow[] = [];
  for (const permission of PERMISSION_NAMES) {
    const reach = reachOf(who, permission);
    const cut = who.scopes !== null && !who.scopes.includes(permission);
    if (reach === undefined || (cut && permission !== "self.read")) continue;
    rows.push({ permission, reach });
  }
  return rows;
}

/** A token without its secret, and without the secret's hash. */
export const tokenView = (state: State, token: Token): TokenRow => ({
  ...{ tokenId: token.tokenId, label: token.label, kind: token.kind },
  user: token.userId === null ? MACHINE_OPERATOR : userName(state, token.userId),
  ...(token.scopes === null ? {} : { scopes: [...token.scopes] }),
  createdAtMs: token.createdAtMs,
  ...(token.expiresAtMs === null ? {} : { expiresAtMs: token.expiresAtMs }),
  revoked: token.revoked,
});

/** A passkey as its owner sees it. */
export const passkeyView = (passkey: Passkey): PasskeyView => ({
  ...{ passkeyId: passkey.passkeyId, name: passkey.name, createdAtMs: passkey.createdAtMs },
  ...(passkey.lastUsedMs === null ? {} : { lastUsedMs: passkey.lastUsedMs }),
  synced: passkey.synced === 1,
});

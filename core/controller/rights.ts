// Whether somebody may do something: the user behind a token, what it is done to, and the answer
// with its reason. What a role may do stands in core/pool/roles.ts; nothing is changed here.
import {
  BASE_PERMISSIONS,
  grantText,
  type Permission,
  type Refusal,
  ROLES,
  type RoleGrant,
  refuse,
  rolesWith,
} from "../pool/index.ts";
import type { State, Token } from "./state.ts";

/** Name of the operator whose token lies on the machine: no user is behind it. */
export const MACHINE_OPERATOR = "admin";

/** Somebody who asks: the user behind a token, and what the token was cut down to. */
export interface Principal {
  /** Null: the operator of the machine. */
  readonly userId: string | null;
  readonly name: string;
  readonly grants: readonly RoleGrant[];
  /** What the token may be used for at most; null: for all that its user may do. */
  readonly scopes: readonly Permission[] | null;
}

/** What something is done to. What is left out belongs to nobody: only the whole pool's roles. */
export interface Target {
  readonly project?: string;
  readonly member?: string;
  /** Id of the user whose thing it is. */
  readonly owner?: string;
  /** Whether a member's machines have served it. */
  readonly ranOn?: (member: string) => boolean;
}

const OPERATOR: readonly RoleGrant[] = [{ role: "operator", scope: null }];

/** Who uses a token. The token is good: neither revoked nor expired. */
export function principalOf(state: State, token: Token): Principal {
  const { scopes, userId } = token;
  if (userId === null) return { userId, name: MACHINE_OPERATOR, grants: OPERATOR, scopes };
  const user = state.users.get(userId)!;
  const grants = user.disabled ? [] : [...user.roles, ...user.groupRoles];
  return { userId, name: user.name, grants, scopes };
}

/** Name of a user for people to read, from the id that jobs and tokens carry. */
export const userName = (state: State, userId: string | null): string =>
  userId === null ? MACHINE_OPERATOR : (state.users.get(userId)?.name ?? userId);

/** True when a project is `above` or lies under it. */
export function isWithin(state: State, project: string, above: string): boolean {
  for (let at: string | null = project; at !== null; at = state.projects.get(at)?.parent ?? null) {
    if (at === above) return true;
  }
  return false;
}

function inScope(state: State, { role, scope }: RoleGrant, target: Target): boolean {
  if (scope === null) return false;
  if (ROLES[role].scope === "project") {
    return target.project !== undefined && isWithin(state, target.project, scope);
  }
  return target.member === scope || target.ranOn?.(scope) === true;
}

/** Whether the token may be used for it; anybody may see who they are. */
const inScopes = ({ scopes }: Principal, what: Permission): boolean =>
  scopes === null || what === "self.read" || scopes.includes(what);

/** Whether the roles, apart from the token, let the principal do something to a target. */
function permitted(state: State, who: Principal, what: Permission, target: Target): boolean {
  if (BASE_PERMISSIONS.includes(what)) return true;
  return who.grants.some((grant) => {
    const reach = ROLES[grant.role].may[what];
    if (reach === undefined || reach === "all") return reach === "all";
    if (!inScope(state, grant, target)) return false;
    return reach === "scope" || (who.userId !== null && target.owner === who.userId);
  });
}

/** Whether the principal holds a permission at all, over whatever. */
export const holds = (who: Principal, what: Permission): boolean =>
  inScopes(who, what) &&
  (BASE_PERMISSIONS.includes(what) ||
    who.grants.some(({ role }) => ROLES[role].may[what] !== undefined));

/** Whether the principal may do something to everything that there is. */
export const holdsForAll = (who: Principal, what: Permission): boolean =>
  inScopes(who, what) && who.grants.some(({ role }) => ROLES[role].may[what] === "all");

/** Whether the principal may do something to a target. */
export const permits = (state: State, who: Principal, what: Permission, target: Target): boolean =>
  inScopes(who, what) && permitted(state, who, what, target);

/** Why not: the permission that is missing, who has it, and what the caller has. */
export function forbidden(who: Principal, what: Permission, target: Target = {}): Refusal {
  if (!inScopes(who, what)) {
    const hint = `It has ${who.scopes?.join(", ")}. Make one with \`--scope ${what}\`.`;
    return refuse("FORBIDDEN", `The token was not given the permission ${what}.`, hint);
  }
  const { project, member } = target;
  const where = project ?? member;
  const over = where === undefined ? "" : ` for ${where}`;
  const roles = who.grants.map(grantText).join(", ") || "no role";
  return refuse(
    "FORBIDDEN",
    `${who.name} lacks the permission ${what}${over}; ${who.name} has ${roles}.`,
    `These roles have it: ${rolesWith(what).join(", ")}. Ask for one.`,
  );
}

/** Whether somebody may give or take a grant: the role must be one that theirs may give. */
export function mayGive(state: State, who: Principal, grant: RoleGrant): boolean {
  if (!inScopes(who, "roles.manage")) return false;
  const kind = ROLES[grant.role].scope;
  const { scope } = grant;
  const target: Target =
    scope === null ? {} : { [kind === "member" ? "member" : "project"]: scope };
  return who.grants.some(
    (own) =>
      ROLES[own.role].gives.includes(grant.role) &&
      permitted(state, { ...who, grants: [own] }, "roles.manage", target),
  );
}

// Whether the reader may do something, so that a page offers only what the pool will take. The
// pool decides in any case; this only keeps useless buttons away. Pure.
import { type CallReply, PERMISSIONS, ROLES } from "@tequio/contract";

export type Who = CallReply<"whoami">;
export type Grant = Who["roles"][number];
export type RoleName = Grant["role"];
export type Permission = keyof typeof PERMISSIONS;

export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as readonly Permission[];
export const ROLE_NAMES = Object.keys(ROLES) as readonly RoleName[];

/** What something would be done to; `above` are the projects that a project lies under. */
export interface Target {
  readonly member?: string;
  readonly project?: string;
  readonly above?: readonly string[];
  /** Name of the user whose thing it is. */
  readonly owner?: string | undefined;
}

/** True if the reader holds the permission over anything at all. */
export const holds = (who: Who, what: Permission): boolean =>
  who.permissions.some(({ permission }) => permission === what);

/** True if the reader holds the permission over the target, or over the whole pool. */
export function may(who: Who, what: Permission, target: Target = {}): boolean {
  const held = who.permissions.find(({ permission }) => permission === what);
  if (held === undefined) return false;
  // What everybody may do with their own, whatever their roles.
  if (held.reach === "own") return true;
  return who.roles.some((grant) => {
    const reach = ROLES[grant.role].may[what];
    if (reach === undefined || reach === "all") return reach === "all";
    return isWithin(grant, target) && (reach === "scope" || target.owner === who.name);
  });
}

function isWithin({ role, scope }: Grant, target: Target): boolean {
  if (scope === undefined) return false;
  if (ROLES[role].scope === "member") return scope === target.member;
  return scope === target.project || (target.above ?? []).includes(scope);
}

export interface Givable {
  readonly role: RoleName;
  /** What a grant of the role must name; undefined: nothing. */
  readonly about: "member" | "project" | undefined;
  /** The names that the reader may give the role for; undefined: any. */
  readonly scopes: readonly string[] | undefined;
}

/** The roles that the reader may give and take, in the order of the role table. */
export function givable(who: Who): readonly Givable[] {
  if (!holds(who, "roles.manage")) return [];
  return ROLE_NAMES.flatMap((role) => {
    const givers = who.roles.filter((own) => ROLES[own.role].gives.includes(role));
    if (givers.length === 0) return [];
    const kind = ROLES[role].scope;
    const everywhere = givers.some((own) => ROLES[own.role].may["roles.manage"] === "all");
    return {
      role,
      about: kind === "none" ? undefined : kind,
      scopes: everywhere ? undefined : givers.flatMap(({ scope }) => scope ?? []),
    };
  });
}

/** True if the reader may give and take this very grant; one from a group is the provider's. */
export const mayGive = (who: Who, { role, scope, byGroup }: Grant, above: readonly string[] = []) =>
  !byGroup &&
  givable(who).some(
    (one) =>
      one.role === role &&
      (one.scopes === undefined ||
        one.scopes.some((name) => name === scope || above.includes(name))),
  );

/** `researcher of speech`, `auditor`. */
export const grantText = ({ role, scope }: { role: string; scope?: string | undefined }): string =>
  scope === undefined ? role : `${role} of ${scope}`;

/** The projects that a project lies under, the nearest first. */
export function projectsAbove(
  projects: readonly { readonly name: string; readonly parent: string | null }[],
  name: string,
): readonly string[] {
  const parentOf = new Map(projects.map((one) => [one.name, one.parent]));
  const above: string[] = [];
  let at = parentOf.get(name) ?? null;
  // A parent that the reader may not see ends the way up; a circle cannot be, but must not hang.
  while (at !== null && !above.includes(at)) {
    above.push(at);
    at = parentOf.get(at) ?? null;
  }
  return above;
}

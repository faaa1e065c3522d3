// What the operator says about signing in. The flags of `tequio up` make it; nothing is read here.
import { isRole, type Outcome, ok, ROLES, type RoleGrant, refuse } from "@tequio/core/pool";

export interface OidcSettings {
  /** Address of the provider, as it calls itself. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent: a public client, which proves itself by PKCE alone. */
  readonly clientSecret?: string;
  /** Name of the claim that lists a user's groups. */
  readonly groupsClaim: string;
  /** Claim that becomes a new user's handle in the journal; absent: a random handle. */
  readonly nameClaim?: string;
  /** Seconds by which its clock may differ. */
  readonly clockToleranceS: number;
  /** What a group stands for; a group may stand for several roles. */
  readonly roles: readonly GroupRole[];
  /** Scopes to ask for; absent: `openid` and those of the usual ones that it offers. */
  readonly scopes?: readonly string[];
}

export interface GroupRole extends RoleGrant {
  readonly group: string;
}

export interface SignInSettings {
  readonly oidc?: OidcSettings;
  /** Whether local users may have passwords; passkeys they may have anyway. */
  readonly passwords: boolean;
  /** What becomes of the jobs of a user who is disabled, if nobody says otherwise. */
  readonly onDisabledUser: "keep" | "cancel";
}

/** Without any flag. */
export const SIGN_IN_DEFAULTS: SignInSettings = { passwords: true, onDisabledUser: "keep" };

/** Reads `GROUP=role` or `GROUP=role:scope`. Refuses USAGE. */
export function parseGroupRole(text: string): Outcome<GroupRole> {
  // A group may have an `=` in its name, e.g. a distinguished name; roles have none.
  const at = text.lastIndexOf("=");
  const group = text.slice(0, Math.max(0, at)).trim();
  const [role = "", scope, ...more] = text.slice(at + 1).split(":");
  if (group === "" || more.length > 0) return bad(text, "Write GROUP=role or GROUP=role:SCOPE.");
  if (!isRole(role)) return bad(text, `Roles are ${Object.keys(ROLES).join(", ")}.`);
  const kind = ROLES[role].scope;
  if (kind === "none" && scope !== undefined) return bad(text, `${role} is over the whole pool.`);
  if (kind !== "none" && (scope === undefined || scope === "")) {
    return bad(text, `Name the ${kind}: ${group}=${role}:NAME.`);
  }
  return ok({ group, role, scope: scope ?? null });
}

const bad = (text: string, hint: string) =>
  refuse("USAGE", `\`--oidc-role ${text}\` does not say which role a group stands for.`, hint);

/** The roles of somebody in these groups, each once, in the order of the settings. */
export function rolesOfGroups(
  groups: readonly string[],
  roles: readonly GroupRole[],
): readonly RoleGrant[] {
  const mine = new Set(groups);
  const found = new Map<string, RoleGrant>();
  for (const { group, role, scope } of roles) {
    if (mine.has(group)) found.set(`${role}:${scope}`, { role, scope });
  }
  return [...found.values()];
}

// Users and roles: who the caller is, who there is, and what they may do.
import type { CallReply } from "@tequio/contract";
import { type Input, mayGive, type State, type User } from "@tequio/core/controller";
import {
  grantText,
  type Outcome,
  ok,
  ROLE_NAMES,
  ROLES,
  type RoleGrant,
  refuse,
} from "@tequio/core/pool";
import type { Untimed } from "../../pump.ts";
import { newId } from "../../secrets.ts";
import { grantViews, permissionRows, userView } from "../../views/people.ts";
import { noSuchUser, personOf, whoOf } from "../may.ts";
import type { Call, Handlers } from "../table.ts";

type PeopleEndpoints =
  | "whoami"
  | "listRoles"
  | "listUsers"
  | "getUser"
  | "setUser"
  | "changeUser"
  | "grantRole"
  | "revokeRole";

/** The user by its name. Refuses NOT_FOUND. */
export function findUser(state: State, name: string): Outcome<User> {
  const user = state.users.values().find((one) => one.name === name);
  return user === undefined ? noSuchUser(name) : ok(user);
}

/** Whether a user fits every condition of a list. */
function isSought(
  { name, roles, groupRoles }: User,
  { search = "", role, scope }: Call<"listUsers">["query"],
): boolean {
  if (!name.includes(search.toLowerCase())) return false;
  if (role === undefined && scope === undefined) return true;
  return [...roles, ...groupRoles].some(
    (grant) =>
      (role === undefined || grant.role === role) && (scope === undefined || grant.scope === scope),
  );
}

/** Gives or takes a role; the giver's own roles say which. */
async function changeRole(
  type: "grantRole" | "revokeRole",
  { context, caller, params, body }: Call<"grantRole"> | Call<"revokeRole">,
): Promise<Outcome<CallReply<"grantRole">>> {
  const { pump } = context;
  const grant: RoleGrant = { role: body.role, scope: body.scope ?? null };
  const who = whoOf(context, caller);
  if (!mayGive(pump.state, who, grant)) {
    const may = [...new Set(who.grants.flatMap(({ role }) => ROLES[role].gives))].join(", ");
    const hint = `With ${who.grants.map(grantText).join(", ")} these may be: ${may || "none"}.`;
    return refuse("FORBIDDEN", `${grantText(grant)} is not ${who.name}'s to give or take.`, hint);
  }
  const user = findUser(pump.state, params.name);
  if (!user.ok) return user;
  const { userId } = user.value;
  const changed = await pump.submit({
    type,
    userId,
    ...grant,
    by: personOf(caller).user,
  } as Untimed<Input>);
  return changed.ok ? ok(userView(pump.state.users.get(userId)!)) : changed;
}

export const peopleHandlers: Handlers<PeopleEndpoints> = {
  async whoami({ context, caller }) {
    const { state } = context.pump;
    const who = whoOf(context, caller);
    const token = state.tokens.get(personOf(caller).tokenId)!;
    const user = who.userId === null ? undefined : state.users.get(who.userId)!;
    const notice = user === undefined ? undefined : await context.signIn.noticeFor(user);
    return ok({
      ...(who.userId === null ? {} : { userId: who.userId }),
      name: who.name,
      roles: user === undefined ? [{ role: "operator", byGroup: false }] : grantViews(user),
      permissions: permissionRows(who),
      ...{ tokenId: token.tokenId, tokenKind: token.kind },
      ...(token.scopes === null ? {} : { scopes: [...token.scopes] }),
      ...(token.expiresAtMs === null ? {} : { expiresAtMs: token.expiresAtMs }),
      ...(notice === undefined ? {} : { notice }),
    });
  },

  listRoles: () =>
    ok({
      rows: ROLE_NAMES.map((role) => ({
        ...{ role, about: ROLES[role].about, scope: ROLES[role].scope },
        permissions: Object.entries(ROLES[role].may).map(([permission, reach]) => ({
          permission,
          reach,
        })),
      })),
    }),

  listUsers({ context, query }) {
    const after = query.cursor ?? "";
    const all = [...context.pump.state.users.values()].filter(
      (user) => user.name > after && isSought(user, query),
    );
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    const rows = all.slice(0, query.limit).map(userView);
    return ok(all.length > query.limit ? { rows, nextCursor: rows.at(-1)!.name } : { rows });
  },

  getUser({ context, params }) {
    const user = findUser(context.pump.state, params.name);
    return user.ok ? ok(userView(user.value)) : user;
  },

  async setUser({ context, caller, params, body }) {
    const { pump } = context;
    const known = findUser(pump.state, params.name);
    if (!known.ok && body.rename !== undefined) return known;
    const { userId, origin, subjectHash } = known.ok ? known.value : LOCAL();
    const name = body.rename ?? params.name;
    const by = personOf(caller).user;
    const set = await pump.submit({ type: "setUser", userId, name, origin, subjectHash, by });
    return set.ok ? ok(userView(pump.state.users.get(userId)!)) : set;
  },

  async changeUser({ context, caller, params, body }) {
    const { pump } = context;
    const user = findUser(pump.state, params.name);
    if (!user.ok) return user;
    const { userId } = user.value;
    const by = personOf(caller).user;
    const jobs = body.jobs ?? context.signIn.settings.onDisabledUser;
    if (body.action === "disable" && by === userId) {
      const hint = "Let another operator do it.";
      return refuse("WRONG_STATE", "You would lock yourself out.", hint);
    }
    if (body.action === "forget") {
      if (!user.value.disabled) {
        const hint = `Disable it first: \`tequio user disable ${user.value.name}\`.`;
        return refuse("WRONG_STATE", `The user ${user.value.name} may still sign in.`, hint);
      }
      await context.signIn.people.forget(userId);
      return ok({ user: userView(user.value), cancelled: [] });
    }
    const changed = await pump.submit(
      body.action === "enable"
        ? { type: "enableUser", userId, by }
        : { type: "disableUser", userId, jobs, by },
    );
    if (!changed.ok) return changed;
    const { cancelled = [] } = changed.value as { readonly cancelled?: string[] };
    return ok({ user: userView(pump.state.users.get(userId)!), cancelled });
  },

  grantRole: (call) => changeRole("grantRole", call),
  revokeRole: (call) => changeRole("revokeRole", call),
};

const LOCAL = () =>
  ({ userId: newId("u"), origin: "local" as const, subjectHash: null }) satisfies Partial<User>;

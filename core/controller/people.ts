// Decisions about users, roles and tokens. Who may take them is asked before, by rights.ts. No
// e-mail, no real name and no password comes here: a user is an opaque id and a handle.
import {
  grantText,
  LIMITS,
  type Outcome,
  ok,
  type Refusal,
  ROLES,
  type RoleGrant,
  refuse,
  sameGrant,
} from "../pool/index.ts";
import type { Input } from "./input.ts";
import { MACHINE_OPERATOR } from "./rights.ts";
import type { State, User } from "./state.ts";
import type { Step } from "./step.ts";
import { cancel } from "./submit.ts";

type Of<T extends Input["type"]> = Extract<Input, { readonly type: T }>;

const noUser = (userId: string): Refusal =>
  refuse("NOT_FOUND", `There is no user ${userId}.`, "List them with `tequio user list`.");

/** Creates a user, or changes its name or what its provider says; the same again is no event. */
export function setUser({ state, emit }: Step, input: Of<"setUser">): Outcome<unknown> {
  const { userId, name, origin, subjectHash } = input;
  const known = state.users.get(userId);
  for (const other of state.users.values()) {
    if (other.userId === userId) continue;
    const twice = subjectHash !== null && other.subjectHash === subjectHash;
    if (other.name !== name && !twice) continue;
    return refuse("ALREADY_EXISTS", `There is a user ${other.name}.`, "Choose another name.");
  }
  if (name === MACHINE_OPERATOR) {
    const hint = "Choose another name.";
    return refuse("ALREADY_EXISTS", `${name} is the operator of the machine.`, hint);
  }
  if (known === undefined && state.users.size >= LIMITS.USERS_MAX) {
    return refuse("TOO_MANY", `There are ${state.users.size} users.`, "Use one that exists.");
  }
  const groupRoles = input.groupRoles ?? known?.groupRoles ?? [];
  const event = { type: "user.set", userId, name, origin, subjectHash, groupRoles } as const;
  if (known === undefined || isNews(known, event)) emit(event);
  return ok({ userId });
}

const isNews = (known: User, set: Pick<User, "name" | "origin" | "subjectHash" | "groupRoles">) =>
  known.name !== set.name ||
  known.origin !== set.origin ||
  known.subjectHash !== set.subjectHash ||
  known.groupRoles.length !== set.groupRoles.length ||
  known.groupRoles.some((grant, i) => !sameGrant(grant, set.groupRoles[i]!));

/** Disables a user: its tokens and sessions end; its jobs go on or are cancelled, as asked. */
export function disableUser(step: Step, input: Of<"disableUser">): Outcome<unknown> {
  const { state, emit } = step;
  const { userId } = input;
  const user = state.users.get(userId);
  if (user === undefined) return noUser(userId);
  for (const token of [...state.tokens.values()]) {
    if (token.userId !== userId || token.revoked) continue;
    emit({ type: "token.revoked", tokenId: token.tokenId });
  }
  if (!user.disabled) emit({ type: "user.disabled", userId });
  const jobs = input.jobs === "cancel" ? openJobsOf(state, userId) : [];
  for (const jobId of jobs) cancel(step, jobId, "its user was disabled");
  return ok({ userId, cancelled: jobs });
}

/** Jobs of a user that wait or run: they are in the queue, or hold a lease. */
function openJobsOf(state: State, userId: string): string[] {
  const ids = new Set(state.queue.keys());
  for (const { openLeases } of state.sites.values()) {
    for (const leaseId of openLeases) ids.add(state.leases.get(leaseId)!.lease.jobId);
  }
  return [...ids].filter((jobId) => state.jobs.get(jobId)!.spec.user === userId);
}

/** Lets a user in again; what was revoked stays revoked. */
export function enableUser({ state, emit }: Step, userId: string): Outcome<unknown> {
  const user = state.users.get(userId);
  if (user === undefined) return noUser(userId);
  if (user.disabled) emit({ type: "user.enabled", userId });
  return ok({ userId });
}

/** Why a grant names nothing, or the wrong thing. */
function badGrant(state: State, { role, scope }: RoleGrant): Refusal | undefined {
  const kind = ROLES[role].scope;
  if (kind === "none") {
    if (scope === null) return undefined;
    const hint = "Leave the scope out.";
    return refuse("INVALID_REQUEST", `The role ${role} is over the whole pool.`, hint, "scope");
  }
  if (scope === null) {
    const hint = `Name a ${kind}: \`${role}:NAME\`.`;
    return refuse("INVALID_REQUEST", `The role ${role} is over one ${kind}.`, hint, "scope");
  }
  if (kind === "project" && !state.projects.has(scope)) {
    const hint = "Create it first: `tequio project create`.";
    return refuse("PROJECT_UNKNOWN", `The project ${scope} does not exist.`, hint, "scope");
  }
  if (kind === "member" && !state.members.has(scope)) {
    const hint = "Invite it first: `tequio member invite`.";
    return refuse("NOT_FOUND", `There is no member ${scope}.`, hint, "scope");
  }
  return undefined;
}

/** Gives a user a role; one that it has already is no event. */
export function grantRole({ state, emit }: Step, input: Of<"grantRole">): Outcome<unknown> {
  const { userId, role, scope } = input;
  const user = state.users.get(userId);
  if (user === undefined) return noUser(userId);
  const bad = badGrant(state, input);
  if (bad !== undefined) return bad;
  if (user.roles.some((grant) => sameGrant(grant, input))) return ok({ userId });
  if (user.roles.length >= LIMITS.ROLES_PER_USER_MAX) {
    const hint = "Revoke one, or grant a role on a project above.";
    return refuse("TOO_MANY", `${user.name} has ${user.roles.length} roles.`, hint);
  }
  emit({ type: "role.granted", userId, role, scope });
  return ok({ userId });
}

/** Takes a role back; one that comes from the provider's groups has to be taken back there. */
export function revokeRole({ state, emit }: Step, input: Of<"revokeRole">): Outcome<unknown> {
  const { userId, role, scope } = input;
  const user = state.users.get(userId);
  if (user === undefined) return noUser(userId);
  if (user.roles.some((grant) => sameGrant(grant, input))) {
    emit({ type: "role.revoked", userId, role, scope });
    return ok({ userId });
  }
  const byGroup = user.groupRoles.some((grant) => sameGrant(grant, input));
  const hint = byGroup
    ? "It comes with a group of the identity provider: take the user out of that group."
    : "See what it has with `tequio user show`.";
  return refuse("WRONG_STATE", `${user.name} is not granted ${grantText(input)}.`, hint);
}

/** Keeps the hash of a new token; the secret itself never comes here. */
export function issueToken({ state, emit }: Step, input: Of<"issueToken">): Outcome<unknown> {
  const { tokenId, hash, label, userId, scopes, kind, expiresAtMs } = input;
  const user = userId === null ? undefined : state.users.get(userId);
  if (userId !== null && user === undefined) return noUser(userId);
  if (user?.disabled === true) {
    const hint = "An operator may enable it: `tequio user enable`.";
    return refuse("USER_DISABLED", `The user ${user.name} is disabled.`, hint);
  }
  const own = [...state.tokens.values()].filter(
    (one) =>
      one.userId === userId &&
      one.kind === kind &&
      !one.revoked &&
      (one.expiresAtMs === null || one.expiresAtMs > state.nowMs),
  );
  if (kind === "session" && own.length >= LIMITS.SESSIONS_PER_USER_MAX) {
    // A sign-in must not fail because of browsers that were forgotten: the oldest session ends.
    emit({ type: "token.revoked", tokenId: own[0]!.tokenId });
  }
  if (kind === "api" && own.length >= LIMITS.TOKENS_PER_USER_MAX) {
    const hint = "Revoke those that nobody uses: `tequio token list`.";
    return refuse("TOO_MANY", `There are ${own.length} tokens of this user.`, hint);
  }
  emit({ type: "token.issued", tokenId, hash, label, userId, scopes, kind, expiresAtMs });
  return ok({ tokenId });
}

/** Takes a token back; doing so twice changes nothing. */
export function revokeToken({ state, emit }: Step, tokenId: string): Outcome<unknown> {
  const token = state.tokens.get(tokenId);
  if (token === undefined) {
    return refuse("NOT_FOUND", `There is no token ${tokenId}.`, "List them with `tequio token`.");
  }
  if (!token.revoked) emit({ type: "token.revoked", tokenId });
  return ok({ tokenId });
}

// The part of the fold that is about users, roles and tokens.
import { LIMITS, sameGrant } from "../pool/index.ts";
import type { Event } from "./event.ts";
import type { State, User } from "./state.ts";

/** Applies an event about people; false for any other. */
export function applyPeople(state: State, event: Event, atMs: number): boolean {
  switch (event.type) {
    case "token.issued":
      issue(state, event, atMs);
      return true;
    case "token.revoked":
      state.tokens.get(event.tokenId)!.revoked = true;
      return true;
    case "user.set":
      set(state, event, atMs);
      return true;
    case "user.disabled":
      theUser(state, event.userId).disabled = true;
      return true;
    case "user.enabled":
      theUser(state, event.userId).disabled = false;
      return true;
    case "role.granted":
      theUser(state, event.userId).roles.push({ role: event.role, scope: event.scope });
      return true;
    case "role.revoked": {
      const { roles } = theUser(state, event.userId);
      roles.splice(
        roles.findIndex((grant) => sameGrant(grant, event)),
        1,
      );
      return true;
    }
    default:
      return false;
  }
}

const theUser = (state: State, userId: string): User => state.users.get(userId)!;

function issue(state: State, event: Extract<Event, { type: "token.issued" }>, atMs: number): void {
  const { tokenId, hash, label, expiresAtMs } = event;
  const { userId = null, scopes = null, kind = "api" } = event;
  const token = { tokenId, hash, label, userId, scopes, kind, expiresAtMs };
  state.tokens.set(tokenId, { ...token, createdAtMs: atMs, revoked: false });
  state.tokenHashes.set(hash, tokenId);
  if (state.tokens.size % LIMITS.TOKENS_SWEPT_EVERY === 0) forgetSessions(state, atMs);
}

/** Sessions that are over are forgotten now and then: each sign-in makes one. */
function forgetSessions(state: State, atMs: number): void {
  for (const { tokenId, hash, kind, revoked, expiresAtMs } of [...state.tokens.values()]) {
    const over = revoked || (expiresAtMs !== null && expiresAtMs <= atMs);
    if (kind !== "session" || !over) continue;
    state.tokens.delete(tokenId);
    state.tokenHashes.delete(hash);
  }
}

function set(state: State, event: Extract<Event, { type: "user.set" }>, atMs: number): void {
  const { userId, name, origin, subjectHash, groupRoles } = event;
  const known = state.users.get(userId);
  if (known !== undefined) {
    Object.assign(known, { name, origin, subjectHash, groupRoles });
    return;
  }
  const user = { userId, name, origin, subjectHash, roles: [], groupRoles, disabled: false };
  state.users.set(userId, { ...user, createdAtMs: atMs });
}

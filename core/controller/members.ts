// Decisions about projects, members and invitations.
import { changeCaps, LIMITS, type Outcome, ok, refuse } from "../pool/index.ts";
import type { Input } from "./input.ts";
import { recallAll, recallDevices } from "./offers.ts";
import { revokeSite } from "./site-keys.ts";
import type { State } from "./state.ts";
import type { Step } from "./step.ts";

type Of<T extends Input["type"]> = Extract<Input, { readonly type: T }>;

/** The first event of a journal; a second pool in one journal is a bug of the caller. */
export function createPool({ state, emit }: Step, input: Of<"createPool">): Outcome<unknown> {
  if (state.poolId !== "") {
    return refuse("ALREADY_EXISTS", `The pool ${state.name} exists.`, "Use another data folder.");
  }
  emit({ type: "pool.created", poolId: input.poolId, name: input.name });
  emit({ type: "project.set", name: "default", parent: null, shares: 1 });
  return ok(undefined);
}

/** Changes the pool's settings; the same again is no event. */
export function setPool({ state, emit }: Step, input: Of<"setPool">): Outcome<unknown> {
  const { ageing, backfill, moves } = input;
  const aged = ageing !== undefined && JSON.stringify(state.ageing) !== JSON.stringify(ageing);
  const filled = backfill !== undefined && state.backfill !== backfill;
  const moved = moves !== undefined && (state.moves ?? false) !== moves;
  if (!aged && !filled && !moved) return ok(undefined);
  emit({
    type: "pool.set",
    ...(aged ? { ageing } : {}),
    ...(filled ? { backfill } : {}),
    ...(moved ? { moves } : {}),
  });
  return ok(undefined);
}

/** Creates a project or changes its parent, shares and caps; refuses a circle. */
export function setProject({ state, emit }: Step, input: Of<"setProject">): Outcome<unknown> {
  const { name } = input;
  const known = state.projects.get(name);
  const { parent = known?.parent ?? null, shares = known?.shares ?? 1 } = input;
  const caps = changeCaps(known?.caps, input.caps ?? {});
  if (parent !== null && !state.projects.has(parent)) {
    return refuse(
      "PROJECT_UNKNOWN",
      `The parent project ${parent} does not exist.`,
      "Create the parent first.",
      "parent",
    );
  }
  for (let above = parent; above !== null; above = state.projects.get(above)!.parent) {
    if (above === name) {
      return refuse(
        "INVALID_REQUEST",
        `${name} would be its own ancestor.`,
        "Choose another parent.",
        "parent",
      );
    }
  }
  const set = { type: "project.set", name, parent, shares } as const;
  emit(caps === undefined ? set : { ...set, caps });
  return ok({ name });
}

/** Opens an invitation; an earlier open one of the same member is revoked. */
export function inviteMember(
  { state, atMs, emit }: Step,
  input: Of<"inviteMember">,
): Outcome<unknown> {
  const expiresAtMs = atMs + LIMITS.JOIN_TOKEN_MS;
  const open = state.members.get(input.name)?.invitations.some((one) => one.state === "open");
  // One open invitation at a time: the newest token is the only one that an operator must track.
  if (open === true) emit({ type: "invitation.revoked", name: input.name });
  const { name, secretHash } = input;
  emit({ type: "member.invited", name, secretHash, expiresAtMs });
  return ok({ expiresAtMs });
}

/** Drains, recalls or resumes a member, or revokes its open invitation. */
export function changeMember(step: Step, input: Of<"changeMember">): Outcome<unknown> {
  const { state, emit } = step;
  const { name, action } = input;
  const member = state.members.get(name);
  if (member === undefined) {
    return refuse(
      "NOT_FOUND",
      `There is no member ${name}.`,
      "List them with `tequio member list`.",
    );
  }
  if (action === "revoke-invitation") {
    if (!member.invitations.some((one) => one.state === "open")) {
      return refuse("WRONG_STATE", `${name} has no open invitation.`, "Nothing needs revoking.");
    }
    emit({ type: "invitation.revoked", name });
    return ok({ name });
  }
  if (action === "revoke-site") return revokeSite(step, name, input.siteId);
  if (member.standing === "invited") {
    return refuse(
      "WRONG_STATE",
      `${name} has not joined yet.`,
      "Wait until it joined, or revoke its invitation.",
    );
  }
  if (action === "recall" && input.devices !== undefined) {
    return recallDevices(step, member, input.devices, input.graceMs);
  }
  const standing = ({ drain: "draining", recall: "recalled", resume: "active" } as const)[action];
  const givesBack = action === "resume" && member.recalledDevices !== undefined;
  if (member.standing !== standing || givesBack) emit({ type: "member.changed", name, standing });
  if (action === "recall") recallAll(step, member, input.graceMs);
  return ok({ name });
}

/** Which member an open invitation belongs to, or why the secret is no good. */
export function memberOfSecret(state: State, secretHash: string, atMs: number): Outcome<string> {
  for (const member of state.members.values()) {
    for (const invitation of member.invitations) {
      if (invitation.secretHash !== secretHash) continue;
      const hint = `Ask the operator for a new one: \`tequio member invite ${member.name}\`.`;
      if (invitation.state === "used") {
        return refuse("UNAUTHENTICATED", "The join token was used already.", hint);
      }
      if (invitation.state === "revoked") {
        return refuse("TOKEN_REVOKED", "The join token was revoked.", hint);
      }
      if (invitation.expiresAtMs <= atMs) {
        return refuse("TOKEN_EXPIRED", "The join token has expired.", hint);
      }
      return ok(member.name);
    }
  }
  return refuse(
    "UNAUTHENTICATED",
    "The join token is not known to this pool.",
    "Check the address of the pool, or ask its operator for a new token.",
  );
}

/** A site joins with the secret of an invitation, under its own key. */
export function joinSite({ state, atMs, emit }: Step, input: Of<"joinSite">): Outcome<unknown> {
  const { siteId, secretHash, publicKey, engine } = input;
  for (const site of state.sites.values()) {
    // The same key again: the answer to the first try was lost on its way.
    if (site.publicKey !== publicKey) continue;
    const used = state.members.get(site.member)!.invitations;
    if (used.some((one) => one.secretHash === secretHash)) {
      return ok({ siteId: site.siteId, member: site.member, poolId: state.poolId });
    }
    return refuse(
      "ALREADY_EXISTS",
      "This key belongs to a site already.",
      "Use an empty agent folder for a second site.",
    );
  }
  const member = memberOfSecret(state, secretHash, atMs);
  if (!member.ok) return member;
  emit({ type: "site.joined", siteId, member: member.value, secretHash, publicKey, engine });
  return ok({ siteId, member: member.value, poolId: state.poolId });
}

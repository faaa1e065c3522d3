// Members: inviting, joining, draining, recalling.
import { createPublicKey, randomBytes } from "node:crypto";
import {
  type CallReply,
  decodeJoinToken,
  encodeJoinToken,
  type MemberView,
} from "@tequio/contract";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { newId, sha256 } from "../../secrets.ts";
import { isNodeCursor, memberDetail, memberPage, memberView } from "../../views/pool.ts";
import { refuseUnless } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";

/** 192 bits: a join token lives for a week and is good for one site. */
const SECRET_BYTES = 24;

/** The member by its name. Refuses NOT_FOUND. */
function rowOf({ pump, lastSeen }: Context, name: string): Outcome<MemberView> {
  const row = memberView(pump.state, lastSeen, name);
  return row === undefined ? noMember(name) : ok(row);
}

const noMember = (name: string): Refusal =>
  refuse("NOT_FOUND", `There is no member ${name}.`, "List them with `tequio member list`.");

const badCursor = (cursor: string): Refusal => {
  const hint = "Use the `nextCursor` of the page before, unchanged.";
  return refuse("INVALID_REQUEST", `\`cursor\`: ${cursor} is not one of ours.`, hint, "cursor");
};

/** The key as it is kept, or why it is none: only Ed25519 keys can sign the hello. */
function publicKeyOf(text: string): Outcome<string> {
  try {
    const der = Buffer.from(text, "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    if (key.asymmetricKeyType === "ed25519") return ok(der.toString("base64"));
  } catch {
    // Falls through: what cannot be read gets the same answer as a key of another kind.
  }
  return badKey;
}

const badKey: Refusal = refuse(
  "INVALID_REQUEST",
  "`publicKey` is not an Ed25519 key.",
  "Send the SPKI form, DER, in base64.",
  "publicKey",
);

type MemberEndpoints = "listMembers" | "getMember" | "inviteMember" | "changeMember" | "joinPool";

export const memberHandlers: Handlers<MemberEndpoints> = {
  listMembers({ context: { pump, lastSeen }, query: { limit, cursor } }) {
    if (cursor !== undefined && !pump.state.members.has(cursor)) return badCursor(cursor);
    return ok(memberPage(pump.state, lastSeen, { limit, after: cursor }));
  },

  getMember({ context: { pump, lastSeen }, params, query: { limit, cursor } }) {
    if (cursor !== undefined && !isNodeCursor(cursor)) return badCursor(cursor);
    const detail = memberDetail(pump.state, lastSeen, params.name, { limit, cursor });
    return detail === undefined ? noMember(params.name) : ok(detail);
  },

  async inviteMember({ context, caller, body, baseUrl }) {
    const refused = refuseUnless(context, caller, "members.invite", { member: body.name });
    if (refused !== undefined) return refused;
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    const { name } = body;
    const joinToken = encodeJoinToken({
      ...{ url: context.publicUrl ?? baseUrl, secret },
      ...(context.pin === undefined ? {} : { pin: context.pin }),
    });
    // Whoever asks by an address that nobody can dial should hear it now, not the new member.
    const readable = decodeJoinToken(joinToken);
    if (!readable.ok) {
      const hint = "Open the pool by its address, or start it with a public address.";
      return refuse("INVALID_REQUEST", `${baseUrl} is not an address for a token.`, hint);
    }
    const invited = await context.pump.submit({
      type: "inviteMember",
      by: userOf(caller),
      name,
      secretHash: sha256(secret),
    });
    if (!invited.ok) return invited;
    const { expiresAtMs } = invited.value as { expiresAtMs: number };
    const command = `tequio agent --join ${joinToken}`;
    return ok({ member: name, joinToken, expiresAtMs, command });
  },

  async changeMember({ context, caller, params, body }) {
    const refused = refuseUnless(context, caller, "members.change", { member: params.name });
    if (refused !== undefined) return refused;
    const changed = await context.pump.submit({
      type: "changeMember",
      by: userOf(caller),
      name: params.name,
      action: body.action,
      ...(body.graceMs === undefined ? {} : { graceMs: body.graceMs }),
      ...(body.devices === undefined ? {} : { devices: body.devices }),
      ...(body.site === undefined ? {} : { siteId: body.site }),
    });
    if (!changed.ok) return changed;
    return rowOf(context, params.name);
  },

  async joinPool({ context, body }) {
    const token = decodeJoinToken(body.joinToken);
    if (!token.ok) return token;
    const publicKey = publicKeyOf(body.publicKey);
    if (!publicKey.ok) return publicKey;
    const joined = await context.pump.submit({
      type: "joinSite",
      siteId: newId("s"),
      secretHash: sha256(token.value.secret),
      publicKey: publicKey.value,
      engine: body.engine,
    });
    return joined as Outcome<CallReply<"joinPool">>;
  },
};

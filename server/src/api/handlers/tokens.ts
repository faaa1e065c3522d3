// Tokens of persons: shown once when made, kept as a hash. A token never does more than its user,
// nor more than the token that it was made with.
import type { Token } from "@tequio/core/controller";
import { forbidden, holds, permits } from "@tequio/core/controller";
import { type Outcome, ok, type Permission, type Refusal, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { newId, newPersonToken, sha256 } from "../../secrets.ts";
import { tokenView } from "../../views/people.ts";
import { personOf, refuseUnless, whoOf } from "../may.ts";
import type { Call, Handlers } from "../table.ts";
import { findUser } from "./people.ts";

function viewOf({ pump }: Context, tokenId: string): Outcome<ReturnType<typeof tokenView>> {
  return ok(tokenView(pump.state, pump.state.tokens.get(tokenId)!));
}

type Create = Call<"createToken">;

/** Id of the user whose token it will be; null: the operator of the machine. */
function ownerOf({ context, caller, body }: Create): Outcome<string | null> {
  const who = whoOf(context, caller);
  if (body.user === undefined || body.user === who.name) return ok(who.userId);
  const refused = refuseUnless(context, caller, "tokens.manage");
  if (refused !== undefined) return refused;
  const user = findUser(context.pump.state, body.user);
  return user.ok ? ok(user.value.userId) : user;
}

/** What the token will be cut down to. One that was cut down itself makes only smaller ones. */
function scopesOf({ context, caller, body }: Create): Outcome<readonly Permission[] | null> {
  const who = whoOf(context, caller);
  const wanted = body.scopes ?? who.scopes;
  const own = body.user === undefined || body.user === who.name;
  const beyond = wanted?.find((what) => own && !holds(who, what));
  if (beyond !== undefined) return forbidden(who, beyond);
  return ok(wanted);
}

/** When it ends: never later than the API token that it was made with. */
function endOf({ context, body }: Create, maker: Token): number | null {
  const cap = maker.kind === "api" ? maker.expiresAtMs : null;
  const wanted = body.expiresInMs === undefined ? null : context.now() + body.expiresInMs;
  return cap === null || wanted === null ? (cap ?? wanted) : Math.min(cap, wanted);
}

export const tokenHandlers: Handlers<"listTokens" | "createToken" | "revokeToken"> = {
  listTokens({ context, caller, query }) {
    const { state } = context.pump;
    const who = whoOf(context, caller);
    const all = permits(state, who, "tokens.read", {});
    const { cursor, limit, user } = query;
    if (cursor !== undefined && !state.tokens.has(cursor)) {
      const hint = "Begin again without it: the token may have gone.";
      return refuse("INVALID_REQUEST", "`cursor` is no token's id.", hint, "cursor");
    }
    const rows: ReturnType<typeof tokenView>[] = [];
    let begun = cursor === undefined;
    for (const token of state.tokens.values()) {
      if (begun && (all || token.userId === who.userId)) {
        const view = tokenView(state, token);
        const wanted = user === undefined || view.user === user;
        if (wanted && rows.length === limit) {
          return ok({ rows, nextCursor: rows.at(-1)!.tokenId });
        }
        if (wanted) rows.push(view);
      }
      if (token.tokenId === cursor) begun = true;
    }
    return ok({ rows });
  },

  async createToken(call) {
    const { context, caller, body } = call;
    const userId = ownerOf(call);
    if (!userId.ok) return userId;
    const scopes = scopesOf(call);
    if (!scopes.ok) return scopes;
    const maker = context.pump.state.tokens.get(personOf(caller).tokenId)!;
    const token = newPersonToken();
    const tokenId = newId("t");
    const issued = await context.pump.submit({
      type: "issueToken",
      by: personOf(caller).user,
      ...{ tokenId, hash: sha256(token), label: body.label, userId: userId.value },
      ...{ scopes: scopes.value, kind: "api", expiresAtMs: endOf(call, maker) },
    });
    if (!issued.ok) return issued;
    const view = viewOf(context, tokenId);
    return view.ok ? ok({ ...view.value, token }) : view;
  },

  async revokeToken({ context, caller, params }) {
    const refused = refuseRevoking(context, caller, params.name);
    if (refused !== undefined) return refused;
    const revoked = await context.pump.submit({
      type: "revokeToken",
      tokenId: params.name,
      by: personOf(caller).user,
    });
    return revoked.ok ? viewOf(context, params.name) : revoked;
  },
};

function refuseRevoking(
  context: Context,
  caller: Create["caller"],
  tokenId: string,
): Refusal | undefined {
  const token = context.pump.state.tokens.get(tokenId);
  const own = token !== undefined && token.userId === whoOf(context, caller).userId;
  const refused = own ? undefined : refuseUnless(context, caller, "tokens.manage");
  if (refused !== undefined || token !== undefined) return refused;
  return refuse(
    "NOT_FOUND",
    `There is no token ${tokenId}.`,
    "List them with `tequio token list`.",
  );
}

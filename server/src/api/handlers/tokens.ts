// API tokens of persons: shown once when made, kept as a hash.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { newId, newPersonToken, sha256 } from "../../secrets.ts";
import { tokenView } from "../../views/pool.ts";
import { type Handlers, userOf } from "../table.ts";

/** Tokens that are not revoked. More than that are made by a script that forgets them. */
const TOKENS_MAX = 10_000;

function viewOf({ pump }: Context, tokenId: string): Outcome<ReturnType<typeof tokenView>> {
  return ok(tokenView(pump.state.tokens.get(tokenId)!));
}

export const tokenHandlers: Handlers<"listTokens" | "createToken" | "revokeToken"> = {
  listTokens: ({ context }) => ok({ rows: [...context.pump.state.tokens.values()].map(tokenView) }),

  async createToken({ context, caller, body }) {
    if (context.pump.state.tokens.size >= TOKENS_MAX) {
      return refuse("TOO_MANY", `There are ${TOKENS_MAX} tokens.`, "Use one that you have.");
    }
    const token = newPersonToken();
    const tokenId = newId("t");
    const expiresAtMs = body.expiresInMs === undefined ? null : context.now() + body.expiresInMs;
    const issued = await context.pump.submit({
      type: "issueToken",
      ...{ tokenId, hash: sha256(token), label: body.label, user: userOf(caller), expiresAtMs },
    });
    if (!issued.ok) return issued;
    const view = viewOf(context, tokenId);
    return view.ok ? ok({ ...view.value, token }) : view;
  },

  async revokeToken({ context, params }) {
    const revoked = await context.pump.submit({ type: "revokeToken", tokenId: params.name });
    return revoked.ok ? viewOf(context, params.name) : revoked;
  },
};

// Signing in, by everything but a browser's way to the provider, which is in ../sign-in-routes.ts.
import type { CallReply } from "@tequio/contract";
import type { User } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { sha256 } from "../../secrets.ts";
import { partyOf } from "../../signin/passkeys.ts";
import { hashPassword, whyWeak } from "../../signin/passwords.ts";
import { refuseDisabled } from "../../signin/service.ts";
import type { How } from "../../signin/sessions.ts";
import type { Web } from "../../signin/web.ts";
import { grantViews } from "../../views/people.ts";
import type { Call, Handlers } from "../table.ts";

type SignInEndpoints =
  | "getSignIn"
  | "signInPassword"
  | "passkeySignInOptions"
  | "signInPasskey"
  | "startDevice"
  | "pollDevice"
  | "readInvite"
  | "invitePassword"
  | "invitePasskeyOptions"
  | "invitePasskey";

type SignedIn = CallReply<"signInPassword">;

const OIDC_PATH = "/v1/sign-in/oidc";
const TROUBLE_COOKIE = "tequio-sign-in";

/** Begins a session: the token goes into a cookie, or into the answer for a command line. */
export async function signedIn(
  { signIn, pump }: Context,
  web: Web,
  user: User,
  how: How,
  want: "cookie" | "token",
): Promise<Outcome<SignedIn>> {
  const where = want === "token" ? "cli" : "browser";
  const begun = await signIn.sessions.begin(user.userId, how, web.agent, where);
  if (!begun.ok) return begun;
  const { token, sessionId, expiresAtMs } = begun.value;
  if (want === "cookie") {
    await endFormer({ signIn, pump }, web, user.userId);
    web.setCookie("tequio-session", token, LIMITS.SESSION_MS);
  }
  const now = pump.state.users.get(user.userId) ?? user;
  const notice = await signIn.noticeFor(now);
  return ok({
    ...{ name: now.name, userId: now.userId, roles: grantViews(now), sessionId, expiresAtMs },
    ...(want === "token" ? { token } : {}),
    ...(notice === undefined ? {} : { notice }),
  });
}

/** Ends the session that the browser had: a new one takes its place (ASVS 5 V7.2.4). */
async function endFormer(
  { signIn, pump }: Pick<Context, "signIn" | "pump">,
  web: Web,
  by: string,
): Promise<void> {
  const former = web.cookie("tequio-session");
  const id = former === undefined ? undefined : pump.state.tokenHashes.get(sha256(former));
  const token = id === undefined ? undefined : pump.state.tokens.get(id);
  if (token?.kind !== "session" || token.revoked) return;
  await signIn.sessions.end([token.tokenId], by);
}

/** The address under which browsers see the pool. */
export const ownUrl = ({ context, baseUrl }: Pick<Call<"getSignIn">, "context" | "baseUrl">) =>
  (context.publicUrl ?? baseUrl).replace(/\/+$/, "");

/** For whom passkeys are made here. Refuses SIGN_IN_OFF. */
export const partyFor = (call: Pick<Call<"getSignIn">, "context" | "baseUrl">) =>
  partyOf(call.context.publicUrl, call.baseUrl);

/** Keeps a new password, if it is good. Refuses PASSWORD_WEAK, SIGN_IN_OFF. */
export async function keepPassword(
  { signIn, pump, now }: Context,
  user: User,
  password: string,
): Promise<Outcome<undefined>> {
  if (!signIn.settings.passwords) {
    return refuse("SIGN_IN_OFF", "This pool takes no passwords.", "Make a passkey instead.");
  }
  const weak = whyWeak(password, [user.name, pump.state.name, "tequio", "password"]);
  if (weak !== undefined) return weak;
  const hash = await hashPassword(password);
  if (!hash.ok) return hash;
  const row = { userId: user.userId, hash: hash.value, changedAtMs: now() };
  await signIn.people.passwords.save(row);
  return ok(undefined);
}

/** Keeps a new passkey from a browser's answer. Refuses what is wrong with it, and TOO_MANY. */
export async function keepPasskey(
  call: Pick<Call<"addPasskey">, "context" | "baseUrl">,
  user: User,
  { name, response }: { readonly name: string; readonly response: Record<string, unknown> },
): Promise<Outcome<undefined>> {
  const { signIn, now } = call.context;
  const party = partyFor(call);
  if (!party.ok) return party;
  const { userId } = user;
  const known = await signIn.people.passkeys.find({ userId });
  if (known.length >= LIMITS.PASSKEYS_PER_USER_MAX) {
    return refuse("TOO_MANY", `There are ${known.length} passkeys.`, "Remove one first.");
  }
  const made = await signIn.passkeys.made(party.value, userId, response);
  if (!made.ok) return made;
  // An id that another user has would let one take the other's place.
  const [taken] = await signIn.people.passkeys.find({ passkeyId: made.value.passkeyId });
  if (taken !== undefined) {
    return refuse("ALREADY_EXISTS", "This passkey is known already.", "Use another one.");
  }
  await signIn.people.passkeys.save({ ...made.value, name, createdAtMs: now() });
  return ok(undefined);
}

async function hasWayIn({ signIn }: Context, userId: string): Promise<boolean> {
  const passwords = await signIn.people.passwords.find({ userId });
  return passwords.length > 0 || (await signIn.people.passkeys.find({ userId })).length > 0;
}

async function byPasskey(call: Call<"signInPasskey">): Promise<Outcome<User>> {
  const { context, body } = call;
  const { signIn, pump, now, say } = context;
  const party = partyFor(call);
  if (!party.ok) return party;
  const { id } = body.response;
  const passkeyId = typeof id === "string" ? id : "";
  const [passkey] = await signIn.people.passkeys.find({ passkeyId });
  const used = await signIn.passkeys.used(party.value, passkey, body.response);
  if (!used.ok) {
    if (passkey !== undefined) {
      say("warn", "A passkey was refused.", { user: passkey.userId, why: used.message });
    }
    return used;
  }
  await signIn.people.passkeys.save({ ...used.value, lastUsedMs: now() });
  const user = pump.state.users.get(used.value.userId);
  if (user !== undefined) return refuseDisabled(user);
  return refuse("SIGN_IN_FAILED", "The passkey's user is not known.", "Ask an operator.");
}

export const signInHandlers: Handlers<SignInEndpoints> = {
  getSignIn(call) {
    const { context, web } = call;
    const { settings, provider, troubles } = context.signIn;
    const party = partyFor(call);
    const key = web.cookie(TROUBLE_COOKIE);
    const trouble = key === undefined ? undefined : troubles.take(key);
    if (trouble !== undefined) web.setCookie(TROUBLE_COOKIE, "", 0);
    return ok({
      ...(provider === undefined
        ? {}
        : { oidc: { name: new URL(provider.issuer).hostname, path: OIDC_PATH } }),
      password: settings.passwords,
      passkey: party.ok,
      ...(party.ok ? {} : { noPasskey: `${party.message} ${party.hint}` }),
      passwordCharsMin: LIMITS.PASSWORD_CHARS_MIN,
      ...(trouble === undefined
        ? {}
        : { trouble: { code: trouble.code, message: trouble.message, hint: trouble.hint } }),
    });
  },

  async signInPassword({ context, web, body }) {
    const { signIn } = context;
    if (!signIn.settings.passwords) {
      return refuse("SIGN_IN_OFF", "This pool takes no passwords.", "Use a passkey.");
    }
    const user = await signIn.tries.run(web.address, body.user, () =>
      signIn.checkPassword(body.user, body.password),
    );
    return user.ok ? signedIn(context, web, user.value, "password", body.want) : user;
  },

  async passkeySignInOptions(call) {
    const party = partyFor(call);
    if (!party.ok) return party;
    return ok({ options: await call.context.signIn.passkeys.askOptions(party.value) });
  },

  async signInPasskey(call) {
    const { context, web, body } = call;
    const user = await context.signIn.tries.run(web.address, undefined, () => byPasskey(call));
    return user.ok ? signedIn(context, web, user.value, "passkey", body.want) : user;
  },

  async startDevice(call) {
    const { context, web, body } = call;
    const { provider, devices } = context.signIn;
    if (body.by === "provider" && provider === undefined) {
      const hint = "Leave it out: the pool's console asks for the code.";
      return refuse("SIGN_IN_OFF", "This pool has no identity provider.", hint);
    }
    if (provider !== undefined && body.by !== "pool") {
      const begun = await devices.beginThere(provider);
      // One without sign-ins for devices has sign-ins for browsers, in which the console is open.
      if (begun.ok || begun.code !== "SIGN_IN_OFF" || body.by === "provider") return begun;
    }
    return ok(devices.beginHere(ownUrl(call), web.agent.slice(0, 200), web.address));
  },

  async pollDevice({ context, web, body }) {
    const { signIn, pump } = context;
    const polled = await signIn.devices.poll(body.deviceId, signIn.provider);
    if (!polled.ok) return polled;
    if (polled.value.state === "waiting") return ok(polled.value);
    const found =
      polled.value.state === "claims"
        ? await signIn.userOf(polled.value.claims)
        : refuseDisabled(pump.state.users.get(polled.value.userId)!);
    if (!found.ok) return found;
    const begun = await signedIn(context, web, found.value, "device", "token");
    return begun.ok ? ok({ state: "done", signedIn: begun.value }) : begun;
  },

  async readInvite({ context, web, body }) {
    const { signIn } = context;
    const found = await signIn.tries.run(web.address, undefined, () => signIn.invited(body.invite));
    if (!found.ok) return found;
    const { user, expiresAtMs } = found.value;
    return ok({ user: user.name, expiresAtMs, again: await hasWayIn(context, user.userId) });
  },

  async invitePassword({ context, web, body }) {
    const { signIn } = context;
    const found = await signIn.tries.run(web.address, undefined, () => signIn.invited(body.invite));
    if (!found.ok) return found;
    const kept = await keepPasswordOf(context, body.invite, body.password);
    return kept.ok ? signedIn(context, web, kept.value, "invite", body.want) : kept;
  },

  async invitePasskeyOptions(call) {
    const { context, web, body } = call;
    const { signIn } = context;
    const party = partyFor(call);
    if (!party.ok) return party;
    const found = await signIn.tries.run(web.address, undefined, () => signIn.invited(body.invite));
    if (!found.ok) return found;
    const { user } = found.value;
    const known = await signIn.people.passkeys.find({ userId: user.userId });
    return ok({ options: await signIn.passkeys.makeOptions(party.value, user, known) });
  },

  async invitePasskey(call) {
    const { context, web, body } = call;
    const { signIn } = context;
    const found = await signIn.tries.run(web.address, undefined, () => signIn.invited(body.invite));
    if (!found.ok) return found;
    const kept = await keepPasskey(call, found.value.user, body);
    if (!kept.ok) return kept;
    const used = await signIn.useInvite(body.invite);
    return used.ok ? signedIn(context, web, used.value, "invite", body.want) : used;
  },
};

/** Uses the link up for a password that is good; a weak one leaves the link as it is. */
async function keepPasswordOf(
  context: Context,
  invite: string,
  password: string,
): Promise<Outcome<User>> {
  const { signIn, pump } = context;
  const found = await signIn.invited(invite);
  if (!found.ok) return found;
  const { user } = found.value;
  const weak = whyWeak(password, [user.name, pump.state.name, "tequio", "password"]);
  if (weak !== undefined) return weak;
  const used = await signIn.useInvite(invite);
  if (!used.ok) return used;
  const kept = await keepPassword(context, used.value, password);
  return kept.ok ? used : kept;
}

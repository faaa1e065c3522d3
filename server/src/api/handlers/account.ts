// How somebody signs in, changed by themselves: password, passkeys, devices, sessions. Only a
// session may do that, not an API token: whoever finds one in a script must not get the account.
import type { CallReply } from "@tequio/contract";
import type { User } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { newSecret, sha256 } from "../../secrets.ts";
import { passkeyView } from "../../views/people.ts";
import { personOf, refuseUnless, whoOf } from "../may.ts";
import type { Call, Handlers } from "../table.ts";
import { findUser } from "./people.ts";
import { keepPasskey, keepPassword, ownUrl, partyFor } from "./sign-in.ts";

type AccountEndpoints =
  | "signOut"
  | "getAccount"
  | "setPassword"
  | "newPasskeyOptions"
  | "addPasskey"
  | "renamePasskey"
  | "removePasskey"
  | "readDevice"
  | "approveDevice"
  | "listSessions"
  | "endSession"
  | "endSessions"
  | "inviteUser"
  | "getUserSignIn";

type Account = CallReply<"getAccount">;
type Asked = Pick<Call<"getAccount">, "context" | "caller">;

async function accountOf({ signIn }: Context, user: User): Promise<Outcome<Account>> {
  const { userId, name, origin } = user;
  const { people } = signIn;
  const [person] = await people.people.find({ userId });
  const [password] = await people.passwords.find({ userId });
  const passkeys = await people.passkeys.find({ userId });
  const { email = null, displayName = null } = person ?? {};
  return ok({
    ...{ user: name, origin, hasPassword: password !== undefined },
    ...(email === null ? {} : { email }),
    ...(displayName === null ? {} : { displayName }),
    ...(password === undefined ? {} : { passwordChangedAtMs: password.changedAtMs }),
    passkeys: passkeys.map(passkeyView).sort((a, b) => a.createdAtMs - b.createdAtMs),
  });
}

/** The user who asks. Refuses WRONG_STATE for the operator of the machine. */
function selfOf({ context, caller }: Asked): Outcome<User> {
  const { userId } = whoOf(context, caller);
  const user = userId === null ? undefined : context.pump.state.users.get(userId);
  if (user !== undefined) return ok(user);
  const hint = "Make yourself a user: `tequio user set NAME`.";
  return refuse("WRONG_STATE", "The operator of the machine signs in with a token only.", hint);
}

/** The same, of somebody who has signed in. Refuses WRONG_STATE. */
function signedInSelf({ context, caller }: Asked): Outcome<User> {
  const self = selfOf({ context, caller });
  if (!self.ok) return self;
  const token = context.pump.state.tokens.get(personOf(caller).tokenId);
  if (token?.kind === "session") return self;
  const hint = "Sign in with a browser or `tequio login`.";
  return refuse("WRONG_STATE", "An API token does not change how its user signs in.", hint);
}

/** Why a session must be begun anew before it changes how its user signs in, if it must. */
function refuseOld({ context, caller }: Asked): Refusal | undefined {
  const token = context.pump.state.tokens.get(personOf(caller).tokenId);
  const ageMs = context.now() - (token?.createdAtMs ?? 0);
  if (ageMs <= LIMITS.SIGN_IN_FRESH_MS) return undefined;
  const minutes = LIMITS.SIGN_IN_FRESH_MS / 60_000;
  const message = `You signed in more than ${minutes} minutes ago.`;
  return refuse("SIGN_IN_AGAIN", message, "Sign out, sign in again and repeat it.");
}

/** The same, of a user whom the pool itself lets in. Refuses WRONG_STATE. */
function localSelf(asked: Asked): Outcome<User> {
  const self = signedInSelf(asked);
  if (!self.ok || self.value.origin === "local") return self;
  const hint = "Change it there.";
  return refuse("WRONG_STATE", "You sign in with the identity provider.", hint);
}

/** Ends the other sessions of whoever changed how it signs in. */
async function endOthers({ context, caller }: Asked, userId: string): Promise<Outcome<unknown>> {
  const { sessions } = context.signIn;
  const mine = personOf(caller).tokenId;
  const others = sessions.open(userId).map(({ tokenId }) => tokenId);
  return sessions.end(
    others.filter((id) => id !== mine),
    userId,
  );
}

async function checkCurrent(call: Call<"setPassword">, user: User): Promise<Refusal | undefined> {
  const { context, web, body } = call;
  const { signIn } = context;
  const [kept] = await signIn.people.passwords.find({ userId: user.userId });
  if (kept === undefined) return refuseOld(call);
  if (body.current === undefined) {
    const hint = "Give it as `current`.";
    return refuse("INVALID_REQUEST", "The password of now is missing.", hint, "current");
  }
  const { current } = body;
  const right = await signIn.tries.run(web.address, user.name, () =>
    signIn.checkPassword(user.name, current),
  );
  return right.ok ? undefined : right;
}

/** Whose sessions are asked for. Refuses FORBIDDEN for those of others. */
function whose(
  { context, caller }: Asked,
  name: string | undefined,
  what: "tokens.read" | "tokens.manage",
): Outcome<string | null> {
  const who = whoOf(context, caller);
  if (name === undefined || name === who.name) return ok(who.userId);
  const refused = refuseUnless(context, caller, what);
  if (refused !== undefined) return refused;
  const user = findUser(context.pump.state, name);
  return user.ok ? ok(user.value.userId) : user;
}

export const accountHandlers: Handlers<AccountEndpoints> = {
  async signOut({ context, caller, web }) {
    const { tokenId } = personOf(caller);
    web.setCookie("tequio-session", "", 0);
    if (context.pump.state.tokens.get(tokenId)?.kind !== "session") {
      const hint = `Revoke it: \`tequio token revoke ${tokenId}\`.`;
      return refuse("WRONG_STATE", "An API token is no session.", hint);
    }
    const ended = await context.signIn.sessions.end([tokenId], personOf(caller).user);
    return ended.ok ? ok({ ended: [...ended.value] }) : ended;
  },

  async getAccount(call) {
    const self = selfOf(call);
    return self.ok ? accountOf(call.context, self.value) : self;
  },

  async setPassword(call) {
    const self = localSelf(call);
    if (!self.ok) return self;
    const wrong = await checkCurrent(call, self.value);
    if (wrong !== undefined) return wrong;
    const kept = await keepPassword(call.context, self.value, call.body.password);
    if (!kept.ok) return kept;
    const ended = await endOthers(call, self.value.userId);
    return ended.ok ? accountOf(call.context, self.value) : ended;
  },

  async newPasskeyOptions(call) {
    const { signIn } = call.context;
    const self = localSelf(call);
    if (!self.ok) return self;
    const old = refuseOld(call);
    if (old !== undefined) return old;
    const party = partyFor(call);
    if (!party.ok) return party;
    const known = await signIn.people.passkeys.find({ userId: self.value.userId });
    return ok({ options: await signIn.passkeys.makeOptions(party.value, self.value, known) });
  },

  async addPasskey(call) {
    const self = localSelf(call);
    if (!self.ok) return self;
    const kept = await keepPasskey(call, self.value, call.body);
    return kept.ok ? accountOf(call.context, self.value) : kept;
  },

  async renamePasskey(call) {
    const { context, params, body } = call;
    const self = signedInSelf(call);
    if (!self.ok) return self;
    const { passkeys } = context.signIn.people;
    const [found] = await passkeys.find({ passkeyId: params.id, userId: self.value.userId });
    if (found === undefined) return noPasskey();
    await passkeys.save({ ...found, name: body.name });
    return accountOf(context, self.value);
  },

  async removePasskey(call) {
    const { context, params } = call;
    const self = signedInSelf(call);
    if (!self.ok) return self;
    const old = refuseOld(call);
    if (old !== undefined) return old;
    const { userId, origin } = self.value;
    const { passkeys, passwords } = context.signIn.people;
    const mine = await passkeys.find({ userId });
    if (!mine.some(({ passkeyId }) => passkeyId === params.id)) return noPasskey();
    const hasPassword = (await passwords.find({ userId })).length > 0;
    if (origin === "local" && mine.length === 1 && !hasPassword) {
      const hint = "Add another passkey or a password first.";
      return refuse("WRONG_STATE", "It is your only way to sign in.", hint);
    }
    await passkeys.take({ passkeyId: params.id, userId });
    // Who has the lost key may be signed in with it.
    const ended = await endOthers(call, userId);
    return ended.ok ? accountOf(context, self.value) : ended;
  },

  async readDevice(call) {
    const { context, web, body } = call;
    const self = signedInSelf(call);
    if (!self.ok) return self;
    const { signIn } = context;
    const found = await signIn.tries.run(web.address, undefined, async () =>
      signIn.devices.waiting(body.userCode),
    );
    return found.ok ? ok(deviceView(found.value)) : found;
  },

  async approveDevice(call) {
    const { context, web, body } = call;
    const self = signedInSelf(call);
    if (!self.ok) return self;
    const { signIn } = context;
    const found = await signIn.tries.run(web.address, undefined, async () =>
      signIn.devices.approve(body.userCode, self.value.userId),
    );
    return found.ok ? ok(deviceView(found.value)) : found;
  },

  listSessions(call) {
    const { context, caller, query } = call;
    const { state } = context.pump;
    const { sessions } = context.signIn;
    const who = whoOf(context, caller);
    const all = query.user === undefined && refuseUnless(context, caller, "tokens.read");
    const owner = whose(call, query.user, "tokens.read");
    if (!owner.ok) return owner;
    // Without a name: everybody's for who may see them, else one's own.
    const userId = all === undefined ? undefined : (owner.value ?? who.userId ?? "");
    const rows = sessions.open(userId);
    const current = personOf(caller).tokenId;
    return ok({ rows: rows.map((token) => sessions.view(state, token, current)) });
  },

  async endSession({ context, caller, params }) {
    const token = context.pump.state.tokens.get(params.id);
    const own = token !== undefined && token.userId === whoOf(context, caller).userId;
    const refused = own ? undefined : refuseUnless(context, caller, "tokens.manage");
    if (refused !== undefined) return refused;
    if (token?.kind !== "session") {
      const hint = "List them with `tequio session list`.";
      return refuse("NOT_FOUND", `There is no session ${params.id}.`, hint);
    }
    const ended = await context.signIn.sessions.end([params.id], personOf(caller).user);
    return ended.ok ? ok({ ended: [...ended.value] }) : ended;
  },

  async endSessions(call) {
    const { context, caller, body } = call;
    const owner = whose(call, body.user, "tokens.manage");
    if (!owner.ok) return owner;
    const { sessions } = context.signIn;
    const current = personOf(caller).tokenId;
    const open = sessions.open(owner.value ?? "").map(({ tokenId }) => tokenId);
    const going = open.filter((id) => id !== current || !body.keepCurrent);
    const ended = await sessions.end(going, personOf(caller).user);
    return ended.ok ? ok({ ended: [...ended.value] }) : ended;
  },

  async inviteUser(call) {
    const { context, caller, params, body } = call;
    const { signIn, pump, now } = context;
    const found = findUser(pump.state, params.name);
    if (!found.ok) return found;
    const user = found.value;
    const { userId } = user;
    if (user.origin === "oidc" || user.disabled) {
      const why = user.disabled ? "is disabled" : "signs in with the identity provider";
      const hint = user.disabled ? "Enable it first." : "It needs no link.";
      return refuse("WRONG_STATE", `The user ${user.name} ${why}.`, hint);
    }
    if (body.reset) {
      await signIn.people.passwords.take({ userId });
      await signIn.people.passkeys.take({ userId });
      const open = signIn.sessions.open(userId).map(({ tokenId }) => tokenId);
      const ended = await signIn.sessions.end(open, personOf(caller).user);
      if (!ended.ok) return ended;
    }
    const secret = `tqi_${newSecret()}`;
    const forMs = Math.min(body.expiresInMs ?? LIMITS.INVITE_MS, LIMITS.INVITE_MS_MAX);
    const expiresAtMs = now() + forMs;
    await signIn.people.invites.save({ userId, hash: sha256(secret), expiresAtMs });
    return ok({ user: user.name, url: `${ownUrl(call)}/#/invite/${secret}`, expiresAtMs });
  },

  async getUserSignIn({ context, params }) {
    const found = findUser(context.pump.state, params.name);
    return found.ok ? accountOf(context, found.value) : found;
  },
};

const noPasskey = (): Refusal =>
  refuse("NOT_FOUND", "You have no such passkey.", "GET /v1/me/sign-in lists them.");

const deviceView = (device: {
  readonly userCode: string;
  readonly agent: string;
  readonly address: string;
  readonly startedAtMs: number;
  readonly userId: string | undefined;
}): CallReply<"readDevice"> => {
  const { userCode, agent, address, startedAtMs, userId } = device;
  return { userCode, agent, address, startedAtMs, approved: userId !== undefined };
};

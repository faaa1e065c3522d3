// Everything about signing in that lives as long as the control plane: settings, the people's
// store, sessions, the provider, passkeys and devices under way, and the count of wrong tries.
import type { User } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { PeopleStore } from "../people-store/index.ts";
import type { Say } from "../ports.ts";
import type { Pump } from "../pump.ts";
import { sha256 } from "../secrets.ts";
import { Devices } from "./devices.ts";
import { Flows } from "./flows.ts";
import { type Claims, type OidcFlow, Provider } from "./oidc.ts";
import { Passkeys } from "./passkeys.ts";
import { isRight } from "./passwords.ts";
import { noticeFor, userOfClaims } from "./provider-user.ts";
import { Sessions } from "./sessions.ts";
import type { SignInSettings } from "./settings.ts";
import { Tries } from "./tries.ts";

/** A browser that was sent to the provider. */
export interface BrowserFlow {
  readonly oidc: OidcFlow;
  /** Page of the console to come back to. */
  readonly next: string;
}

export interface SignIn {
  readonly settings: SignInSettings;
  readonly people: PeopleStore;
  readonly sessions: Sessions;
  readonly provider: Provider | undefined;
  readonly passkeys: Passkeys;
  readonly devices: Devices;
  readonly tries: Tries;
  /** By the word in the browser's cookie. */
  readonly browsers: Flows<BrowserFlow>;
  /** What went wrong for a browser, by the word in its cookie, until it has been told. */
  readonly troubles: Flows<Refusal>;
  /** Whether a user's password is right. Refuses SIGN_IN_FAILED, USER_DISABLED. */
  readonly checkPassword: (name: string, password: string) => Promise<Outcome<User>>;
  /** The user of a one-time link that is good. Refuses INVITE_INVALID. */
  readonly invited: (secret: string) => Promise<Outcome<{ user: User; expiresAtMs: number }>>;
  /** Uses such a link up; of two who do only one can. Refuses INVITE_INVALID. */
  readonly useInvite: (secret: string) => Promise<Outcome<User>>;
  /** The user whom the provider has let in. Refuses USER_DISABLED. */
  readonly userOf: (claims: Claims) => Promise<Outcome<User>>;
  /** What the user has to be told about its roles. */
  readonly noticeFor: (user: User) => Promise<string | undefined>;
  /** Reads what is known of the sessions. */
  readonly load: () => Promise<void>;
  /** Begins what only a leader does. */
  readonly lead: () => void;
  readonly stop: () => Promise<void>;
}

export interface SignInParts {
  readonly settings: SignInSettings;
  readonly pump: Pump;
  readonly people: PeopleStore;
  readonly now: () => number;
  readonly say: Say;
}

const wrong = (): Refusal =>
  refuse(
    "SIGN_IN_FAILED",
    "Name and password do not belong together.",
    "Check both; an operator can make a new link with `tequio user invite NAME`.",
  );

const badInvite = (): Refusal =>
  refuse(
    "INVITE_INVALID",
    "The link was used, was replaced by a newer one, or its time is over.",
    "Ask an operator for another: `tequio user invite NAME`.",
  );

/** A user who is let in. Refuses USER_DISABLED. */
export function refuseDisabled(user: User): Outcome<User> {
  if (!user.disabled) return ok(user);
  const hint = "An operator may enable it: `tequio user enable`.";
  return refuse("USER_DISABLED", `The user ${user.name} is disabled.`, hint);
}

/** Puts the parts together; nothing runs before `start`. */
export function makeSignIn(parts: SignInParts): SignIn {
  const { settings, pump, people, now } = parts;
  const { oidc } = settings;
  const sessions = new Sessions(parts);

  async function inviteOf(secret: string, use: boolean) {
    const by = { hash: sha256(secret) };
    const [invite] = await (use ? people.invites.take(by) : people.invites.find(by));
    const user = invite === undefined ? undefined : pump.state.users.get(invite.userId);
    if (invite === undefined || user === undefined || invite.expiresAtMs <= now()) {
      return badInvite();
    }
    const good = refuseDisabled(user);
    return good.ok ? ok({ user, expiresAtMs: invite.expiresAtMs }) : good;
  }

  return {
    ...{ settings, people, sessions },
    provider: oidc === undefined ? undefined : new Provider(oidc, now),
    passkeys: new Passkeys(now),
    devices: new Devices(now),
    tries: new Tries(),
    browsers: new Flows(now, LIMITS.SIGN_INS_MAX),
    troubles: new Flows(now, LIMITS.SIGN_INS_MAX),

    async checkPassword(name, password) {
      const user = pump.state.users.values().find((one) => one.name === name);
      // Also for a user who does not exist: both answers take the same time and are the same.
      const [row] = await people.passwords.find({ userId: user?.userId ?? "" });
      const right = await isRight(password, row?.hash);
      if (!right.ok) return right;
      return right.value && user !== undefined ? refuseDisabled(user) : wrong();
    },

    invited: (secret) => inviteOf(secret, false),
    async useInvite(secret) {
      const used = await inviteOf(secret, true);
      return used.ok ? ok(used.value.user) : used;
    },

    async userOf(claims) {
      return oidc === undefined ? badInvite() : userOfClaims({ pump, people, oidc }, claims);
    },
    noticeFor: (user) => noticeFor(people, oidc, user),

    load: () => sessions.load(),
    lead: () => sessions.lead(),
    async stop() {
      sessions.stop();
      await people.close();
    },
  };
}

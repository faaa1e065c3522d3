// What goes over the wire when people sign in, and when they look after how they do: sessions,
// passwords, passkeys, invitations. The rows of the endpoint table are in signin-endpoints.ts.
import { LIMITS } from "@tequio/core/pool";
import { z } from "zod";
import { RoleGrantView, UserName } from "./people.ts";
import { Count, EpochMs, Name, Problem } from "./primitives.ts";

/** Any JSON object: WebAuthn's options and answers have their own specification and parser. */
const WebAuthnJson = z.record(z.string(), z.unknown());

/** Characters of a secret word of ours: an invitation, a device's code. */
const SECRET_CHARS_MAX = 200;
const Secret = z.string().min(1).max(SECRET_CHARS_MAX);

/** As typed. The bounds of a new one are PASSWORD_CHARS_MIN and PASSWORD_CHARS_MAX. */
const Password = z.string().min(1).max(LIMITS.PASSWORD_CHARS_MAX);

/** `cookie`: an HttpOnly cookie for a browser; `token`: in the answer, for a command line. */
const Want = z.enum(["cookie", "token"]).default("cookie");

/** A name that its owner recognises, e.g. `blue key`. */
const PasskeyName = z.string().trim().min(1).max(63);

/** The ways to sign in that this pool has. */
export const SignInView = z.strictObject({
  /** The identity provider: send the browser to `path`. Absent: the pool has none. */
  oidc: z.strictObject({ name: z.string(), path: z.string() }).optional(),
  password: z.boolean(),
  passkey: z.boolean(),
  /** Why there are no passkeys, when there are none. */
  noPasskey: z.string().optional(),
  /** How many characters a new password has at least. */
  passwordCharsMin: Count,
  /** What went wrong when this browser came back from the provider. */
  trouble: Problem.optional(),
});
export type SignInView = z.infer<typeof SignInView>;

export const PasswordSignIn = z.strictObject({ user: UserName, password: Password, want: Want });
export const PasskeyOptions = z.strictObject({ options: WebAuthnJson });
export const PasskeySignIn = z.strictObject({ response: WebAuthnJson, want: Want });

/** A session has begun. */
export const SignedIn = z.strictObject({
  name: z.string(),
  userId: z.string(),
  roles: z.array(RoleGrantView),
  sessionId: z.string(),
  expiresAtMs: EpochMs,
  /** Only when it was asked for; a browser gets a cookie instead. */
  token: z.string().optional(),
  /** What the user should know, e.g. that there is no role for the provider's groups. */
  notice: z.string().optional(),
});
export type SignedIn = z.infer<typeof SignedIn>;

export const DeviceStart = z.strictObject({
  /** Who is to ask for the code; absent: the provider if it can, else the pool's console. */
  by: z.enum(["provider", "pool"]).optional(),
});
/** A sign-in on a machine without a browser: the code is typed on another one. */
export const DeviceStarted = z.strictObject({
  deviceId: z.string(),
  userCode: z.string(),
  /** Where the code is asked for. */
  verificationUrl: z.string(),
  /** The same with the code in it. */
  completeUrl: z.string().optional(),
  /** Who asks for it: the identity provider, or the pool's own console. */
  by: z.enum(["provider", "pool"]),
  expiresInMs: Count,
  intervalMs: Count,
});
export type DeviceStarted = z.infer<typeof DeviceStarted>;
export const DevicePoll = z.strictObject({ deviceId: Secret });
export const DevicePolled = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("waiting"), intervalMs: Count }),
  z.strictObject({ state: z.literal("done"), signedIn: SignedIn }),
]);

export const DeviceCode = z.strictObject({ userCode: Secret });
/** Who waits for an approval. */
export const DeviceView = z.strictObject({
  userCode: z.string(),
  /** The program and the address that asked. */
  agent: z.string(),
  address: z.string(),
  startedAtMs: EpochMs,
  approved: z.boolean(),
});

export const InviteSecret = z.strictObject({ invite: Secret });
export const InvitedView = z.strictObject({
  user: z.string(),
  expiresAtMs: EpochMs,
  /** True when the user had a way to sign in already. */
  again: z.boolean(),
});
export const InvitePassword = z.strictObject({ invite: Secret, password: Password, want: Want });
export const InvitePasskey = z.strictObject({
  invite: Secret,
  name: PasskeyName,
  response: WebAuthnJson,
  want: Want,
});

export const PasskeyView = z.strictObject({
  passkeyId: z.string(),
  name: z.string(),
  createdAtMs: EpochMs,
  lastUsedMs: EpochMs.optional(),
  /** True when the authenticator keeps copies of it elsewhere. */
  synced: z.boolean(),
});
export type PasskeyView = z.infer<typeof PasskeyView>;

/** How a user signs in. */
export const AccountView = z.strictObject({
  user: z.string(),
  origin: z.enum(["local", "oidc"]),
  /** From the identity provider; never in the journal. */
  email: z.string().optional(),
  displayName: z.string().optional(),
  hasPassword: z.boolean(),
  passwordChangedAtMs: EpochMs.optional(),
  passkeys: z.array(PasskeyView),
});
export type AccountView = z.infer<typeof AccountView>;

export const PasswordChange = z.strictObject({
  /** The password of now; needed if there is one. */
  current: Password.optional(),
  password: Password,
});
export const NewPasskey = z.strictObject({ name: PasskeyName, response: WebAuthnJson });
export const PasskeyRename = z.strictObject({ name: PasskeyName });
export const PasskeyId = z.strictObject({ id: z.string().min(1).max(SECRET_CHARS_MAX) });

export const SessionView = z.strictObject({
  sessionId: z.string(),
  user: z.string(),
  how: z.enum(["oidc", "password", "passkey", "device", "invite"]),
  /** The browser or program, as it names itself. */
  agent: z.string(),
  createdAtMs: EpochMs,
  lastUsedMs: EpochMs,
  /** It ends at this time whatever happens, and before if nobody uses it. */
  expiresAtMs: EpochMs,
  idleEndsAtMs: EpochMs,
  /** The one that asks. */
  current: z.boolean(),
});
export type SessionView = z.infer<typeof SessionView>;
export const SessionsQuery = z.strictObject({
  /** Name of a user; absent: all that the caller may see. */
  user: UserName.optional(),
});
export const SessionsEnd = z.strictObject({
  /** Whose; absent: the caller's own. */
  user: UserName.optional(),
  /** Leave the session that asks. */
  keepCurrent: z.boolean().default(true),
});
export const SessionsEnded = z.strictObject({ ended: z.array(z.string()) });

export const InviteUserRequest = z.strictObject({
  /** For how long the link is good; absent: INVITE_MS. */
  expiresInMs: Count.optional(),
  /** Also removes the password and the passkeys that there are, and ends the sessions. */
  reset: z.boolean().default(false),
});
export const InviteUserView = z.strictObject({
  user: z.string(),
  /** Good for one use; shown once. */
  url: z.string(),
  expiresAtMs: EpochMs,
});

export const SignInByName = z.strictObject({ name: UserName });
export const SessionById = z.strictObject({ id: Name });

// Passkeys: challenges, and whether an authenticator's answer is good. The checks of WebAuthn are
// @simplewebauthn/server's, loaded when the first one is needed. What is done with a good answer is
// decided by the handlers.

import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Passkey } from "../people-store/index.ts";
import { Flows } from "./flows.ts";

type Json = Record<string, unknown>;

/** EdDSA, ES256, RS256: what authenticators have (W3C WebAuthn Level 3, 5.4). */
const ALGORITHMS = [-8, -7, -257];

/** For whom passkeys are made: browsers bind them to this name. */
export interface Party {
  readonly id: string;
  readonly origin: string;
}

const load = () => import("@simplewebauthn/server");

/**
 * The party, from the pool's address: that of `--public-url`, or localhost on a machine alone.
 * Refuses SIGN_IN_OFF where browsers make no passkeys: at plain numbers and without TLS.
 */
export function partyOf(publicUrl: string | undefined, baseUrl: string): Outcome<Party> {
  const { protocol, hostname, origin } = new URL(publicUrl ?? baseUrl);
  const isNumber = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  const isLocal = hostname === "localhost";
  if (!isNumber && (isLocal || (protocol === "https:" && publicUrl !== undefined))) {
    return ok({ id: hostname, origin });
  }
  const why = isNumber
    ? "Browsers make no passkeys for a number as address."
    : "Browsers make passkeys over TLS only, and the pool must know its own name.";
  const hint = "Start the pool with `--public-url https://NAME`, or open http://localhost:PORT.";
  return refuse("SIGN_IN_OFF", why, hint);
}

const failed = (why: string) =>
  refuse("SIGN_IN_FAILED", `The passkey is not good: ${why}.`, "Try again, or use another way.");

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 120).replace(/\.$/, "");

/** The challenge that an answer says it answers; it is believed only if it was one of ours. */
function challengeOf(response: Json): string | undefined {
  const { clientDataJSON } = (response.response ?? {}) as { readonly clientDataJSON?: unknown };
  if (typeof clientDataJSON !== "string") return undefined;
  try {
    const text = Buffer.from(clientDataJSON, "base64url").toString("utf8");
    const { challenge } = JSON.parse(text) as { readonly challenge?: unknown };
    return typeof challenge === "string" ? challenge : undefined;
  } catch {
    return undefined;
  }
}

export class Passkeys {
  /** Challenges under way, each with whom it is for; null: whoever has a passkey. */
  readonly #challenges: Flows<{ readonly userId: string | null }>;

  constructor(now: () => number) {
    this.#challenges = new Flows(now);
  }

  /** What a browser needs to ask for any passkey of this pool. */
  async askOptions(party: Party): Promise<Json> {
    const { generateAuthenticationOptions } = await load();
    const options = await generateAuthenticationOptions({
      ...{ rpID: party.id, userVerification: "required", timeout: LIMITS.SIGN_IN_MS },
    });
    this.#challenges.begin({ userId: null }, options.challenge);
    return { ...options };
  }

  /** What a browser needs to make one for a user. */
  async makeOptions(
    party: Party,
    user: { readonly userId: string; readonly name: string },
    known: readonly Passkey[],
  ): Promise<Json> {
    const { generateRegistrationOptions } = await load();
    const options = await generateRegistrationOptions({
      ...{ rpName: "Tequio", rpID: party.id, userName: user.name, attestationType: "none" },
      ...{ userID: new TextEncoder().encode(user.userId), timeout: LIMITS.SIGN_IN_MS },
      supportedAlgorithmIDs: ALGORITHMS,
      excludeCredentials: known.map(({ passkeyId, transports }) => ({
        ...{ id: passkeyId, transports: transportsOf(transports) },
      })),
      // Discoverable, so that no name is asked for, and unlocked by its owner: two factors in one.
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
    });
    this.#challenges.begin({ userId: user.userId }, options.challenge);
    return { ...options };
  }

  /** The new passkey of an answer. Refuses SIGN_IN_STALE, SIGN_IN_FAILED. */
  async made(
    party: Party,
    userId: string,
    response: Json,
  ): Promise<Outcome<Omit<Passkey, "name" | "createdAtMs">>> {
    const challenge = this.#take(response, userId);
    if (!challenge.ok) return challenge;
    const { verifyRegistrationResponse } = await load();
    try {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response: response as unknown as RegistrationResponseJSON,
        ...{ expectedChallenge: challenge.value, requireUserVerification: true },
        ...{ expectedOrigin: party.origin, expectedRPID: party.id },
      });
      if (!verified || registrationInfo === undefined) return failed("it does not fit");
      const { credential, credentialBackedUp } = registrationInfo;
      return ok({
        ...{ passkeyId: credential.id, userId, counter: credential.counter, lastUsedMs: null },
        publicKey: Buffer.from(credential.publicKey).toString("base64url"),
        transports: (credential.transports ?? []).join(","),
        synced: credentialBackedUp ? 1 : 0,
      });
    } catch (error) {
      return failed(wordsOf(error));
    }
  }

  /** The passkey after its use, for one that is known. Refuses SIGN_IN_STALE, SIGN_IN_FAILED. */
  async used(
    party: Party,
    passkey: Passkey | undefined,
    response: Json,
  ): Promise<Outcome<Passkey>> {
    const challenge = this.#take(response, null);
    if (!challenge.ok) return challenge;
    if (passkey === undefined) return failed("no user has it");
    const { verifyAuthenticationResponse } = await load();
    const { passkeyId: id, counter, transports } = passkey;
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: response as unknown as AuthenticationResponseJSON,
        ...{ expectedChallenge: challenge.value, requireUserVerification: true },
        ...{ expectedOrigin: party.origin, expectedRPID: party.id },
        credential: {
          ...{ id, counter, transports: transportsOf(transports) },
          publicKey: new Uint8Array(Buffer.from(passkey.publicKey, "base64url")),
        },
      });
      if (!verified) return failed("its signature does not fit");
      const synced = authenticationInfo.credentialBackedUp ? 1 : 0;
      return ok({ ...passkey, counter: authenticationInfo.newCounter, synced });
    } catch (error) {
      return failed(wordsOf(error));
    }
  }

  #take(response: Json, userId: string | null): Outcome<string> {
    const challenge = challengeOf(response);
    const flow = challenge === undefined ? undefined : this.#challenges.take(challenge);
    if (challenge !== undefined && flow !== undefined && flow.userId === userId) {
      return ok(challenge);
    }
    const message = "This sign-in took too long, or was finished before.";
    return refuse("SIGN_IN_STALE", message, "Begin again.");
  }
}

const transportsOf = (text: string): AuthenticatorTransport[] =>
  text.split(",").filter((one) => one !== "") as AuthenticatorTransport[];

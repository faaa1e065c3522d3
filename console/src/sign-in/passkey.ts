// The browser's side of passkeys. The library is fetched when a passkey is first used, so that
// the first page stays small. What goes wrong comes back as a value with words for a person.
import type { Trouble } from "../api.tsx";
import { PASSKEY_TROUBLES } from "../texts/sign-in.ts";

type Json = Record<string, unknown>;
/** The authenticator's answer, for the pool to check; or why there is none. */
export type PasskeyAnswer =
  | { readonly ok: true; readonly response: Json }
  | { readonly ok: false; readonly trouble: Trouble };

/** Asks for a passkey that the user has. `options` come from the pool. */
export async function askPasskey(options: Json): Promise<PasskeyAnswer> {
  return await answered(async () => {
    const { startAuthentication } = await import("@simplewebauthn/browser");
    return await startAuthentication({ optionsJSON: options as never });
  });
}

/** Makes a new passkey. `options` come from the pool. */
export async function makePasskey(options: Json): Promise<PasskeyAnswer> {
  return await answered(async () => {
    const { startRegistration } = await import("@simplewebauthn/browser");
    return await startRegistration({ optionsJSON: options as never });
  });
}

async function answered(ask: () => Promise<object>): Promise<PasskeyAnswer> {
  try {
    return { ok: true, response: { ...(await ask()) } };
  } catch (error) {
    return { ok: false, trouble: troubleOf(error) };
  }
}

/** The names of the errors are those of the WebAuthn specification, sections 5.1.3 and 5.1.4. */
function troubleOf(error: unknown): Trouble {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === "NotAllowedError" || name === "AbortError") return PASSKEY_TROUBLES.cancelled;
  if (name === "InvalidStateError") return PASSKEY_TROUBLES.known;
  return PASSKEY_TROUBLES.failed(message);
}

// The join token as text. It carries the pool's address, so that one word is enough to join.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { z } from "zod";

const JoinToken = z.strictObject({
  /** Address of the pool that the site dials. */
  url: z.url().max(1_024),
  /** Random secret; the pool keeps only its SHA-256. */
  secret: z.string().min(16).max(128),
  /** SHA-256 of the pool's own certificate: no other one may answer at the address. */
  pin: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type JoinToken = z.infer<typeof JoinToken>;

const PREFIX = "tqj1.";

/** By way of UTF-8, since `btoa` takes bytes only and host names may have any letters. */
const toBase64Url = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

const fromBase64Url = (word: string): string => {
  const bytes = atob(word.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
};

/** The token as one word, `tqj1.` and base64url. */
export const encodeJoinToken = (token: JoinToken): string =>
  PREFIX + toBase64Url(JSON.stringify(token));

/** Reads a join token; says what is wrong with one that was cut or mistyped. */
export function decodeJoinToken(text: string): Outcome<JoinToken> {
  const hint = "Copy the whole token, or ask the operator for a new one.";
  if (!text.startsWith(PREFIX)) {
    return refuse("UNAUTHENTICATED", `A join token starts with \`${PREFIX}\`.`, hint);
  }
  try {
    const parsed = JoinToken.safeParse(JSON.parse(fromBase64Url(text.slice(PREFIX.length))));
    if (parsed.success) return ok(parsed.data);
  } catch {
    // Falls through: a word that does not decode gets the same answer as one of another shape.
  }
  return refuse("UNAUTHENTICATED", "The join token is damaged.", hint);
}

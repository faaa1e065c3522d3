// Whether a lineage card is what a pool has signed, checked in the reader's browser: the pool that
// shows it is not asked. Where the browser cannot, `tequio lineage verify` can.
import { lineageBytes, type SignedLineage } from "@tequio/contract";

export type Verdict = "good" | "changed" | "other key" | "unable";

const ID_DIGITS = 16;

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Checks key id and signature. `unable`: no Ed25519 here, or the page did not come by HTTPS. */
export async function verdictOn(signed: SignedLineage): Promise<Verdict> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) return "unable";
  try {
    const spki = bytesOf(signed.publicKey);
    const id = hexOf(await subtle.digest("SHA-256", spki)).slice(0, ID_DIGITS);
    if (id !== signed.keyId) return "other key";
    const key = await subtle.importKey("spki", spki, { name: "Ed25519" }, false, ["verify"]);
    const bytes = lineageBytes(signed.card);
    const good = await subtle.verify({ name: "Ed25519" }, key, bytesOf(signed.signature), bytes);
    return good ? "good" : "changed";
  } catch {
    return "unable";
  }
}

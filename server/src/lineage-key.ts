// The key with which a pool signs the lineage of models: Ed25519, so that whoever has the public
// half can check a card without asking the pool. It follows from the key of the data folder, so a
// pool that moves with its folder keeps it.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { type LineageCard, lineageBytes, type SignedLineage } from "@tequio/contract";

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;
const ID_DIGITS = 16;

export interface LineageKey {
  readonly sign: (card: LineageCard) => SignedLineage;
}

/** The key of a pool; `secret` is the data folder's own. */
export function makeLineageKey(secret: Uint8Array): LineageKey {
  const seed = hkdfSync("sha256", secret, "", "tequio lineage 1", SEED_BYTES);
  const der = Buffer.concat([PKCS8_HEAD, Buffer.from(seed)]);
  const key: KeyObject = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const keyId = createHash("sha256").update(spki).digest("hex").slice(0, ID_DIGITS);
  return {
    sign: (card) => ({
      ...{ card, keyId, publicKey: spki.toString("base64") },
      signature: sign(null, lineageBytes(card), key).toString("base64"),
    }),
  };
}

// The change of a site's key: a new key is made beside the old one, the pool is told and answers,
// and only then it takes the old one's place. A crash at any moment leaves a key that is good: the
// pool takes both until the site has signed with the new one. It leaves messages to agent.ts.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { newKeyText, type ToPool } from "@tequio/contract/agent";
import { publicKeyOf, readIfThere, replaceFile } from "./folder.ts";

const KEY_FILE = "key.pem";
const NEXT_FILE = "key.next.pem";
const WISH_FILE = "rotate-key";
const DAY_MS = 86_400_000;
/** A key that leaked unseen is good for a quarter of a year at most. */
export const KEY_AGE_MAX_MS = 90 * DAY_MS;

/** Asks the agent of a folder for a new key, now or at its next start. Throws what the file system
 * throws. */
export const wishNewKey = (folder: string): void => replaceFile(join(folder, WISH_FILE), "");

/** Whether the key has to be changed: it was wished for, begun before, or the key is old. */
export function isKeyDue(folder: string, nowMs: number): boolean {
  const has = (name: string): boolean => existsSync(join(folder, name));
  if (has(WISH_FILE) || has(NEXT_FILE)) return true;
  const made = statSync(join(folder, KEY_FILE), { throwIfNoEntry: false })?.mtimeMs;
  return made !== undefined && nowMs - made > KEY_AGE_MAX_MS;
}

/** The message that proposes the next key; the key is made and kept at the first call. */
export function proposeNextKey(
  folder: string,
  site: { readonly poolId: string; readonly siteId: string },
): ToPool {
  const path = join(folder, NEXT_FILE);
  let pem = readIfThere(path);
  if (pem === undefined) {
    const { privateKey } = generateKeyPairSync("ed25519");
    pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    replaceFile(path, pem);
  }
  const key = createPrivateKey(pem);
  const publicKey = publicKeyOf(key);
  const text = newKeyText(site.poolId, site.siteId, publicKey);
  const signature = sign(null, Buffer.from(text), key).toString("base64");
  return { type: "newKey", publicKey, signature };
}

/** The pool has the key: it takes the old one's place. Undefined when it is not the one that was
 * proposed last. */
export function takeNextKey(folder: string, publicKey: string): KeyObject | undefined {
  const path = join(folder, NEXT_FILE);
  const pem = readIfThere(path);
  if (pem === undefined) return undefined;
  const key = createPrivateKey(pem);
  if (publicKeyOf(key) !== publicKey) return undefined;
  renameSync(path, join(folder, KEY_FILE));
  rmSync(join(folder, WISH_FILE), { force: true });
  return key;
}

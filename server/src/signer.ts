// Tokens that need no journal: a lease's task token and a site's probe token carry what they are
// for and a signature. Whether a lease is still open is looked up when the token is used.
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

/** A site token is for measuring a link right after the welcome; agents get a new one each time. */
const SITE_TOKEN_MS = 86_400_000;

export type SignedToken =
  | { readonly kind: "task"; readonly leaseId: string; readonly fence: number }
  | { readonly kind: "site"; readonly siteId: string; readonly expiresMs: number };

export interface Signer {
  readonly taskToken: (leaseId: string, fence: number) => string;
  readonly siteToken: (siteId: string, nowMs: number) => string;
  /** What a token says, or undefined when its signature is not ours. */
  readonly read: (token: string) => SignedToken | undefined;
}

/** Signs for one pool: tokens of another pool with the same key would not be valid here. */
export function makeSigner(key: Uint8Array, poolId: string): Signer {
  // Made once: from bytes, Node would make the key's object anew for each token.
  const secret = createSecretKey(key);
  const sign = (kind: string, name: string, count: string): string =>
    createHmac("sha256", secret)
      .update(`${kind}\n${poolId}\n${name}\n${count}`)
      .digest("base64url");
  const token = (kind: string, name: string, count: string): string =>
    `${kind}.${name}.${count}.${sign(kind, name, count)}`;
  return {
    taskToken: (leaseId, fence) => token("task", leaseId, String(fence)),
    siteToken: (siteId, nowMs) => token("site", siteId, String(nowMs + SITE_TOKEN_MS)),
    read(text) {
      const [kind, name, count, mac, ...rest] = text.split(".");
      if (kind === undefined || name === undefined || count === undefined) return undefined;
      if (mac === undefined || rest.length > 0 || !/^[0-9]{1,15}$/.test(count)) return undefined;
      if (!sameText(mac, sign(kind, name, count))) return undefined;
      if (kind === "task") return { kind, leaseId: name, fence: Number(count) };
      if (kind === "site") return { kind, siteId: name, expiresMs: Number(count) };
      return undefined;
    },
  };
}

/** Compares in a time that does not tell how much was right. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

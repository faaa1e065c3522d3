// Who a tab is to its pool: a key that the browser keeps and never shows, and the site that the
// link's token was exchanged for. Opening the same link again is the same site.
import {
  decodeJoinToken,
  helloText,
  leaveText,
  makeClient,
  type TabFarewell,
} from "@tequio/contract";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

export interface Identity {
  readonly siteId: string;
  readonly member: string;
  readonly poolId: string;
  readonly key: CryptoKey;
}

type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** What is used of the browser's database; TypeScript has its types only among those of a page. */
interface Request<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
  onupgradeneeded?: (() => void) | null;
}
interface Store {
  get(key: string): Request<Identity | undefined>;
  put(value: Identity, key: string): Request<unknown>;
}
interface Database {
  createObjectStore(name: string): unknown;
  transaction(name: string, mode: string): { objectStore(name: string): Store };
}
interface Host {
  readonly indexedDB: { open(name: string, version: number): Request<Database> };
}

const SITES = "sites";

function answered<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function openSites(mode: "readonly" | "readwrite"): Promise<Store> {
  const opening = (globalThis as unknown as Host).indexedDB.open("tequio", 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(SITES);
  return (await answered(opening)).transaction(SITES, mode).objectStore(SITES);
}

const toBase64 = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)));

/**
 * The site of this link: the one that it was exchanged for in this browser, else a new one.
 * Refusals: those of `/v1/join`, UNAUTHENTICATED (no token), ENGINE_FAILED (no such key here).
 */
export async function identityOf(poolUrl: string, joinToken: string): Promise<Outcome<Identity>> {
  const token = decodeJoinToken(joinToken);
  if (!token.ok) return token;
  const name = `${poolUrl} ${token.value.secret}`;
  const known = await answered((await openSites("readonly")).get(name));
  if (known !== undefined) return ok(known);
  const pair = await newKey();
  if (!pair.ok) return pair;
  const publicKey = toBase64(await crypto.subtle.exportKey("spki", pair.value.publicKey));
  const body = { joinToken, publicKey, engine: "browser" };
  const joined = await makeClient({ url: poolUrl }).call("joinPool", { body });
  if (!joined.ok) return joined;
  const identity = { ...joined.value, key: pair.value.privateKey };
  await answered((await openSites("readwrite")).put(identity, name));
  return ok(identity);
}

/** The private half never leaves the browser, not even to this page. */
async function newKey() {
  try {
    const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    return ok(pair as { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey });
  } catch {
    const hint = "Use a browser of 2025 or later, and open the link by https.";
    return refuse("ENGINE_FAILED", "This browser cannot make an Ed25519 key here.", hint);
  }
}

/** What proves to the pool who this is, base64. */
export const signHello = (identity: Identity, nonce: string): Promise<string> =>
  sign(identity, helloText(identity.poolId, identity.siteId, nonce));

/**
 * What the page sends when it is closed. Signed beforehand, since a page that closes waits for
 * nothing; it is good for nothing but ending the connection of this nonce.
 */
export async function signFarewell(identity: Identity, nonce: string): Promise<TabFarewell> {
  const { poolId, siteId } = identity;
  return { siteId, nonce, signature: await sign(identity, leaveText(poolId, siteId, nonce)) };
}

async function sign({ key }: Identity, text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return toBase64(await crypto.subtle.sign({ name: "Ed25519" }, key, bytes));
}

// The secrets of a data folder, each in its own file with mode 0600: the key under which task and
// site tokens are signed, and the token of the operator on this machine. The journal holds only
// SHA-256 hashes of tokens, so that a copy of it lets nobody in.
import { hash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { State } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Pump } from "./pump.ts";

/** 256 bits, as much as the hash that is made with it. */
const KEY_BYTES = 32;

/** SHA-256 of a text as hexadecimal digits. */
export const sha256 = (text: string): string => hash("sha256", text);

/** A new person's token; `tq_` lets secret scanners find it. */
export const newPersonToken = (): string => `tq_${randomBytes(32).toString("base64url")}`;

/** 256 random bits as a word. */
export const newSecret = (): string => randomBytes(KEY_BYTES).toString("base64url");

const HEX_PER_BYTE = 2;
/** A new short id, e.g. `t4f0c...`: no secret, only unique within the pool. */
export const newId = (prefix: string, digits = 12): string =>
  prefix + randomBytes(digits / HEX_PER_BYTE).toString("hex");

const folderOf = (dataFolder: string): string => join(dataFolder, "secrets");

function readSecret(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeSecret(path: string, bytes: string | Uint8Array): void {
  // First beside it: a crash in the middle must not leave half a key.
  writeFileSync(`${path}.new`, bytes, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The signing key of the folder, made now if there is none. Refuses STORE_UNWRITABLE. */
export function openKey(dataFolder: string): Outcome<Uint8Array> {
  const folder = folderOf(dataFolder);
  const path = join(folder, "key");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const kept = readSecret(path);
    if (kept?.length === KEY_BYTES) return ok(kept);
    const key = randomBytes(KEY_BYTES);
    writeSecret(path, key);
    return ok(key);
  } catch (error) {
    return unwritable(folder, error);
  }
}

/**
 * The operator's token on this machine: the one in the file, whose hash is journalled if it is
 * not yet, or a new one. Undefined when it was revoked or has expired: whoever wants another one
 * deletes the file. Refuses STORE_UNWRITABLE, and what the journal refuses.
 */
export async function openAdminToken(
  dataFolder: string,
  pump: Pump,
): Promise<Outcome<string | undefined>> {
  const path = join(folderOf(dataFolder), "admin-token");
  let token: string;
  try {
    const kept = readSecret(path)?.toString("utf8").trim() ?? "";
    token = kept.startsWith("tq_") ? kept : newPersonToken();
    if (token !== kept) writeSecret(path, `${token}\n`);
  } catch (error) {
    return unwritable(path, error);
  }
  const hash = sha256(token);
  const known = pump.state.tokens.values().find((one) => one.hash === hash);
  if (known !== undefined) return ok(known.revoked ? undefined : token);
  const issued = await pump.submit({
    type: "issueToken",
    ...{ tokenId: newId("t"), hash, label: "admin", userId: null },
    ...{ scopes: null, kind: "api", expiresAtMs: null },
  });
  return issued.ok ? ok(token) : issued;
}

/** The operator's token of a folder that a leader shares; undefined when it is not good. */
export function readAdminToken(dataFolder: string, state: State): string | undefined {
  const token = readSecret(join(folderOf(dataFolder), "admin-token"))
    ?.toString("utf8")
    .trim();
  if (token === undefined) return undefined;
  const known = state.tokens.get(state.tokenHashes.get(sha256(token)) ?? "");
  return known === undefined || known.revoked ? undefined : token;
}

function unwritable(path: string, error: unknown) {
  const why = error instanceof Error ? error.message : String(error);
  return refuse(
    "STORE_UNWRITABLE",
    `The secrets in ${path} cannot be kept (${why}).`,
    "Check the owner and the free space of the data folder.",
  );
}

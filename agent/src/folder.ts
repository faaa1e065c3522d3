// The agent's data folder: which site this is, its key, and its last calibration. Files are
// replaced as a whole by rename and are readable by their owner only. It leaves the reports to
// outbox.ts and the lock to lock.ts.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Calibration, type Outcome, ok, refuse } from "@tequio/core/pool";
import { PARSERS } from "./parsers.ts";
import { whyOf } from "./say.ts";

/** agent.json: the site that this folder belongs to. */
export interface SiteRecord {
  readonly siteId: string;
  readonly member: string;
  readonly poolId: string;
  /** The address that was joined. */
  readonly poolUrl: string;
  /** SHA-256 of the join token, to know it again; the token itself is not kept. */
  readonly tokenHash: string;
  /** PEM: the pool's own certificate, which the join token vouched for; absent: a public one. */
  readonly certificate?: string;
  /** 1, and one more each time the folder joined again because its site was forgotten. */
  readonly generation: number;
}

/** What is kept of a join token, to know it again. */
export const hashOfToken = (token: string): string =>
  createHash("sha256").update(token).digest("hex");

/** Makes the folder, for its owner only. Refusal: STORE_UNWRITABLE. */
export function prepareFolder(folder: string): Outcome<void> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    return ok(undefined);
  } catch (error) {
    return refuse(
      "STORE_UNWRITABLE",
      `The agent cannot use the folder ${folder} (${whyOf(error)}).`,
      "Give a folder that this user may write with --folder.",
    );
  }
}

/** Replaces a file; after return either the old or the new content survives a power cut. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } catch {
    // Some systems cannot sync a folder; the rename itself is atomic there too.
  } finally {
    closeSync(folder);
  }
}

/** Text of a file; undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

const SITE_FILE = "agent.json";

/** The folder's site, if it has joined. Refusal: WRONG_STATE when the file is damaged. */
export function readSite(folder: string): Outcome<SiteRecord | undefined> {
  const path = join(folder, SITE_FILE);
  const text = readIfThere(path);
  if (text === undefined) return ok(undefined);
  try {
    const data = JSON.parse(text) as Partial<Record<keyof SiteRecord, unknown>>;
    const words = [data.siteId, data.member, data.poolId, data.poolUrl, data.tokenHash];
    if (words.every((word) => typeof word === "string") && Number.isInteger(data.generation)) {
      return ok(data as SiteRecord);
    }
  } catch {
    // Falls through: text that is not JSON gets the same answer as JSON of another shape.
  }
  const hint = "Move the folder away and join again with a new token from the pool's operator.";
  return refuse("WRONG_STATE", `${path} is damaged.`, hint);
}

/** Keeps which site the folder is. Throws what the file system throws. */
export const writeSite = (folder: string, site: SiteRecord): void =>
  replaceFile(join(folder, SITE_FILE), `${JSON.stringify(site, undefined, 2)}\n`);

/** The site's Ed25519 key; made at the first call. */
export function readOrMakeKey(folder: string): KeyObject {
  const path = join(folder, "key.pem");
  const text = readIfThere(path);
  if (text !== undefined) {
    chmodSync(path, 0o600);
    return createPrivateKey(text);
  }
  const { privateKey } = generateKeyPairSync("ed25519");
  replaceFile(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  return privateKey;
}

/** The public half as the pool wants it: SPKI, DER, base64. */
export const publicKeyOf = (key: KeyObject): string =>
  createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");

export interface KeptCalibration {
  /** Another site of this folder, of another pool, had another link. */
  readonly siteId: string;
  /** Wall clock; a wrong one only makes the next measuring come early or late. */
  readonly measuredAtMs: number;
  readonly calibration: Calibration;
}

const CALIBRATION_FILE = "calibration.json";

/** The last calibration of a site; undefined when there is none that can be read. */
export function readCalibration(folder: string, siteId: string): KeptCalibration | undefined {
  try {
    const text = readIfThere(join(folder, CALIBRATION_FILE));
    if (text === undefined) return undefined;
    const data = JSON.parse(text) as Partial<Record<keyof KeptCalibration, unknown>>;
    const calibration = PARSERS.calibration(data.calibration);
    if (calibration === undefined || typeof data.measuredAtMs !== "number") return undefined;
    if (data.siteId !== siteId) return undefined;
    return { siteId, measuredAtMs: data.measuredAtMs, calibration };
  } catch {
    return undefined; // It is only a saved effort: a damaged file is measured anew.
  }
}

/** Keeps a calibration for the next start. Throws what the file system throws. */
export const writeCalibration = (folder: string, kept: KeptCalibration): void =>
  replaceFile(join(folder, CALIBRATION_FILE), `${JSON.stringify(kept)}\n`);

// `tequio lineage verify FILE`: whether a model's card is what a pool has signed. It asks no pool:
// the card, its key and the signature are in the file.
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { lineageBytes, parseWith, SignedLineage } from "@tequio/contract";
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { lineageText } from "../lineage-view.ts";
import { writeJson } from "../report.ts";
import { type Shell, type Trouble, usage, type VerbEnd } from "../verb.ts";

const ID_DIGITS = 16;

/** Adds `verify` to `tequio lineage`. */
export function define(command: Command, shell: Shell): void {
  const sub = command
    .command("verify")
    .summary("Check a card's signature, offline")
    .argument("<file>", "A card that `tequio run ID lineage -o FILE` wrote")
    .addOption(new Option("--key <id>", "Id of the key that must have signed it"))
    .action(
      shell.act(async (file: string) => verifyFile(file, sub.opts<{ key?: string }>().key, shell)),
    );
}

function verifyFile(file: string, wanted: string | undefined, shell: Shell): VerbEnd {
  const read = readCard(resolve(shell.terminal.cwd, file));
  if ("code" in read) return read;
  const no = (message: string): VerbEnd => {
    if (shell.globals().json) {
      writeJson(shell.terminal, { valid: false, why: message });
      return EXIT.FAILED;
    }
    return { code: "LINEAGE_INVALID", message, hint: "Ask whoever gave you the card for another." };
  };
  const key = publicKey(read.publicKey);
  if (key === undefined) return no("Its public key cannot be read.");
  if (keyIdOf(key) !== read.keyId) return no("It names another key than the one it carries.");
  if (wanted !== undefined && wanted !== read.keyId) {
    return no(`It is signed with key ${read.keyId}, not ${wanted}.`);
  }
  const signature = Buffer.from(read.signature, "base64");
  if (!verify(null, lineageBytes(read.card), key, signature)) {
    return no("The card was changed after it was signed, or was never signed with this key.");
  }
  const { terminal } = shell;
  if (shell.globals().json) return void writeJson(terminal, { valid: true, ...read });
  lineageText(terminal, read);
  const sure = wanted === undefined ? " Compare the key's id with the one the pool tells you." : "";
  terminal.out(`\nThe signature of key ${read.keyId} is good.${sure}\n`);
  return undefined;
}

function readCard(path: string): SignedLineage | Trouble {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return usage(`${path} cannot be read (${why}).`, "Give a card in JSON.");
  }
  const parsed = parseWith(SignedLineage, data);
  if (parsed.ok) return parsed.value;
  const { message } = parsed;
  return { code: "LINEAGE_INVALID", message, hint: "Give a card that a pool has written." };
}

function publicKey(base64: string): KeyObject | undefined {
  try {
    const key = createPublicKey({
      ...{ key: Buffer.from(base64, "base64"), format: "der", type: "spki" },
    });
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

const keyIdOf = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest("hex")
    .slice(0, ID_DIGITS);

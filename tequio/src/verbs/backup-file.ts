// A backup as one file: the folder of a backup, packed by the system's own `tar` and whole or not
// there. What lies in it is decided in backup.ts.
import { spawn } from "node:child_process";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

/** Characters of tar's complaint that are shown. */
const COMPLAINT_CHARS_MAX = 300;

/** True for a path that means one file and no folder. */
export const isBackupFile = (path: string): boolean => /\.(?:tar|tar\.gz|tgz)$/i.test(path);

const isZipped = (path: string): boolean => /gz$/i.test(path);

/** Packs a folder into a new file that only its owner can read. Refuses STORE_NOT_EMPTY,
 * STORE_UNWRITABLE. */
export async function packFolder(folder: string, file: string): Promise<Outcome<undefined>> {
  if (existsSync(file)) return taken(file);
  const unfinished = `${file}.new`;
  let handle: number;
  try {
    handle = openSync(unfinished, "w", 0o600);
  } catch (error) {
    return unusable(file, String(error));
  }
  try {
    const why = await tar(["-c", ...(isZipped(file) ? ["-z"] : []), "-C", folder, "."], handle);
    if (why !== undefined) return unusable(file, why);
    fsyncSync(handle);
    renameSync(unfinished, file);
    return ok(undefined);
  } finally {
    closeSync(handle);
    rmSync(unfinished, { force: true });
  }
}

/** Unpacks a file into a new folder. Refuses NOT_FOUND, STORE_UNWRITABLE. */
export async function unpackFile(file: string, folder: string): Promise<Outcome<undefined>> {
  if (!existsSync(file)) {
    return refuse("NOT_FOUND", `There is no ${file}.`, "Give the file that `tequio backup` made.");
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const why = await tar(["-x", ...(isZipped(file) ? ["-z"] : []), "-f", file, "-C", folder]);
  return why === undefined ? ok(undefined) : unusable(file, why);
}

/** For a file that is there already. */
export const taken = (file: string) =>
  refuse("STORE_NOT_EMPTY", `${file} is there already.`, "Give another name; nothing was changed.");

const unusable = (file: string, why: string) =>
  refuse(
    "STORE_UNWRITABLE",
    `${file} cannot be packed or unpacked: ${why.slice(0, COMPLAINT_CHARS_MAX)}.`,
    "Check the disk and that `tar` is installed, or use a folder as the backup.",
  );

/** Runs tar; gives its complaint when it failed. */
function tar(words: readonly string[], out?: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("tar", [...words], { stdio: ["ignore", out ?? "ignore", "pipe"] });
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => resolve(code === 0 ? undefined : complaint.trim() || `${code}`));
  });
}

// Files that are whole or not there: written beside their place, synced, renamed, and the folder
// synced, so that neither a crash nor a full disk leaves half a file under a real name.

import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Refusal } from "@tequio/core/pool";
import { storeFull, storeUnwritable } from "../refusals.ts";

/** The disk, a quota or a file size limit is used up. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The name that Node gives a failure, such as that of a full disk; nothing for other errors. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;

/** What a failed file operation means to the user. Throws what is not the file system's doing. */
export function fileTrouble(error: unknown, what: string): Refusal {
  const code = errnoOf(error);
  if (code === undefined || !(error instanceof Error) || !("syscall" in error)) throw error;
  if (FULL.has(code)) return storeFull(what);
  return storeUnwritable(`Writing ${what} failed: ${error.message}.`);
}

/** Makes renames and new names in the folder survive a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; its file systems journal their names by themselves.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder and those above it, each name durable in the folder that holds it. */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  const topmost = await mkdir(path, { recursive: true });
  if (topmost === undefined) return;
  for (let made = path; made.length >= topmost.length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

/** Writes all bytes at `position`; a single write may take fewer than it was given. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Gives a whole, synced file its real name. */
export async function publish(temp: string, path: string): Promise<void> {
  await makeFolder(dirname(path));
  await rename(temp, path);
  await syncFolder(dirname(path));
}

/** Removes files whose name ends in `suffix`; gives their number. */
export async function removeBySuffix(folder: string, suffix: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  for (const name of names) await rm(join(folder, name), { force: true });
  return names.length;
}

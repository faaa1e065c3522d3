// Puts the folder of a lease in place and starts its supervisor process; and removes the folder in
// the end. It leaves to the engine whether that may be done.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { getCompileCacheDir } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { keptEnvironment } from "./environment.ts";
import {
  type LeaseRecord,
  leaseFile,
  leaseFolder,
  leasesFolder,
  makeFolder,
  shimLogFile,
  writeRecord,
} from "./records.ts";

/** The supervisor's file lies beside this one, as source or as built JavaScript. */
const SHIM = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./shim.ts" : "./shim.js", import.meta.url),
);

/** There is one supervisor a lease, and it mostly waits: its garbage fits into 1 MiB. */
const SHIM_FLAGS = ["--max-semi-space-size=1"];

/** What a supervisor gets beside the harmless part of the environment; its tasks do not get it.
 * What was compiled once is not compiled for every lease: without that a supervisor takes 95 MB
 * instead of 50, and starts in twice the time. */
function shimEnvironment(): Record<string, string> {
  const compiled = getCompileCacheDir();
  return {
    ...keptEnvironment(process.env),
    MALLOC_ARENA_MAX: "1",
    // Node puts a folder for its own version below the one that it is given.
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
  };
}

/** Creates the folder of a lease, whole: a reader never sees half of one. */
export function createLeaseFolder(folder: string, record: LeaseRecord): void {
  const draft = join(leasesFolder(folder), `.new-${record.leaseId}`);
  rmSync(draft, { recursive: true, force: true });
  makeFolder(draft);
  writeRecord(leaseFile(draft), record, true);
  renameSync(draft, leaseFolder(folder, record.leaseId));
}

/** Removes the folder of a lease; from the first moment it is not listed any more. */
export function removeLeaseFolder(folder: string, leaseId: string): void {
  const lease = leaseFolder(folder, leaseId);
  const gone = join(leasesFolder(folder), `.gone-${leaseId}`);
  if (existsSync(lease)) renameSync(lease, gone);
  removeQuietly(gone);
}

/** A job may have left folders that even their owner cannot empty; the next start tries again. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // It has a name that is never listed.
  }
}

/**
 * Starts the supervisor of a lease and gives it the secrets of its tasks; settles when it has
 * them, or has ended. `onEnd` tells the end of the process, if this process lives to see it.
 */
export function startShim(
  folder: string,
  leaseId: string,
  secretEnv: readonly Readonly<Record<string, string>>[],
  onEnd: () => void,
): Promise<void> {
  const lease = leaseFolder(folder, leaseId);
  const log = openSync(shimLogFile(lease), "a", 0o600);
  const child = spawn(process.execPath, [...SHIM_FLAGS, SHIM, lease], {
    cwd: folder,
    detached: true,
    env: shimEnvironment(),
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  child.unref();
  return new Promise((settle) => {
    const ended = (): void => {
      onEnd();
      settle();
    };
    child.once("error", ended);
    child.once("exit", ended);
    child.stdin?.on("error", () => undefined); // it died at once; `exit` tells
    child.stdin?.end(JSON.stringify({ secretEnv }), () => settle());
  });
}

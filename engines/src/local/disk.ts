// Watches how much a lease's work folder takes on the disk. The kernel has no quota for a folder
// that works everywhere and without root, so what is used is counted from time to time: a job can
// go beyond its limit for as long as one look and the rest after it take.
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Code } from "@tequio/core/pool";

/** Between two looks at a small folder. */
const LOOK_EVERY_MS = 1_000;
/** Rest after a look, in times what the look took: a million files must not cost a processor. */
const REST_PER_LOOK = 10;
/** `stat` counts in blocks of 512 bytes, whatever the file system does. */
const BLOCK_BYTES = 512;
const MIB = 1_048_576;

/** How the message of a lease begins that filled its disk; a code, so that programs find it. */
export const OUT_OF_DISK: Code = "OUT_OF_DISK";

/** Bytes that everything below a folder takes on the disk; stops counting above `enough`. A file
 * with several names counts for each, and what is gone or closed to us counts as nothing. */
export async function usedBytes(folder: string, enough: number): Promise<number> {
  let used = 0;
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined && used <= enough; next = folders.pop()) {
    const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) folders.push(path);
      used += await lstat(path).then(
        ({ blocks }) => blocks * BLOCK_BYTES,
        () => 0,
      );
      if (used > enough) break;
    }
  }
  return used;
}

/** Calls `onOver` once, with what to tell, when the folder has grown beyond the limit. */
export function watchDisk(folder: string, diskMiB: number, onOver: (why: string) => void): void {
  const look = async (): Promise<void> => {
    const startMs = performance.now();
    const used = await usedBytes(folder, diskMiB * MIB);
    if (used > diskMiB * MIB) {
      onOver(`${OUT_OF_DISK}: The tasks here wrote more than their ${diskMiB} MiB.`);
      return;
    }
    const restMs = Math.max(LOOK_EVERY_MS, (performance.now() - startMs) * REST_PER_LOOK);
    again(restMs);
  };
  // It ends with the supervisor, and never keeps it alive.
  const again = (afterMs: number): void => {
    setTimeout(() => void look(), afterMs).unref();
  };
  again(LOOK_EVERY_MS);
}

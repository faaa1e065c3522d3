// Carries what a task writes into its log file, up to a limit, and counts what is beyond.
// A task that floods its log goes on, but slower: it must not eat the processor or the disk of
// the member who lends them. It leaves reading logs to the engine.
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** Room for the line that marks the cut, so that the file stays within its limit with it. */
const CUT_LINE_BYTES_MAX = 256;
/** Beyond the limit a task may write 1 MiB in 20 ms, 50 MB/s: that costs us 2 % of a core. */
const THROWN_BYTES_PER_WINDOW = 1_048_576;
const THROW_WINDOW_MS = 20;

/** One task's log while it is written. */
export interface TaskLog {
  /** Bytes beyond the limit, or that the disk did not take. */
  readonly droppedBytes: () => number;
  /** Adds a line of Tequio's own. */
  readonly note: (line: string) => void;
  /** Reads the stream into the file until it ends. */
  readonly follow: (source: Readable) => Promise<void>;
  readonly close: () => void;
}

/** Opens (creates, or continues) the log file at `path`, which may grow to `bytesMax`. */
export function openTaskLog(path: string, bytesMax: number): TaskLog {
  const file = openSync(path, "a", 0o600);
  let room = Math.max(0, bytesMax - CUT_LINE_BYTES_MAX);
  let dropped = 0;
  let cut = false;

  const put = (bytes: Buffer): void => {
    const kept = bytes.subarray(0, room);
    try {
      if (kept.length > 0) writeSync(file, kept);
      room -= kept.length;
      dropped += bytes.length - kept.length;
    } catch {
      dropped += bytes.length; // a full disk loses the log, not the job
    }
    if (dropped > 0 && !cut) {
      cut = true;
      writeQuietly(
        file,
        `\n[tequio] The log is cut here at ${bytesMax} bytes; the task goes on.\n`,
      );
    }
  };
  const follow = (source: Readable): Promise<void> => {
    let thrownInWindow = 0;
    let windowOpen = false;
    const openWindow = (): void => {
      windowOpen = true;
      setTimeout(() => {
        windowOpen = false;
        thrownInWindow = 0;
        source.resume();
      }, THROW_WINDOW_MS);
    };
    source.on("data", (bytes: Buffer) => {
      put(bytes);
      if (!cut) return;
      if (!windowOpen) openWindow();
      thrownInWindow += bytes.length;
      if (thrownInWindow > THROWN_BYTES_PER_WINDOW) source.pause();
    });
    return new Promise((resolve) => {
      source.once("close", resolve);
      source.once("error", () => resolve());
    });
  };
  return {
    droppedBytes: () => dropped,
    note: (line) => put(Buffer.from(`[tequio] ${line}\n`)),
    follow,
    close: () => closeSync(file),
  };
}

function writeQuietly(file: number, text: string): void {
  try {
    writeSync(file, text);
  } catch {
    // The disk is full; the count of dropped bytes tells it instead.
  }
}

/** Both ends of a pipe. */
export interface PipeEnds {
  readonly source: Socket;
  /** For stdout and stderr of a task; close it here once the task has it. */
  readonly writeEnd: number;
}

/**
 * Makes a pipe by way of a named one, which is gone again at once. What Node itself offers to a
 * child is a socket: on it `echo > /dev/stderr` fails, and stdout and stderr lose their order.
 * Undefined where the file system has no named pipes.
 */
export function makePipe(folder: string, name: string): PipeEnds | undefined {
  const path = join(folder, `.pipe-${name}`);
  try {
    execFileSync("mkfifo", ["-m", "600", path], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  try {
    // Without O_NONBLOCK the first open would wait for the other end.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeEnd = openSync(path, constants.O_WRONLY);
    return { source: new Socket({ fd: readEnd, readable: true, writable: false }), writeEnd };
  } finally {
    rmSync(path, { force: true });
  }
}

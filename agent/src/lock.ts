// One agent a folder: a lock file that names the process. A lock whose process is gone is taken
// over; a process is known by its number and its start time, because numbers are used again.
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { readIfThere } from "./folder.ts";

interface Holder {
  readonly pid: number;
  /** As the system writes it; empty where it cannot be read, then only the number counts. */
  readonly startedAt: string;
  /** Tells two agents of one process apart. */
  readonly word: string;
}

/** Takes the folder's lock; the value gives it back. Refusal: WRONG_STATE. */
export function takeLock(folder: string): Outcome<() => void> {
  const path = join(folder, "agent.lock");
  const mine = `${path}.${randomUUID()}`;
  const holder: Holder = {
    pid: process.pid,
    startedAt: startTimeOf(process.pid),
    word: randomUUID(),
  };
  const text = JSON.stringify(holder);
  writeFileSync(mine, text, { mode: 0o600 });
  try {
    // A link appears with its content, so nobody ever reads half a lock.
    while (!linked(mine, path)) {
      const other = readIfThere(path);
      if (other !== undefined && isLive(other)) return busy(folder, other);
      if (other !== undefined) removeStale(path, other);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return ok(() => {
    if (readIfThere(path) === text) rmSync(path, { force: true });
  });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

/** Moves a stale lock away. If another agent took the lock meanwhile, that one is put back. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Another agent was faster; the caller looks again.
  }
  if (readFileSync(aside, "utf8") !== stale) linked(aside, path);
  rmSync(aside, { force: true });
}

function parse(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

function isLive(text: string): boolean {
  const holder = parse(text);
  if (holder === undefined || !Number.isInteger(holder.pid)) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: the process lives and belongs to another user.
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  return startTimeOf(holder.pid) === holder.startedAt;
}

/** Field 22 of /proc/<pid>/stat, see proc_pid_stat(5); empty on systems without it. */
function startTimeOf(pid: number): string {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === "Z" ? "ended" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

const busy = (folder: string, other: string) =>
  refuse(
    "WRONG_STATE",
    `An agent already runs on the folder ${folder} (process ${parse(other)?.pid}).`,
    "Stop that agent first, or give this one its own folder with --folder.",
  );

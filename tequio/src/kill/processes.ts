// Which processes belong to a run, seen from outside: any whose arguments, environment or working
// folder name the run's folder. Linux only, like the test itself.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

function mentions(pid: number, folder: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(folder)) return true;
    if (readFileSync(`/proc/${pid}/environ`, "latin1").includes(folder)) return true;
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false; // gone meanwhile
  }
}

const isZombie = (pid: number): boolean => {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "latin1");
    return line.slice(line.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return true;
  }
};

/** Numbers of the live processes that belong to a folder, this one not counted. */
export function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 0 && pid !== process.pid)
    .filter((pid) => mentions(pid, folder) && !isZombie(pid));
}

/** What a process was started as, for a message. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
  } catch {
    return "(gone)";
  }
}

/** Sends a signal; false when the process is gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Kills everything that belongs to a folder, and what it starts meanwhile. */
export function killAllOf(folder: string): void {
  for (let left = processesOf(folder); left.length > 0; left = processesOf(folder)) {
    for (const pid of left) signal(pid, "SIGKILL");
  }
}

/** Supervisors of leases: the processes whose script is the local engine's shim. */
export const supervisorsOf = (folder: string): readonly number[] =>
  processesOf(folder).filter((pid) => /\bshim\.[jt]s\b/.test(commandOf(pid)));

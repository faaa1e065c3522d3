// Processes of this machine: who lives, who belongs to whom, how much processor time they used.
// Linux tells it in /proc, other Unix systems by `ps`. It leaves to others what to do about it.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process for good: a number alone is given again to another process some day. */
export interface ProcessId {
  readonly pid: number;
  /** Start time as the system writes it; only compared for equality. */
  readonly startedAt: string;
}

export interface ProcessRow extends ProcessId {
  readonly parentPid: number;
  readonly group: number;
  readonly session: number;
  /** Ended, but not yet waited for. */
  readonly zombie: boolean;
  /** Processor time of all its threads. */
  readonly ownMs: number;
  /** Processor time of its ended children that it has waited for, with theirs. */
  readonly waitedMs: number;
}

/** /proc counts in ticks of 10 ms on every Linux architecture (USER_HZ is 100). */
const TICK_MS = 10;

const hasProc = existsSync("/proc/self/stat");

/** One line of /proc/<pid>/stat; see proc_pid_stat(5). Undefined when it is not one. */
export function parseStat(line: string): ProcessRow | undefined {
  // The name stands in brackets and may itself hold brackets and spaces.
  const nameEnd = line.lastIndexOf(")");
  const pid = Number.parseInt(line, 10);
  if (nameEnd < 0 || !Number.isInteger(pid)) return undefined;
  const fields = line.slice(nameEnd + 2).split(" ");
  const number = (index: number): number => Number(fields[index] ?? 0);
  return {
    pid,
    startedAt: fields[19] ?? "",
    parentPid: number(1),
    group: number(2),
    session: number(3),
    zombie: fields[0] === "Z" || fields[0] === "X",
    ownMs: (number(11) + number(12)) * TICK_MS,
    waitedMs: (number(13) + number(14)) * TICK_MS,
  };
}

/** Milliseconds of `[[days-]hours:]minutes:seconds[.fraction]`, as `ps` writes times. */
export function parsePsTime(text: string): number {
  const [days, clock] = text.includes("-") ? text.split("-", 2) : ["0", text];
  const seconds = (clock ?? "").split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1_000);
}

/** Rows of `ps -axo pid=,ppid=,pgid=,stat=,time=,lstart=`; lines of another shape are left out. */
export function parsePs(output: string): readonly ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const line of output.split("\n")) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d:.-]+)\s+(.+?)\s*$/.exec(line);
    if (match === null) continue;
    rows.push({
      pid: Number(match[1]),
      parentPid: Number(match[2]),
      group: Number(match[3]),
      session: 0, // ps has no portable word for it
      zombie: match[4]?.startsWith("Z") ?? false,
      ownMs: parsePsTime(match[5] ?? "0"),
      waitedMs: 0,
      startedAt: match[6] ?? "",
    });
  }
  return rows;
}

function runPs(selection: readonly string[]): readonly ProcessRow[] {
  try {
    const columns = "pid=,ppid=,pgid=,stat=,time=,lstart=";
    // In the C locale dates are the same for every reader.
    const env = { ...process.env, LC_ALL: "C" };
    const output = execFileSync("ps", [...selection, "-o", columns], {
      encoding: "utf8",
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return parsePs(output);
  } catch {
    return []; // ps answers with an error when it has nothing to show
  }
}

/** One process, or undefined when it is gone. */
export function readProcess(pid: number): ProcessRow | undefined {
  if (!hasProc) return runPs(["-p", String(pid)])[0];
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** All processes that this user can see. */
export function readProcesses(): readonly ProcessRow[] {
  if (!hasProc) return runPs(["-ax"]);
  const rows: ProcessRow[] = [];
  for (const name of readdirSync("/proc")) {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const row = readProcess(Number(name));
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

/** The lasting identity of a process, or undefined when it is gone. */
export function identify(pid: number): ProcessId | undefined {
  const row = readProcess(pid);
  return row === undefined ? undefined : { pid, startedAt: row.startedAt };
}

/** Whether this very process still runs. */
export function isAlive(id: ProcessId): boolean {
  const row = readProcess(id.pid);
  return row !== undefined && !row.zombie && row.startedAt === id.startedAt;
}

/** Changes with every start of the machine; where the system has none, all starts look alike. */
export function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "one-boot";
  }
}

/** Whether a process was started with this environment variable. Only Linux can tell. */
export function startedWith(pid: number, name: string, value: string): boolean {
  if (!hasProc) return false;
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, "latin1")}`;
    return environment.includes(`\0${name}=${value}\0`);
  } catch {
    return false; // gone, or another user's
  }
}

/** Sends a signal to a process (or with a negative number to its group); false when it is gone. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

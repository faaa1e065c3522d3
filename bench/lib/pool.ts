// A control plane for a benchmark: the real program in a process of its own, with its SQLite store
// in a folder on disk, ended and removed afterwards. Processor time and memory are read of it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, makeClient } from "@tequio/contract";

/** Clock ticks a second in /proc: fixed at 100 in every Linux user interface. */
const TICKS_PER_SECOND = 100;
/** Starting takes a second; a folder with a million jobs takes longer. */
const STOP_MS = 60_000;

export interface BenchPool {
  readonly url: string;
  readonly token: string;
  readonly client: Client;
  readonly pid: number;
  readonly folder: string;
  /** Processor seconds that the process has used, in user and kernel; NaN where /proc is not. */
  readonly cpuSeconds: () => number;
  /** Resident bytes now; NaN where /proc is not. */
  readonly residentBytes: () => number;
  /** Stops it in order; `keep` leaves the folder for another start. */
  readonly stop: (keep?: "keep") => Promise<void>;
  /** Ends it at once, as a power cut does; the folder stays. */
  readonly kill: () => Promise<void>;
}

/** Starts `tequio up` without a member of its own, in `folder` or a new one. */
export async function startPool(
  folder = mkdtempSync(join(tmpdir(), "tequio-bench-")),
  nodeFlags: readonly string[] = [],
): Promise<BenchPool> {
  const main = fileURLToPath(import.meta.resolve("tequio/bin/tequio.js"));
  const data = join(folder, "pool");
  // A benchmark that is killed leaves no control plane behind.
  const flags = ["up", "--data", data, "--port", "0", "--no-member", "--no-open"];
  flags.push("--end-with-stdin");
  const child = spawn(process.execPath, [...nodeFlags, main, "--json", ...flags], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, XDG_CONFIG_HOME: join(folder, "home") },
  });
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  const { url, token } = await readyLine(child);
  const pid = child.pid!;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(late);
  };
  return {
    ...{ url, token, pid, folder, client: makeClient({ url, token }) },
    cpuSeconds: () => cpuSecondsOf(pid),
    residentBytes: () => residentBytesOf(pid),
    async stop(keep) {
      await end("SIGTERM");
      if (keep === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
    kill: () => end("SIGKILL"),
  };
}

function readyLine(child: ChildProcess): Promise<{ url: string; token: string }> {
  return new Promise((resolve, reject) => {
    let out = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      const line = out.split("\n").find((one) => one.startsWith("{") && one.endsWith("}"));
      if (line !== undefined) resolve(JSON.parse(line) as { url: string; token: string });
    });
    child.once("exit", (code) => reject(new Error(`tequio up ended with code ${code}: ${out}`)));
  });
}

/** Processor seconds of a process, from /proc/PID/stat (fields utime and stime). */
export function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

/** Resident bytes of a process and of all that it has started and they have started, from /proc.
 * Pages that they share count for each of them. */
export function residentBytesOfTree(pid: number): number {
  let children: readonly number[] = [];
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    children = text.split(" ").filter(Boolean).map(Number);
  } catch {
    // It ended, or there is no /proc: its own figure tells.
  }
  return children.reduce((sum, child) => sum + residentBytesOfTree(child), residentBytesOf(pid));
}

/** Resident bytes of a process, from /proc/PID/status. */
export function residentBytesOf(pid: number): number {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib) * 1_024;
  } catch {
    return Number.NaN;
  }
}

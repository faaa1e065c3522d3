// The four members of the demonstration and the processes that play them: unequal for real, by a
// CPU limit on their jobs and a slow link for one of them. The pool is told none of it.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { LinkShape } from "./relay.ts";

export interface DemoMember {
  readonly name: string;
  /** Cores for its jobs. */
  readonly cpuShare: number;
  readonly link?: LinkShape;
  /** Shares of the training time after which it goes away and is back. */
  readonly away?: { readonly from: number; readonly to: number };
}

/** Cores of the fastest: with half, a quarter and an eighth of it the members take 1.6 cores, so
 * that the control plane and the supervisors still fit into two. */
const FULL_SPEED = 0.85;

/** Speeds 1 : 1/2 : 1/4 : 1/8. */
export const DEMO_MEMBERS: readonly DemoMember[] = [
  { name: "uni-lab", cpuShare: FULL_SPEED },
  { name: "startup", cpuShare: FULL_SPEED / 2 },
  // 80 ms there and back, 50 Mbit/s.
  { name: "hospital", cpuShare: FULL_SPEED / 4, link: { oneWayDelayMs: 40, mbitPerS: 50 } },
  { name: "attic", cpuShare: FULL_SPEED / 8, away: { from: 0.4, to: 0.6 } },
];

/** A stopped child that has not gone after this is killed. */
const STOP_MS = 15_000;

export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves with the first line of JSON that the child prints; rejects when it ends before. */
  readonly ready: Promise<Record<string, unknown>>;
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

/**
 * Starts `tequio ARGS` as a process of its own. It ends when its standard input does, so nothing
 * is left when this process dies, however it dies.
 */
export function startChild(name: string, args: readonly string[], logFolder: string): Child {
  mkdirSync(logFolder, { recursive: true });
  const log = createWriteStream(join(logFolder, `${name}.log`), { flags: "a" });
  const main = new URL("../main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, ...args, "--end-with-stdin"], {
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: Ctrl-C in the terminal reaches the parent alone, which stops in order.
    detached: true,
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  child.stdin.on("error", () => {});
  child.stderr.pipe(log);
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    let head = "";
    child.stdout.on("data", (chunk: Buffer) => {
      log.write(chunk);
      head = (head + chunk.toString()).slice(-65_536);
      const line = head.split("\n").find((one) => one.startsWith("{") && one.endsWith("}"));
      if (line !== undefined) resolve(JSON.parse(line) as Record<string, unknown>);
    });
    void ended.then((code) => reject(new Error(`${name} ended with code ${code} at its start`)));
  });
  ready.catch(() => {});
  return { name, process: child, ready, ended, stop: () => stopChild(child, ended) };
}

async function stopChild(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timer);
}

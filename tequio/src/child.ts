// Starts Tequio's own program as a child process, as a user would, for what tries it out as a
// whole: the tests with real processes and the kill test. Its end is left to whoever started it.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const MAIN = new URL("./main.ts", import.meta.url).pathname;

export interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** Everything that it wrote to standard error so far. */
  errors(): string;
  /** The first line of JSON on standard output. */
  readonly line: Promise<Record<string, unknown>>;
}

/** Starts `tequio ARGS`; `home` keeps its context file out of the user's; `given` goes over the
 * environment. */
export function startTequio(
  home: string,
  args: readonly string[],
  given: Readonly<Record<string, string>> = {},
): Process {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, XDG_CONFIG_HOME: home, NO_COLOR: "1", ...given },
  });
  child.stdin.on("error", () => {});
  let errors = "";
  let out = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<number | null>((done) => child.once("exit", (code) => done(code)));
  const line = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      const found = out.split("\n").find((one) => one.startsWith("{") && one.endsWith("}"));
      if (found !== undefined) resolve(JSON.parse(found) as Record<string, unknown>);
    });
    void ended.then((code) => reject(new Error(`ended with ${code} before a line: ${errors}`)));
  });
  line.catch(() => {});
  return { child, ended, errors: () => errors, line };
}

/** Waits until `done` gives a value; fails after `ms`. */
export async function until<T>(
  what: string,
  done: () => Promise<T | undefined | false>,
  ms = 30_000,
): Promise<T> {
  const endMs = performance.now() + ms;
  for (;;) {
    const value = await done();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`waited ${ms} ms for: ${what}`);
    await sleep(100);
  }
}

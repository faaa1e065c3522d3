// Opens and closes the star of slow links (star.py).
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Setting } from "./setting.ts";

export interface Star {
  close(): Promise<void>;
}

/** Longest wait for the namespaces. */
const OPEN_MS = 20_000;

/** Throws when the namespaces cannot be made: it needs Linux and root. */
export async function openStar({ python, speeds, delayMs, mbitPerS }: Setting): Promise<Star> {
  const program = new URL("./star.py", import.meta.url).pathname;
  const args = [program, "tq", String(speeds.length), String(delayMs), String(mbitPerS)];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const up = once(child.stdout, "data", { signal: AbortSignal.timeout(OPEN_MS) });
  const first = await Promise.race([up, ended]);
  if (!Buffer.isBuffer(first[0])) {
    throw new Error("the links between namespaces could not be made; they need Linux and root");
  }
  return {
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

// Starts and kills the child process of the SQLite store's tests.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

export interface Running {
  readonly pid: number;
  /** Everything it has said, also after its end. */
  lines(): readonly string[];
  /** Resolves when it has said so many lines; rejects when it ends before that. */
  said(count: number): Promise<void>;
  /** Kills it without warning and waits for its end. */
  kill(): Promise<void>;
  ended(): Promise<number | null>;
}

/** Runs the child in a mode on a folder, behind the words of `through` (a shell, a sandbox). */
export function startChild(mode: string, folder: string, through: readonly string[] = []): Running {
  const words = [...through, process.execPath, CHILD, mode, folder];
  const child: ChildProcess = spawn(words[0]!, words.slice(1), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    child.emit("said");
  });
  const lines = () => text.split("\n").slice(0, -1);
  return {
    pid: child.pid ?? 0,
    lines,
    async said(count) {
      const ended = closed.then(() => {
        if (lines().length < count) throw new Error(`the child ended early: ${text}`);
      });
      while (lines().length < count) await Promise.race([once(child, "said"), ended]);
    },
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
    async ended() {
      await closed;
      return child.exitCode;
    },
  };
}

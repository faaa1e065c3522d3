// What the jobs themselves wrote down, read back: which attempt lived from when until when, known
// without the pool. It leaves to check.ts what that means.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One process that ran as an attempt of a job. Times are on the machine's monotonic clock. */
export interface Attempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly pid: number;
  /** Start of the process, to 10 ms. */
  readonly begunMs: number;
  /** The last moment at which it is known to have lived, to 10 ms. */
  readonly lastMs: number;
  /** It reached its own end. */
  readonly finished: boolean;
}

/** /proc counts in hundredths of a second. */
const TICK_MS = 10;
const LINE = /^(start|tick|end) (\S+) (\d+) (\d+) (\d+) (\d+)$/;

/** Attempts in one evidence file, in the order in which they began. Throws on a torn line. */
export function parseEvidence(text: string): readonly Attempt[] {
  const attempts = new Map<string, Attempt>();
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const match = LINE.exec(line);
    if (match === null) throw new Error(`not a line of evidence: \`${line}\``);
    const [word, jobId, attempt, pid, begun, now] = match.slice(1) as [string, ...string[]];
    const begunMs = Number(begun) * TICK_MS;
    const key = `${pid}@${begunMs}`;
    attempts.set(key, {
      jobId: jobId!,
      attempt: Number(attempt),
      pid: Number(pid),
      begunMs,
      lastMs: Number(now) * TICK_MS,
      finished: word === "end",
    });
  }
  return [...attempts.values()].sort((a, b) => a.begunMs - b.begunMs);
}

/** All attempts in a folder of evidence files. */
export const readEvidence = (folder: string): readonly Attempt[] =>
  readdirSync(folder).flatMap((name) => parseEvidence(readFileSync(join(folder, name), "utf8")));

// What every benchmark does with its figures: print one JSON line, and keep it with the machine
// and the commit in bench/results/.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import os from "node:os";

export interface Figure {
  readonly claim: string;
  readonly value: number;
  readonly unit: string;
  /** What the value must reach, as text, e.g. `< 1`. */
  readonly bar: string;
  /** The peer or bound measured in the same run, with its figure. */
  readonly peer: unknown;
  readonly details?: unknown;
}

/** Prints the figure and appends it to `bench/results/NAME.jsonl`. */
export function record(name: string, figure: Figure): void {
  const machine = `${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, Node ${process.version}`;
  const line = { ...figure, machine, commit: commit(), at: new Date().toISOString() };
  console.log(JSON.stringify(line));
  const folder = new URL("./results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  appendFileSync(new URL(`${name}.jsonl`, folder), `${JSON.stringify(line)}\n`);
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

// How the state of a job is written and coloured wherever it is shown.
import type { JobView } from "@tequio/contract";
import { green, red, yellow } from "./report.ts";
import type { Terminal } from "./terminal.ts";

type Shown = Pick<JobView, "state" | "outcome" | "exitCode">;

/** `running`, `completed`, `failed (3)`. */
export function stateText({ state, outcome, exitCode }: Shown): string {
  if (state !== "ended") return state;
  const code = exitCode == null || exitCode === 0 ? "" : ` (${exitCode})`;
  return `${outcome ?? "ended"}${code}`;
}

/** Green for completed, red for other ends, yellow for everything that is not running yet. */
export function paintState(terminal: Terminal, text: string, { state, outcome }: Shown): string {
  if (state === "ended") return (outcome === "completed" ? green : red)(terminal, text);
  return state === "running" ? text : yellow(terminal, text);
}

/** What `submit --wait` ends with: the job's own code, and 1 for an end without one. */
export function exitCodeOfJob({ outcome, exitCode }: Shown): number {
  if (outcome === "completed") return 0;
  return exitCode == null || exitCode === 0 ? 1 : exitCode;
}

// An agent in the foreground, from its start to its end: lines of log with their time, one line of
// JSON when it is connected, and how it ends when it is told to. It is what `tequio agent` runs,
// in a process of its own where the system has them, and must not load the command line.
import type { SiteOptions } from "./site.ts";
import { type StopCause, untilStopped } from "./verbs/stop.ts";

/** Holds an `AgentStart` as JSON. It has no secrets. */
export const START_ENV = "TEQUIO_AGENT_START";

/** How an agent is run; goes through JSON. */
export interface AgentStart {
  readonly site: Omit<SiteOptions, "joinToken" | "log">;
  /** One line of JSON on standard output when connected. */
  readonly json: boolean;
  /** End when standard input does, and do so with the jobs. */
  readonly endWithStdin?: "stop" | "keep";
}

export interface AgentTerminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly nowMs: () => number;
}

/** What ended the agent before it was told to. */
export interface AgentTrouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** How often the first connection is looked for. */
const LOOK_MS = 50;

/** Wall clock of a log line, `12:34:56`, in local time. */
export const timeOfDay = (nowMs: number): string => new Date(nowMs).toTimeString().slice(0, 8);

/** Runs the agent until it is told to end, which gives undefined, or until trouble ends it. */
export async function runAgentProcess(
  start: AgentStart,
  terminal: AgentTerminal,
): Promise<AgentTrouble | undefined> {
  const { json, endWithStdin } = start;
  const stop = untilStopped({ withStdin: endWithStdin !== undefined });
  const { startSite } = await import("./site.ts");
  const log = (line: string): void => terminal.err(`${timeOfDay(terminal.nowMs())} ${line}\n`);
  const agent = await startSite({ ...start.site, log });
  const { site } = agent;
  const timer = setInterval(() => {
    if (!agent.connected()) return;
    clearInterval(timer);
    if (json && site !== undefined) terminal.out(`${JSON.stringify(readyOf(site))}\n`);
  }, LOOK_MS);
  const cause = await Promise.race([stop, agent.stopped.then(() => undefined)]);
  clearInterval(timer);
  if (cause !== undefined) await agent.stop({ keepJobs: keepsJobs(cause, endWithStdin) });
  const end = await agent.stopped;
  if (end.ok) return undefined;
  const { code, message, hint } = end;
  // The parent process waits for one line on stdout; people and logs have stderr.
  if (json) terminal.out(`${JSON.stringify({ code, message, hint })}\n`);
  return { code, message, hint };
}

const keepsJobs = (cause: StopCause, endWithStdin: "stop" | "keep" | undefined): boolean =>
  cause === "terminate" || (cause === "stdin" && endWithStdin === "keep");

const readyOf = (site: { siteId: string; member: string; poolId: string; poolUrl: string }) => ({
  ready: true,
  site: site.siteId,
  member: site.member,
  pool: site.poolId,
  url: site.poolUrl,
});

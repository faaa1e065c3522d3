// `tequio agent`: this machine as one site of a pool, in the foreground. Its log goes to stderr.
// It decides how the agent ends; everything else is the agent's.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Command,
  EXIT,
  Option,
  type Shell,
  type Trouble,
  troubleJson,
  type VerbEnd,
} from "@tequio/cli";

import type { SiteOptions } from "../site.ts";
import { label, positive, sizeMiB } from "./flags.ts";
import { makeFolder } from "./folder.ts";
import { type StopCause, untilStopped } from "./stop.ts";

interface Flags {
  readonly join?: string;
  readonly folder: string;
  readonly cpuShare?: number;
  readonly cpus?: number;
  readonly memory?: number;
  readonly nodeName?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly isolation: "none" | "sandbox" | "auto";
  readonly requireIsolation?: true;
  readonly sandboxNetwork: "host" | "none";
  readonly sandboxRead?: readonly string[];
  readonly endWithStdin?: true | "stop" | "keep";
}

/** How often the first connection is looked for. */
const LOOK_MS = 50;

/** Adds the flags and the action of `tequio agent`. */
export function define(command: Command, shell: Shell): void {
  command
    .option("--join <token>", "Join token; needed once for a folder; also TEQUIO_JOIN_TOKEN")
    .option("--folder <dir>", "The site's own data", ".tequio/agent")
    .option("--cpu-share <n>", "Cores that all jobs together may use, e.g. 0.5", positive)
    .option("--cpus <n>", "Cores to lend; default: all", positive)
    .option("--memory <size>", "Memory to lend, e.g. 16GB; default: all", sizeMiB)
    .option("--node-name <name>", "Name of this machine; default: its host name")
    .option("--label <key=value>", "Label that jobs can ask for (repeat)", label)
    .addOption(
      new Option("--isolation <how>", "Walls around jobs (bubblewrap); auto: where possible")
        .choices(["none", "sandbox", "auto"])
        .default("auto"),
    )
    .option("--require-isolation", "Refuse jobs without walls and a memory limit of the kernel")
    .addOption(
      new Option("--sandbox-network <which>", "Network of jobs within walls")
        .choices(["host", "none"])
        .default("host"),
    )
    .option("--sandbox-read <path>", "What else such jobs may read, e.g. /data (repeat)", collect)
    .addOption(
      new Option("--end-with-stdin [jobs]", "End when standard input does, and do so with jobs")
        .choices(["stop", "keep"])
        .preset("stop"),
    )
    .addHelpText(
      "after",
      "\nCtrl-C stops the jobs and leaves; SIGTERM leaves them running for the next start.",
    )
    .action(shell.act(() => run(command.opts<Flags>(), shell)));
  command
    .command("rotate-key")
    .description("Change the key of the site in --folder; a running agent does it within a minute")
    .action(shell.act(() => rotateKey(command.opts<Flags>().folder, shell)));
}

async function rotateKey(given: string, shell: Shell): Promise<VerbEnd> {
  const folder = resolve(shell.terminal.cwd, given);
  if (!existsSync(join(folder, "agent.json"))) {
    const hint = "Give the folder of an agent that has joined with --folder.";
    return { code: "NOT_FOUND", message: `${folder} is no site.`, hint };
  }
  const { wishNewKey } = await import("@tequio/agent");
  wishNewKey(folder);
  shell.terminal.err("The running agent changes its key within a minute, or at its next start.\n");
  return EXIT.OK;
}

function siteOptions(flags: Flags, shell: Shell): SiteOptions {
  const { cpuShare, cpus, memory, nodeName, label: labels } = flags;
  const { url } = shell.globals();
  const joinToken = flags.join ?? shell.terminal.env.TEQUIO_JOIN_TOKEN;
  const poolUrl = url ?? shell.terminal.env.TEQUIO_URL;
  return {
    folder: flags.folder,
    ...(joinToken === undefined ? {} : { joinToken }),
    ...(poolUrl === undefined ? {} : { poolUrl }),
    ...(cpuShare === undefined ? {} : { cpuShare }),
    ...(cpus === undefined ? {} : { milliCpu: Math.round(cpus * 1_000) }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(labels === undefined ? {} : { labels }),
    isolation: {
      level: flags.isolation,
      required: flags.requireIsolation === true,
      network: flags.sandboxNetwork,
      readable: (flags.sandboxRead ?? []).map((path) => resolve(shell.terminal.cwd, path)),
    },
    log: (line) => shell.terminal.err(`${time(shell)} ${line}\n`),
  };
}

const collect = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  text,
];

/** Wall clock of a log line, `12:34:56`, in local time. */
export const time = (shell: Shell): string =>
  new Date(shell.terminal.nowMs()).toTimeString().slice(0, 8);

const keepsJobs = (cause: StopCause, flags: Flags): boolean =>
  cause === "terminate" || (cause === "stdin" && flags.endWithStdin === "keep");

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { json } = shell.globals();
  const folder = makeFolder(resolve(shell.terminal.cwd, flags.folder), "--folder");
  if (!folder.ok) return refused(folder, shell);
  const stop = untilStopped({ withStdin: flags.endWithStdin !== undefined });
  const { startSite } = await import("../site.ts");
  const agent = await startSite(siteOptions(flags, shell));
  const { site } = agent;
  const timer = setInterval(() => {
    if (!agent.connected()) return;
    clearInterval(timer);
    if (json && site !== undefined) shell.terminal.out(`${JSON.stringify(readyOf(site))}\n`);
  }, LOOK_MS);
  const cause = await Promise.race([stop, agent.stopped.then(() => undefined)]);
  clearInterval(timer);
  if (cause !== undefined) await agent.stop({ keepJobs: keepsJobs(cause, flags) });
  const end = await agent.stopped;
  if (end.ok) return EXIT.OK;
  return refused(end, shell);
}

/** With --json the refusal is also the one line on stdout that a parent process waits for. */
function refused(trouble: Trouble, shell: Shell): VerbEnd {
  if (shell.globals().json) shell.terminal.out(`${troubleJson(trouble)}\n`);
  return trouble;
}

const readyOf = (site: { siteId: string; member: string; poolId: string; poolUrl: string }) => ({
  ready: true,
  site: site.siteId,
  member: site.member,
  pool: site.poolId,
  url: site.poolUrl,
});

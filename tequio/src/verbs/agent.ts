// `tequio agent`: this machine as one site of a pool, in the foreground. Its log goes to stderr.
// It decides how the agent ends; everything else is the agent's.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { TlsFiles } from "@tequio/agent";
import {
  type Command,
  EXIT,
  Option,
  type Shell,
  type Trouble,
  troubleJson,
  type VerbEnd,
} from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type AgentStart, runAgentProcess, START_ENV, timeOfDay } from "../agent-run.ts";
import { startOver } from "../lean.ts";
import { label, positive, sizeMiB } from "./flags.ts";
import { makeFolder } from "./folder.ts";

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
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly endWithStdin?: true | "stop" | "keep";
}

/** The agent's own program, as source or as built JavaScript. */
const AGENT_PROCESS = fileURLToPath(new URL("../agent-process.ts", import.meta.url));
/** An idle agent makes little garbage: a young generation of 1 MiB is swept in well under 1 ms. */
const AGENT_FLAGS = ["--max-semi-space-size=1"];
/** What `startSite` runs. */
const LOCAL_ENGINE = "local";

/** Adds the flags and the action of `tequio agent`. */
export function define(command: Command, shell: Shell): void {
  command
    .option("--join <token>", "Join token; needed once for a folder; also TEQUIO_JOIN_TOKEN")
    .option("--folder <dir>", "The site's own data", ".tequio/agent")
    .addOption(
      new Option("--tls-cert <file>", "Certificate (PEM) for a pool that asks for one").env(
        "TEQUIO_TLS_CERT",
      ),
    )
    .addOption(
      new Option("--tls-key <file>", "Its key (PEM); both are read again at every dial").env(
        "TEQUIO_TLS_KEY",
      ),
    )
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

/** The files of the site's certificate, tried now. Refuses USAGE when they cannot be used. */
async function tlsOf(
  { tlsCert, tlsKey }: Flags,
  cwd: string,
): Promise<Outcome<TlsFiles | undefined>> {
  if (tlsCert === undefined && tlsKey === undefined) return ok(undefined);
  if (tlsCert === undefined || tlsKey === undefined) {
    return refuse("USAGE", "A certificate needs its key.", "Give --tls-cert and --tls-key.");
  }
  const files = { certFile: resolve(cwd, tlsCert), keyFile: resolve(cwd, tlsKey) };
  const { readIdentity } = await import("@tequio/agent");
  const read = readIdentity(files);
  return read.ok ? ok(files) : read;
}

/** The site as the flags describe it; the token of a first start stands beside it. */
function siteOf(flags: Flags, shell: Shell, tls: TlsFiles | undefined): AgentStart["site"] {
  const { cpuShare, cpus, memory, nodeName, label: labels } = flags;
  const { url } = shell.globals();
  const poolUrl = url ?? shell.terminal.env.TEQUIO_URL;
  return {
    folder: flags.folder,
    ...(poolUrl === undefined ? {} : { poolUrl }),
    ...(cpuShare === undefined ? {} : { cpuShare }),
    ...(cpus === undefined ? {} : { milliCpu: Math.round(cpus * 1_000) }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(labels === undefined ? {} : { labels }),
    ...(tls === undefined ? {} : { tls }),
    isolation: {
      level: flags.isolation,
      required: flags.requireIsolation === true,
      network: flags.sandboxNetwork,
      readable: (flags.sandboxRead ?? []).map((path) => resolve(shell.terminal.cwd, path)),
    },
  };
}

const collect = (text: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  text,
];

/** Wall clock of a log line, in local time. */
export const time = (shell: Shell): string => timeOfDay(shell.terminal.nowMs());

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { json } = shell.globals();
  const folder = makeFolder(resolve(shell.terminal.cwd, flags.folder), "--folder");
  if (!folder.ok) return refused(folder, shell);
  const tls = await tlsOf(flags, shell.terminal.cwd);
  if (!tls.ok) return refused(tls, shell);
  const { endWithStdin: withStdin } = flags;
  const endWithStdin = withStdin === true ? "stop" : withStdin;
  const start: AgentStart = {
    ...{ site: siteOf(flags, shell, tls.value), json },
    ...(endWithStdin === undefined ? {} : { endWithStdin }),
  };
  const prepared = await prepare(start, flags, shell);
  if (!prepared.ok) return refused(prepared, shell);
  const { SHAPES_ENV, shapesText } = await import("@tequio/agent");
  startOver({
    file: AGENT_PROCESS,
    args: ["--folder", start.site.folder],
    flags: AGENT_FLAGS,
    env: {
      ...{ [START_ENV]: JSON.stringify(start), [SHAPES_ENV]: await shapesText() },
      TEQUIO_JOIN_TOKEN: undefined,
    },
  });
  return (await runAgentProcess(start, shell.terminal)) ?? EXIT.OK;
}

/** Joins where there is a token for it, while this process still has what that takes. */
async function prepare(start: AgentStart, flags: Flags, shell: Shell): Promise<Outcome<unknown>> {
  const { folder, poolUrl, tls } = start.site;
  const joinToken = flags.join ?? shell.terminal.env.TEQUIO_JOIN_TOKEN;
  const { prepareSite } = await import("@tequio/agent");
  const log = (line: string): void => shell.terminal.err(`${time(shell)} ${line}\n`);
  return prepareSite(
    {
      ...{ folder, engineName: LOCAL_ENGINE, version: shell.version },
      ...(joinToken === undefined ? {} : { joinToken }),
      ...(poolUrl === undefined ? {} : { poolUrl }),
      ...(tls === undefined ? {} : { tls }),
    },
    log,
  );
}

/** With --json the refusal is also the one line on stdout that a parent process waits for. */
function refused(trouble: Trouble, shell: Shell): VerbEnd {
  if (shell.globals().json) shell.terminal.out(`${troubleJson(trouble)}\n`);
  return trouble;
}

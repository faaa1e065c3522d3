// `tequio submit`: a job from a file, from flags, or both; on request waits for its end or streams
// its log. The key that makes a repeated submission harmless is made once for each call.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Client, type JobParsed, JobWire, parseWith, parseYaml } from "@tequio/contract";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { counted } from "../format.ts";
import { type Interruptible, interruptible } from "../interrupt.ts";
import { streamLog } from "../log-stream.ts";
import type { Outcome } from "../outcome.ts";
import { patiently } from "../patience.ts";
import { dim, writeJson } from "../report.ts";
import { addJobFlags, jobFromFlags } from "../submit-flags.ts";
import { type Shell, type Trouble, usage, type VerbEnd } from "../verb.ts";
import { type Submitted, waitForEnd } from "../wait.ts";

interface Flags {
  readonly wait?: true;
  readonly follow?: true;
}

const FORMS = "`tequio submit -- COMMAND`, `tequio submit --shell TEXT` or `tequio submit FILE`";

/** Adds the flags and the action of `tequio submit`. */
export function define(command: Command, shell: Shell): void {
  command
    .usage("[FILE.yaml|-] [options] [-- COMMAND...]")
    .argument("[file...]", "Job file (YAML or JSON), or - for standard input");
  addJobFlags(command);
  command
    .option("--wait", "Wait for the end; end with the job's exit code")
    .option("--follow", "Show the log while waiting, as --wait otherwise")
    .addHelpText(
      "after",
      "\nFlags go over the file. Everything after -- is the command:" +
        "\n  tequio submit --accelerators 1 --time 2h --wait -- python train.py --epochs 3",
    )
    .action(shell.act((files: readonly string[]) => submit(files, command, shell)));
}

async function submit(files: readonly string[], command: Command, shell: Shell): Promise<VerbEnd> {
  const flags = command.opts<Flags>();
  const wire = await readJob(files, command, shell);
  if (!wire.ok) return wire;
  const pool = await shell.pool();
  const input = { body: wire.value, idempotencyKey: randomUUID() };
  const reply = await pool.call("submitJob", input);
  if (!reply.ok) return reply;
  const job = reply.value;
  if (flags.wait === true || flags.follow === true) {
    said(shell, `Submitted job ${job.id}.`);
    const array = wire.value.array !== undefined;
    return waitFor({ id: job.id, array }, flags, pool, shell);
  }
  if (shell.globals().json) return void writeJson(shell.terminal, job);
  const of = job.tasks > 1 ? ` (${counted(job.tasks, "task")})` : "";
  shell.terminal.out(`Submitted job ${job.id}${of}\n`);
  for (const line of nextSteps(job.id, wire.value)) {
    shell.terminal.err(`${dim(shell.terminal, line)}\n`);
  }
  return undefined;
}

/** What to do next; on stderr, so that a script that reads stdout is not bothered. */
const nextSteps = (id: string, { run, array }: JobParsed): readonly string[] => {
  if (run !== undefined) return [`  tequio run ${id} -f    watch it train`];
  if (array !== undefined) return [`  tequio jobs --array ${id}    see its tasks`];
  return [`  tequio logs ${id} -f    follow its output`, `  tequio why ${id}        if it waits`];
};

const said = (shell: Shell, line: string): void =>
  shell.terminal.err(`${dim(shell.terminal, line)}\n`);

type Parsed = { readonly ok: true; readonly value: JobParsed } | (Trouble & { readonly ok: false });

async function readJob(files: readonly string[], command: Command, shell: Shell): Promise<Parsed> {
  const { afterDashes } = shell;
  const refuse = (trouble: Trouble): Parsed => ({ ...trouble, ok: false });
  if (afterDashes?.length === 0) {
    return refuse(usage("There is no command after `--`.", `Use ${FORMS}.`));
  }
  if (files.length > 1) {
    const typed = files.join(" ");
    return refuse(usage("One job file at a time.", `A command goes after --: \`-- ${typed}\`.`));
  }
  const [file] = files;
  let base: Readonly<Record<string, unknown>> = {};
  if (file !== undefined) {
    const text = await readText(file, shell);
    if (typeof text !== "string") return refuse(text);
    const parsed = parseYaml(JobWire, text);
    if (!parsed.ok) {
      const where = file === "-" ? "standard input" : file;
      return { ...parsed, message: `${where}: ${parsed.message}` };
    }
    base = parsed.value;
  }
  const job = jobFromFlags(base, command, afterDashes);
  if (job.command === undefined && job.shell === undefined && job.run === undefined) {
    return refuse(usage("There is nothing to run.", `Use ${FORMS}.`));
  }
  return parseWith(JobWire, job);
}

async function readText(file: string, { terminal }: Shell): Promise<string | Trouble> {
  if (file === "-") return terminal.readStdin();
  try {
    return readFileSync(resolve(terminal.cwd, file), "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    if (code !== "ENOENT") return usage(`The job file ${file} cannot be read (${code}).`, "");
    return usage(
      `There is no job file ${file}.`,
      `If it is a command, it goes after --: \`tequio submit -- ${file}\`.`,
    );
  }
}

async function waitFor(job: Submitted, flags: Flags, pool: Client, shell: Shell): Promise<VerbEnd> {
  const interrupt = interruptible(shell.terminal);
  try {
    const end = await followThenWait(job, flags, pool, shell, interrupt);
    if (interrupt.signal.aborted) {
      said(shell, `Job ${job.id} goes on; \`tequio cancel ${job.id}\` ends it.`);
      return EXIT.INTERRUPTED;
    }
    return end;
  } finally {
    interrupt.done();
  }
}

async function followThenWait(
  job: Submitted,
  flags: Flags,
  pool: Client,
  shell: Shell,
  interrupt: Interruptible,
): Promise<VerbEnd> {
  if (flags.follow === true && !job.array) {
    const wish = { id: job.id, task: 0, follow: true };
    const end = await streamLog(shell, pool, wish, interrupt);
    if (end !== EXIT.OK) return end;
  }
  const ask = <T>(call: () => Promise<Outcome<T>>): Promise<Outcome<T>> =>
    patiently(shell.terminal, interrupt, call);
  return waitForEnd(job, pool, shell, { interrupt, ask, quiet: flags.follow === true });
}

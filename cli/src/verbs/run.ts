// `tequio run ID`: a spanning training, as it is or as it goes on; pause, resume and stop it, and
// let its newest model write something. What is done with its models is in run-models.ts.
import { type Client, EXPORT_FORMATS, type RunDetail } from "@tequio/contract";
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interrupt.ts";
import { patiently } from "../patience.ts";
import { dim, writeJson } from "../report.ts";
import { exportModel, forkRun, type ModelFlags, showLineage } from "../run-models.ts";
import { headText, leftOutText, memberTable, replicaTable, roundLine } from "../run-view.ts";
import { type ServeFlags, serveRun } from "../serve-run.ts";
import { plainLines } from "../table.ts";
import { keyValue, repeated, wholeFrom } from "../values.ts";
import { type Shell, usage, type VerbEnd } from "../verb.ts";

const CHANGES = ["pause", "resume", "stop"] as const;
type Change = (typeof CHANGES)[number];
/** All others, each with what it does. */
const ACTIONS: Readonly<
  Record<string, (id: string, flags: Flags, shell: Shell) => Promise<VerbEnd>>
> = { sample, export: exportModel, fork: forkRun, lineage: showLineage, serve: serveRun };
const DOING = [...CHANGES, ...Object.keys(ACTIONS)];

const POLL_MS = 1_000;
const TEMPERATURE_MAX = 2;

interface Flags extends ModelFlags, ServeFlags {
  readonly follow?: true;
  readonly prompt?: string;
  readonly bytes?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
}

/** Adds the flags and the action of `tequio run`. */
export function define(command: Command, shell: Shell): void {
  command
    .argument("<id>", "Run id")
    .argument("[action]", `One of ${DOING.join(", ")}; default: show it`)
    .option("-f, --follow", "Go on until the run ends, a line for each round")
    .option("--prompt <text>", "Sample: what the text begins with")
    .option("--bytes <n>", "Sample: how long it gets", wholeFrom(1))
    .addOption(new Option("--temperature <t>", `Sample: 0 to ${TEMPERATURE_MAX}`).argParser(Number))
    .addOption(
      new Option(
        "--top-p <p>",
        "Sample: draw among the likeliest, of probability 0 to 1",
      ).argParser(Number),
    )
    .option("--seed <n>", "Sample: another seed gives another text", wholeFrom(0))
    .addOption(
      new Option("--format <format>", "Export: kind of file, default safetensors").choices(
        EXPORT_FORMATS,
      ),
    )
    .option("--round <n>", "Export, fork: model of this round, default the newest", wholeFrom(0))
    .option("-o, --out <file>", "Export, lineage: write to this file; `-`: to standard output")
    .option("--set <key=value>", "Fork: a setting of the run, e.g. `stop.minutes=5`", keyValue)
    .option("--name <name>", "Fork: its name")
    .option("--replicas <n>", "Serve: how many replicas, default 1", wholeFrom(1))
    .option("--member <name>", "Serve: only with these members, may be repeated", repeated)
    .option("--cpus <n>", "Serve: cores of each replica, default 1", Number)
    .option("--time <time>", "Serve: time limit of the replicas, default one day")
    .action(
      shell.act(async (id: string, action: string | undefined) => {
        const flags = command.opts<Flags>();
        if (action === undefined) return show(id, flags, shell);
        if (CHANGES.includes(action as Change)) return change(id, action as Change, shell);
        if (Object.hasOwn(ACTIONS, action)) return ACTIONS[action]!(id, flags, shell);
        return usage(`A run has no action \`${action}\`.`, `Known are ${DOING.join(", ")}.`);
      }),
    );
}

async function change(id: string, action: Change, shell: Shell): Promise<VerbEnd> {
  const pool = await shell.pool();
  const reply = await pool.call("changeRun", { params: { id }, body: { action } });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { state, reason } = reply.value;
  // A round that is open is finished first, so the state may still be the one before.
  shell.terminal.out(`Run ${id} is asked to ${action}. Now it is ${state}: ${reason}\n`);
  return undefined;
}

async function sample(id: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { prompt, bytes, temperature, topP, seed } = flags;
  const body = {
    ...(prompt === undefined ? {} : { prompt }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed }),
  };
  const reply = await (await shell.pool()).call("sampleRun", { params: { id }, body });
  if (!reply.ok) return reply;
  const { terminal } = shell;
  if (shell.globals().json) return void writeJson(terminal, reply.value);
  terminal.out(`${plainLines(reply.value.text)}\n`);
  terminal.err(`${dim(terminal, `From the model after round ${reply.value.round}.`)}\n`);
  return undefined;
}

async function show(id: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const pool = await shell.pool();
  if (flags.follow === true) return watch(id, pool, shell);
  const reply = await pool.call("getRun", { params: { id } });
  if (!reply.ok) return reply;
  const { terminal } = shell;
  if (shell.globals().json) return void writeJson(terminal, reply.value);
  terminal.out(headText(terminal, reply.value));
  memberTable(terminal, reply.value);
  replicaTable(terminal, reply.value);
  terminal.out(leftOutText(reply.value));
  return undefined;
}

/** A line for each round as it is merged; ends with 0 when the run completed. */
async function watch(id: string, pool: Client, shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  const { json } = shell.globals();
  const interrupt = interruptible(terminal);
  const { signal } = interrupt;
  let shown = -1;
  let state = "";
  try {
    for (;;) {
      const reply = await patiently(terminal, interrupt, () =>
        pool.call("getRun", { params: { id }, signal }),
      );
      if (signal.aborted) return EXIT.INTERRUPTED;
      if (!reply.ok) return reply;
      const run = reply.value;
      const news = newRounds(run, shown);
      for (const round of news) {
        if (json) writeJson(terminal, round, "line");
        else terminal.out(`${roundLine(round)}\n`);
        shown = round.round;
      }
      // While it trains the rounds tell enough; the reasons change several times in each.
      const line = run.state === "training" ? run.state : `${run.state}: ${run.reason}`;
      if (!json && line !== state && run.state !== "ended") {
        terminal.err(`${dim(terminal, plainLines(line))}\n`);
      }
      state = line;
      if (run.state === "ended") return ended(run, shell);
      await interrupt.sleep(POLL_MS);
    }
  } finally {
    interrupt.done();
  }
}

const newRounds = ({ rounds }: RunDetail, shown: number) =>
  rounds.filter(({ round }) => round > shown).sort((a, b) => a.round - b.round);

function ended(run: RunDetail, shell: Shell): VerbEnd {
  const { terminal } = shell;
  if (!shell.globals().json) {
    terminal.out(`\n${headText(terminal, run)}`);
    memberTable(terminal, run);
  }
  return run.outcome === "completed" ? EXIT.OK : EXIT.FAILED;
}

// `tequio plan FILE`: what a run would take on the pool as it is, before it is submitted.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { JobWire, parseYaml, type RunPlanView } from "@tequio/contract";
import type { Command } from "commander";
import { bytes, clock, credits, percent, whole } from "../format.ts";
import { dim, writeJson } from "../report.ts";
import { plain, writeTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { type Shell, usage, type VerbEnd } from "../verb.ts";

/** Adds the argument and the action of `tequio plan`. */
export function define(command: Command, shell: Shell): void {
  command
    .argument("<file>", "Job file with `run:`, or - for standard input")
    .action(shell.act((file: string) => plan(file, shell)));
}

async function plan(file: string, shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  let text: string;
  try {
    text =
      file === "-" ? await terminal.readStdin() : readFileSync(resolve(terminal.cwd, file), "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return usage(`The job file ${file} cannot be read (${why}).`, "Give another.");
  }
  const job = parseYaml(JobWire, text);
  if (!job.ok) return { ...job, message: `${file}: ${job.message}` };
  const reply = await (await shell.pool()).call("planRun", { body: job.value });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(terminal, reply.value);
  show(terminal, reply.value);
  return undefined;
}

function show(terminal: Terminal, { parameters, sites, choices }: RunPlanView): void {
  terminal.out(`${whole(parameters)} parameters. Sites that could take part:\n\n`);
  writeTable(
    terminal,
    [
      { head: "SITE", cell: ({ siteId }) => siteId, least: 8 },
      { head: "MEMBER", cell: ({ member }) => member, least: 8 },
      { head: "TOKENS/S", cell: (one) => whole(Math.round(one.tokensPerSecond)), align: "right" },
      { head: "KNOWN", cell: ({ known }) => known },
      { head: "UP", cell: ({ upMbitPerS }) => `${rounded(upMbitPerS)} Mbit/s`, align: "right" },
      { head: "DOWN", cell: (one) => `${rounded(one.downMbitPerS)} Mbit/s`, align: "right" },
      { head: "CREDITS/H", cell: (one) => credits(one.microPerHour), align: "right" },
    ],
    sites,
    "",
  );
  terminal.out("\nThe first line is what the pool would do:\n\n");
  writeTable(
    terminal,
    [
      { head: "TIME", cell: ({ durationMs }) => clock(durationMs), align: "right" },
      { head: "PACE", cell: ({ pace }) => percent(pace), align: "right" },
      { head: "TOKENS", cell: ({ tokens }) => whole(tokens), align: "right" },
      { head: "ROUNDS", cell: ({ rounds }) => whole(rounds), align: "right" },
      { head: "STEPS", cell: ({ innerSteps }) => whole(innerSteps), align: "right" },
      { head: "CODEC", cell: ({ codecUp }) => codecUp ?? "by link" },
      { head: "COMPUTING", cell: ({ computing }) => percent(computing), align: "right" },
      { head: "UP", cell: ({ bytesUp }) => bytes(bytesUp), align: "right" },
      { head: "DOWN", cell: ({ bytesDown }) => bytes(bytesDown), align: "right" },
      { head: "CREDITS", cell: ({ costMicro }) => credits(costMicro), align: "right" },
      { head: "SITES", cell: (one) => one.sites.map(plain).join(","), least: 8 },
      { head: "WHAT", cell: ({ why }) => why, least: 10 },
    ],
    choices,
    "",
  );
  const note = "PACE is the way to the target in the same time. Fewer exchanges and smaller codecs";
  terminal.err(`${dim(terminal, `${note} cost some quality, which it does not count.`)}\n`);
}

const rounded = (value: number): string =>
  String(value < 10 ? Number(value.toPrecision(2)) : Math.round(value));

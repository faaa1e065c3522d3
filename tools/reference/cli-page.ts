// cli.md: every verb with its arguments and flags. The list of verbs is what `tequio --help` says;
// the flags are read from the commands themselves, which are built and never run.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Command, type Shell, type VerbModule } from "@tequio/cli";
import { code, type Page, page, table, wrap } from "./markdown.ts";

/** Where a verb's module lies, the first place that has it. */
const PLACES = ["cli/src/verbs", "tequio/src/verbs"];
/** A cold start on a busy machine takes seconds. */
const HELP_WAIT_MS = 60_000;

interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
}

/** A heading of `tequio --help` under which no verbs stand. */
const NO_VERBS = new Set(["Options", "Start", "Exit codes", "Global options"]);

/** Verbs by the lines of the help: headings end in a colon, summaries go on where they are wide. */
export function verbsOfHelp(help: string): readonly Verb[] {
  const verbs: Verb[] = [];
  let group = "";
  for (const line of help.split("\n")) {
    const heading = /^(\S.*):$/.exec(line)?.[1];
    if (heading !== undefined) group = heading;
    else if (line.trim() === "") continue;
    else if (!NO_VERBS.has(group) && group !== "") {
      const [, name, summary = ""] = /^ {2}([a-z][a-z-]*)\b.*?(?: {2,}(.*))?$/.exec(line) ?? [];
      const last = verbs.at(-1);
      if (name !== undefined) verbs.push({ name, summary, group });
      else if (last !== undefined && line.startsWith("    ")) {
        verbs[verbs.length - 1] = { ...last, summary: `${last.summary} ${line.trim()}` };
      }
    }
  }
  return verbs;
}

function helpText(root: string): string {
  const args = [join(root, "tequio", "src", "main.ts"), "--help"];
  const env = { ...process.env, NO_COLOR: "1", COLUMNS: "200" };
  const asked = spawnSync(process.execPath, args, { encoding: "utf8", env, timeout: HELP_WAIT_MS });
  if (asked.status === 0) return asked.stdout;
  throw new Error(`tequio --help failed: ${asked.stderr}`);
}

/** A shell for commands that are built and not run. */
const SHELL: Shell = {
  terminal: {
    out: () => {},
    err: () => {},
    env: {},
    cwd: "/",
    home: "/",
    columns: 100,
    isTty: false,
    colour: false,
    nowMs: () => 0,
    readStdin: async () => "",
    onInterrupt: () => () => {},
  },
  version: "",
  afterDashes: undefined,
  globals: () => ({ json: false }),
  pool: async () => {
    throw new Error("Invariant broken: the reference calls no pool");
  },
  act: () => async () => {},
};

async function commandOf(root: string, verb: Verb): Promise<Command> {
  const place = PLACES.find((folder) => existsSync(join(root, folder, `${verb.name}.ts`)));
  if (place === undefined) throw new Error(`No module of the verb ${verb.name} was found`);
  const module = (await import(join(root, place, `${verb.name}.ts`))) as VerbModule;
  const command = new Command(verb.name);
  command.helpOption(false).helpCommand(false);
  module.define(command, SHELL);
  return command;
}

/** Help texts begin in lower case and have no full stop. */
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** The machine that makes the page must not stand on it. */
const portable = (value: unknown): string =>
  JSON.stringify(value) === JSON.stringify(hostname().split(".")[0])
    ? "the host's name"
    : code(String(value));

function optionRows(command: Command): readonly (readonly string[])[] {
  return command.options
    .filter((option) => !option.hidden)
    .map((option) => {
      const { defaultValue: given, defaultValueDescription: words, argChoices } = option;
      const none = given === undefined || typeof given === "boolean";
      const shown = words ?? (none ? "" : portable(given));
      const choices = argChoices === undefined ? "" : ` (${argChoices.map(code).join(", ")})`;
      return [code(option.flags), `${option.description}${choices}`, shown];
    });
}

const argumentText = (command: Command): string =>
  command.registeredArguments
    .map((argument) => {
      const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
      return argument.required ? ` <${name}>` : ` [${name}]`;
    })
    .join("");

function commandBlocks(command: Command, path: string, depth: number): readonly string[] {
  const subs = command.commands;
  const rows = optionRows(command);
  const flags = rows.length === 0 ? "" : " [flags]";
  const own = subs.length > 0 && command.registeredArguments.length === 0 && rows.length === 0;
  const usage = own ? [] : [code(`${path}${argumentText(command)}${flags}`)];
  const args = command.registeredArguments
    .filter((argument) => argument.description !== "")
    .map((argument) => `- ${code(argument.name())}: ${argument.description}`);
  return [
    ...usage,
    ...(args.length === 0 ? [] : [args.join("\n")]),
    ...(rows.length === 0 ? [] : [table(["flag", "does", "default"], rows)]),
    ...subs.flatMap((sub) => [
      `${"#".repeat(depth)} ${path} ${sub.name()}`,
      ...(sub.description() === "" ? [] : [sentence(sub.description())]),
      ...commandBlocks(sub, `${path} ${sub.name()}`, depth + 1),
    ]),
  ];
}

/** cli.md: the whole command line. Takes seconds: it loads every verb. */
export async function cliPage(root: string): Promise<Page> {
  const verbs = verbsOfHelp(helpText(root));
  const groups = [...new Set(verbs.map((verb) => verb.group))];
  const blocks: string[] = [];
  for (const group of groups) {
    blocks.push(`## ${group}`);
    for (const verb of verbs.filter((one) => one.group === group)) {
      const command = await commandOf(root, verb);
      blocks.push(`### tequio ${verb.name}`, sentence(verb.summary));
      blocks.push(...commandBlocks(command, `tequio ${verb.name}`, 4));
    }
  }
  return page(
    "cli.md",
    "Command line",
    ["cli/src/verbs", "tequio/src/verbs"],
    [
      wrap(
        "Every verb takes `--url` (or `TEQUIO_URL`), `--token` (or `TEQUIO_TOKEN`), `--json` and " +
          "`--help`. Without an address the pool of the context file is meant, which `tequio up` " +
          "writes. What a process ends with is on the page of [exit codes](exit-codes.md).",
      ),
      ...blocks,
    ],
  );
}

// The program around the verbs: global flags, help, the nearest word for a mistyped one, and what
// the process ends with. A verb's module is loaded when the verb is called, not before: the
// contract's schemas alone take longer than everything that `tequio --version` needs.
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { findPool } from "./connection.ts";
import { EXIT, EXIT_MEANS, exitCodeOf } from "./exit-codes.ts";
import { bold, showTrouble } from "./report.ts";
import type { Terminal } from "./terminal.ts";
import { type Globals, type Shell, type Trouble, usage, type Verb, type VerbEnd } from "./verb.ts";

export interface ProgramOptions {
  readonly verbs: readonly Verb[];
  readonly version: string;
  readonly terminal: Terminal;
  /** Arguments after the program's name. */
  readonly args: readonly string[];
}

const HELP_WIDTH_MAX = 100;

/** Runs one command line; returns the exit code, never throws for expected trouble. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  const { terminal } = options;
  const { own, afterDashes } = splitAtDashes(options.args);
  // Also when the line cannot be parsed, its error must have the form that was asked for.
  const wantsJson = own.includes("--json");
  let end: VerbEnd;
  /** Commander's own words for an error; ours replace them, except for help. */
  let heldBack = "";
  const program = new Command("tequio");
  const shell: Shell = {
    terminal,
    version: options.version,
    afterDashes,
    globals: () => ({ ...program.opts<Globals>(), json: wantsJson }),
    pool: async () => {
      const { makeClient } = await import("@tequio/contract");
      const { url, token } = findPool(program.opts<Globals>(), terminal);
      return makeClient(token === undefined ? { url } : { url, token });
    },
    act:
      (action) =>
      async (...args) => {
        end = await action(...args);
      },
  };
  build(program, options, shell, (text) => {
    heldBack += text;
  });
  try {
    await program.parseAsync([...helpAsFlag(own, options.verbs)], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.OK;
    if (error.code === "commander.help") return showHelp(terminal, own, heldBack);
    end = troubleOf(error, own, options.verbs);
  }
  if (typeof end !== "object") return end ?? EXIT.OK;
  showTrouble(terminal, end, wantsJson);
  return exitCodeOf(end.code);
}

/** Help that nobody asked for: a verb was missing. Alone, `tequio` simply shows it. */
function showHelp(terminal: Terminal, args: readonly string[], help: string): number {
  const bare = !args.some((arg) => !arg.startsWith("-"));
  (bare ? terminal.out : terminal.err)(help);
  return bare ? EXIT.OK : EXIT.USAGE;
}

function build(
  program: Command,
  options: ProgramOptions,
  shell: Shell,
  holdBack: (text: string) => void,
): void {
  const { terminal, version, verbs } = options;
  const width = Math.min(terminal.columns, HELP_WIDTH_MAX);
  const settle = (command: Command): Command =>
    command
      .exitOverride()
      .configureHelp({ helpWidth: width, styleTitle: (title) => bold(terminal, title) })
      .configureOutput({
        writeOut: terminal.out,
        writeErr: holdBack,
        getOutHasColors: () => terminal.colour,
        getErrHasColors: () => terminal.colour,
        getOutHelpWidth: () => width,
        getErrHelpWidth: () => width,
      });
  settle(program)
    .description("Tequio pools the computers of many owners and shares them fairly.")
    .version(version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Print help")
    .helpCommand(false)
    .option("--url <url>", "Address of the pool (TEQUIO_URL)")
    .option("--token <token>", "API token (TEQUIO_TOKEN)")
    .option("--json", "Answer in JSON: one document, or a line each")
    .addHelpText("after", helpEnd());
  for (const verb of verbs) {
    settle(program.command(verb.name)).description(verb.summary).helpGroup(verb.group);
  }
  program.hook("preSubcommand", async (_, sub) => {
    const verb = verbs.find(({ name }) => name === sub.name())!;
    if (shell.afterDashes !== undefined && verb.takesDashes !== true) {
      const message = `\`${verb.name}\` takes nothing after \`--\`.`;
      throw new UsageError(usage(message, `Leave it out; see \`tequio ${verb.name} --help\`.`));
    }
    (await verb.load()).define(sub, shell);
    // Commander gives `--no-x` its default before this hook: flags that come now have missed it.
    for (const option of sub.options) {
      const name = option.attributeName();
      if (option.negate && sub.getOptionValue(name) === undefined) {
        sub.setOptionValueWithSource(name, true, "default");
      }
    }
    for (const one of [sub, ...sub.commands]) {
      settle(one).helpOption("-h, --help", "Print help").helpCommand(false);
      one.addHelpText("after", "\nAll verbs also take --url, --token and --json.");
    }
  });
}

/** A refusal of the command line from inside commander's walk. */
export class UsageError extends CommanderError {
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(EXIT.USAGE, trouble.code, trouble.message);
    this.trouble = trouble;
  }
}

/** What an option's parser throws; commander names the option around it. */
export const badValue = (why: string): InvalidArgumentError => new InvalidArgumentError(why);

function splitAtDashes(args: readonly string[]): {
  own: readonly string[];
  afterDashes: readonly string[] | undefined;
} {
  const at = args.indexOf("--");
  if (at < 0) return { own: args, afterDashes: undefined };
  return { own: args.slice(0, at), afterDashes: args.slice(at + 1) };
}

/** `tequio help jobs` is `tequio jobs --help`, whose module then gets loaded. */
function helpAsFlag(args: readonly string[], verbs: readonly Verb[]): readonly string[] {
  if (args[0] !== "help") return args;
  const known = args[1] === undefined || verbs.some(({ name }) => name === args[1]);
  return known ? [...args.slice(1), "--help"] : args.slice(1);
}

/** Commander's message has the nearest word on a second line; that is our hint. */
function troubleOf(
  error: CommanderError,
  args: readonly string[],
  verbs: readonly Verb[],
): Trouble {
  if (error instanceof UsageError) return error.trouble;
  const [first = "", second] = error.message.replace(/^error: /, "").split("\n");
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, "")}.`;
  const near = second?.replace(/^\(|\)$/g, "");
  const verb = verbs.find(({ name }) => args.includes(name));
  const help = verb === undefined ? "See `tequio --help`." : `See \`tequio ${verb.name} --help\`.`;
  return usage(sentence, near === undefined || near === "" ? help : `${near} ${help}`);
}

function helpEnd(): string {
  const codes = [...EXIT_MEANS].map(([code, means]) => `  ${String(code).padEnd(5)}${means}`);
  return [
    "",
    "Start:",
    "  tequio up                    start a pool with this machine as its first member",
    "  tequio submit -- echo hello  run something on it",
    "  tequio demo                  see a spanning training on four unequal members",
    "",
    "Exit codes:",
    ...codes,
  ].join("\n");
}

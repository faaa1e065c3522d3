// `tequio doctor`: what this machine and its pool look like to Tequio, each line with a way to mend
// it. The checks themselves are in doctor-checks.ts.
import {
  type Command,
  DATA_DEFAULT,
  EXIT,
  green,
  loadTables,
  PORT_DEFAULT,
  red,
  type Shell,
  type VerbEnd,
  writeJson,
  yellow,
} from "@tequio/cli";
import { type Check, runChecks } from "./doctor-checks.ts";
import { port } from "./flags.ts";

interface Flags {
  readonly data: string;
  readonly port: number;
}

/** Adds the flags and the action of `tequio doctor`. */
export function define(command: Command, shell: Shell): void {
  command
    .option("--data <dir>", "Data folder that `up` would use", DATA_DEFAULT)
    .option("--port <n>", "Port that `up` would use", port, PORT_DEFAULT)
    .addHelpText("after", "\nEnds with 1 when a check failed; a warning is no failure.")
    .action(shell.act(() => run(command.opts<Flags>(), shell)));
}

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  const checks = await runChecks(flags, shell);
  const failed = checks.filter(({ state }) => state === "fail").length;
  if (shell.globals().json) {
    writeJson(terminal, { ok: failed === 0, checks });
    return failed === 0 ? EXIT.OK : EXIT.FAILED;
  }
  const { writeTable } = await loadTables();
  const colour = { ok: green, warn: yellow, fail: red };
  writeTable<Check>(
    terminal,
    [
      { head: "CHECK", cell: ({ name }) => name },
      {
        head: "",
        cell: ({ state }) => state,
        paint: (text, { state }) => colour[state](terminal, text),
      },
      { head: "FOUND", cell: ({ found }) => found, least: 30 },
    ],
    checks,
    "",
  );
  for (const { name, hint } of checks.filter((one) => one.hint !== undefined)) {
    terminal.out(`\n${name}: ${hint}`);
  }
  const warned = checks.filter(({ state }) => state === "warn").length;
  const verdict = failed > 0 ? `${failed} failed` : warned > 0 ? "fit, with warnings" : "all well";
  terminal.out(`${checks.some(({ hint }) => hint !== undefined) ? "\n" : ""}\n${verdict}\n`);
  return failed === 0 ? EXIT.OK : EXIT.FAILED;
}

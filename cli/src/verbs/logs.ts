// `tequio logs ID`: what a task wrote, as it wrote it.
import type { Command } from "commander";
import { interruptible } from "../interrupt.ts";
import { streamLog } from "../log-stream.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";

interface Flags {
  readonly follow: boolean;
  readonly task: number;
  readonly attempt?: number;
  readonly member?: string;
}

/** Adds the flags and the action of `tequio logs`. */
export function define(command: Command, shell: Shell): void {
  command
    .argument("<id>", "Job id")
    .option("-f, --follow", "Go on until the job ends")
    .option("--task <n>", "Which task of the job, from 0", wholeFrom(0), 0)
    .option("--attempt <n>", "Which attempt; default: the newest", wholeFrom(1))
    .option("--member <name>", "Of a run: the part on this member")
    .addHelpText("after", "\nCtrl-C stops following; the job goes on.")
    .action(
      shell.act(async (id: string) => {
        const flags = command.opts<Flags>();
        const interrupt = interruptible(shell.terminal);
        try {
          const wish = { id, ...flags, follow: flags.follow === true };
          return await streamLog(shell, await shell.pool(), wish, interrupt);
        } finally {
          interrupt.done();
        }
      }),
    );
}

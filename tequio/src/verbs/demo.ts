// `tequio demo`, which `npm start` runs: flags only; the demonstration itself is in ../demo.

import { join } from "node:path";
import { type Command, DATA_DEFAULT, Option, PORT_DEFAULT, type Shell } from "@tequio/cli";
import { port, positive, whole } from "./flags.ts";

interface Flags {
  readonly minutes: number;
  readonly open: boolean;
  readonly port: number;
  readonly data: string;
  readonly resume?: boolean;
  readonly seed: number;
}

const MINUTES_DEFAULT = 3;

/** Adds the flags and the action of `tequio demo`. */
export function define(command: Command, shell: Shell): void {
  command
    .option("--minutes <n>", "How long all of it may take", positive, MINUTES_DEFAULT)
    .option("--no-open", "Do not open the console in a browser")
    .option("--port <n>", "Port of the console; 0: any free one", port, PORT_DEFAULT)
    .option("--data <dir>", "Folder of the demonstration", join(DATA_DEFAULT, "..", "demo"))
    .addOption(new Option("--resume", "Go on with an unfinished demonstration").conflicts("fresh"))
    .option("--fresh", "Start anew; the last one is kept beside it")
    .option("--seed <n>", "Seed of the model's first weights", whole, 1)
    .action(
      shell.act(async () => {
        const flags = command.opts<Flags & { readonly fresh?: boolean }>();
        const { runDemo } = await import("../demo/main.ts");
        const { minutes, open, data, seed } = flags;
        const resume = flags.fresh === true ? false : flags.resume;
        return runDemo({
          ...{ minutes, open, data, seed, port: flags.port, json: shell.globals().json },
          ...(resume === undefined ? {} : { resume }),
        });
      }),
    );
}

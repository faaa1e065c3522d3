// The outside of a command as one value: where text goes, how wide it may be, the environment,
// the clock and Ctrl-C. Tests hand in their own; `processTerminal` is the real one.

export interface Terminal {
  /** Writes results; bytes as they are, for logs. */
  readonly out: (text: string | Uint8Array) => void;
  /** Writes everything that is not a result: progress, errors, hints. */
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Home folder, for `~/.config`. */
  readonly home: string;
  /** Characters of a line; Infinity where nobody looks. */
  readonly columns: number;
  readonly isTty: boolean;
  readonly colour: boolean;
  readonly nowMs: () => number;
  readonly readStdin: () => Promise<string>;
  /** Calls back on Ctrl-C instead of ending; returns how to stop listening. */
  readonly onInterrupt: (act: () => void) => () => void;
}

const COLUMNS_DEFAULT = 100;

/** True when escape codes are wanted: https://no-color.org, and FORCE_COLOR as Node has it. */
function wantsColour(env: NodeJS.ProcessEnv, isTty: boolean): boolean {
  if (env.NO_COLOR) return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTty && env.TERM !== "dumb";
}

/** The terminal, or the pipe, that this process was started in. */
export function processTerminal(home: string): Terminal {
  const { stdout, stderr, stdin, env } = process;
  // `tequio jobs | head` closes the pipe early: that is no error of ours.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  const isTty = stdout.isTTY === true;
  const asked = Number(env.COLUMNS);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    env,
    cwd: process.cwd(),
    home,
    columns: isTty ? (stdout.columns ?? COLUMNS_DEFAULT) : asked > 0 ? asked : Infinity,
    isTty,
    colour: wantsColour(env, isTty),
    nowMs: () => Date.now(),
    readStdin: async () => {
      const parts: Buffer[] = [];
      for await (const part of stdin) parts.push(part as Buffer);
      return Buffer.concat(parts).toString("utf8");
    },
    onInterrupt: (act) => {
      process.on("SIGINT", act);
      return () => void process.off("SIGINT", act);
    },
  };
}

// Runs a command line inside the test's process against a terminal that remembers.
import { POOL_VERBS, runProgram, type Terminal } from "../index.ts";

/** The clock of every test: 2026-11-22 12:00:00 UTC. */
export const NOW_MS = Date.UTC(2026, 10, 22, 12);

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly colour?: boolean;
  readonly stdin?: string;
  readonly cwd?: string;
  readonly home?: string;
  /** Gets Ctrl-C of the command when it starts to listen for it. */
  readonly onInterruptible?: (interrupt: () => void) => void;
  readonly onOut?: (data: string | Uint8Array) => void;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** stdout as one JSON document. */
  readonly json: () => unknown;
  /** stdout as JSON lines. */
  readonly lines: () => unknown[];
}

/** Nothing of the user who runs the tests is looked at. */
const NOWHERE = "/nonexistent-home";

/** Runs `tequio ARGS` with the verbs that speak to a pool. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out: Buffer[] = [];
  let err = "";
  const terminal: Terminal = {
    out: (text) => {
      out.push(Buffer.from(text));
      options.onOut?.(text);
    },
    err: (text) => {
      err += text;
    },
    env: options.env ?? {},
    cwd: options.cwd ?? NOWHERE,
    home: options.home ?? NOWHERE,
    columns: options.columns ?? Number.POSITIVE_INFINITY,
    isTty: options.columns !== undefined,
    colour: options.colour ?? false,
    nowMs: () => NOW_MS,
    readStdin: async () => options.stdin ?? "",
    onInterrupt: (act) => {
      options.onInterruptible?.(act);
      return () => {};
    },
  };
  const code = await runProgram({ verbs: POOL_VERBS, version: "1.2.3", terminal, args });
  const text = Buffer.concat(out).toString("utf8");
  return {
    ...{ code, out: text, err },
    json: () => JSON.parse(text),
    lines: () =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown),
  };
}

// What a verb is to the program: a name and a line of help that cost nothing, and a module that
// is loaded only when the verb is called. A verb's action answers with an exit code or a refusal;
// how that is shown and what the process ends with is decided in program.ts, once for all.
import type { Client, Problem } from "@tequio/contract";
import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

/** Expected trouble, as the pool sends it or as the command line finds it. */
export type Trouble = Omit<Problem, "requestId"> & { readonly ok?: false };

/** An action's end: nothing or 0 is good. */
export type VerbEnd = number | undefined | Trouble;

export interface Globals {
  readonly url?: string;
  readonly token?: string;
  readonly json: boolean;
}

export interface Shell {
  readonly terminal: Terminal;
  readonly version: string;
  /** Values of the flags that every verb has. */
  readonly globals: () => Globals;
  /** What stood after `--`; undefined when there was no `--`. */
  readonly afterDashes: readonly string[] | undefined;
  /** The pool that this call means; see connection.ts for where it looks. */
  readonly pool: () => Promise<Client>;
  /** Makes commander's action of a verb's own. */
  readonly act: <A extends unknown[]>(
    action: (...args: A) => Promise<VerbEnd>,
  ) => (...args: A) => Promise<void>;
}

export interface VerbModule {
  /** Adds flags, arguments and actions. */
  readonly define: (command: Command, shell: Shell) => void;
}

export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** Heading under which `tequio --help` lists it. */
  readonly group: string;
  /** Arguments after `--` belong to the verb. */
  readonly takesDashes?: boolean;
  readonly load: () => Promise<VerbModule>;
}

/** A refusal that the command line itself makes. */
export const usage = (message: string, hint: string): Trouble => ({ code: "USAGE", message, hint });

// How trouble is shown: `error CODE: message` and `hint: ...` for people, one JSON object for
// programs, always on stderr, so that stdout holds results only.
import type { Terminal } from "./terminal.ts";
import type { Trouble } from "./verb.ts";

const ESC = "\u001b[";
const paint = (terminal: Terminal, code: string, text: string): string =>
  terminal.colour ? `${ESC}${code}m${text}${ESC}0m` : text;

// Each colour where it is wanted, and plain text elsewhere.
/** Failures. */
export const red = (terminal: Terminal, text: string): string => paint(terminal, "31", text);
/** Good ends. */
export const green = (terminal: Terminal, text: string): string => paint(terminal, "32", text);
/** What deserves a look. */
export const yellow = (terminal: Terminal, text: string): string => paint(terminal, "33", text);
/** What is beside the point. */
export const dim = (terminal: Terminal, text: string): string => paint(terminal, "2", text);
/** Heads of tables and names. */
export const bold = (terminal: Terminal, text: string): string => paint(terminal, "1", text);

/** The parts of a refusal that programs read. */
export const troubleJson = ({ code, message, hint, at }: Trouble): string =>
  JSON.stringify(at === undefined ? { code, message, hint } : { code, message, hint, at });

/** Shows a refusal on stderr. */
export function showTrouble(terminal: Terminal, trouble: Trouble, json: boolean): void {
  if (json) {
    terminal.err(`${troubleJson(trouble)}\n`);
    return;
  }
  const { code, message, hint } = trouble;
  terminal.err(`${red(terminal, `error ${code}:`)} ${message}\n`);
  if (hint !== "") terminal.err(`${dim(terminal, "hint:")} ${hint}\n`);
}

/** Writes one JSON document, or one line of a stream of them. */
export function writeJson(terminal: Terminal, value: unknown, how?: "line"): void {
  terminal.out(`${how === "line" ? JSON.stringify(value) : JSON.stringify(value, null, 2)}\n`);
}

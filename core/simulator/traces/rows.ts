// What all readers of traces share: lines cut into fields, numbers checked, and one way to say
// where a file is broken. Reading the file from disk and unpacking it is left to the caller.
import { type Outcome, ok, refuse } from "../../pool/index.ts";

/** One line of a trace, cut into fields, with its number in the file (the first line is 1). */
export interface TraceLine {
  readonly line: number;
  readonly fields: readonly string[];
}

/** A field that is not what it should be. Thrown inside the readers only; callers get a value. */
export class BrokenLine extends Error {
  readonly line: number;
  readonly expected: string;
  readonly found: string;
  constructor(line: number, expected: string, found: string) {
    super(`line ${line}: expected ${expected}, found ${found}`);
    this.line = line;
    this.expected = expected;
    this.found = found;
  }
}

/** Largest time and length that a reader takes, in seconds: 100 years. More is a broken file. */
export const TRACE_SECONDS_MAX = 100 * 366 * 86_400;
/** Widest job that a reader takes, in accelerators. The largest machines have fewer. */
export const TRACE_GPUS_MAX = 1_000_000;
/** How much of a broken field is shown. */
const FOUND_CHARACTERS_MAX = 60;

/** Lines one by one, so that a large file is never held twice; a byte order mark goes. */
export function* linesOf(
  text: string,
): Generator<{ readonly line: number; readonly text: string }> {
  let line = 0;
  for (let from = text.startsWith("\uFEFF") ? 1 : 0; from <= text.length; ) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    line += 1;
    yield { line, text: text.slice(from, to) };
    from = to + 1;
  }
}

/** Cuts text into lines of comma-separated fields; empty lines go. */
export function* csvLines(text: string): Generator<TraceLine> {
  for (const { line, text: raw } of linesOf(text)) {
    const row = raw.trim();
    if (row !== "") yield { line, fields: row.split(",").map((field) => field.trim()) };
  }
}

/** Takes the header off and checks that it names these columns in this order. */
export function withHeader(text: string, columns: readonly string[]): TraceLine[] {
  const lines = [...csvLines(text)];
  const header = lines.shift();
  const want = columns.join(",");
  if (header === undefined) throw new BrokenLine(1, `the columns ${want}`, "an empty file");
  if (header.fields.join(",") !== want) {
    throw new BrokenLine(header.line, `the columns ${want}`, header.fields.join(","));
  }
  for (const { line, fields } of lines) {
    if (fields.length !== columns.length) {
      throw new BrokenLine(line, `${columns.length} fields (${want})`, `${fields.length} fields`);
    }
  }
  return lines;
}

/** A number within bounds, both included. */
export function numberAt(
  { line, fields }: TraceLine,
  column: number,
  [name, from, to]: readonly [name: string, from: number, to: number],
): number {
  const text = fields[column] ?? "";
  const value = text === "" ? Number.NaN : Number(text);
  if (!(value >= from && value <= to)) {
    throw new BrokenLine(line, `${name} as a number from ${from} to ${to}`, shown(text));
  }
  return value;
}

/** A whole number within bounds, both included. */
export function wholeAt(
  at: TraceLine,
  column: number,
  bounds: readonly [name: string, from: number, to: number],
): number {
  const value = numberAt(at, column, bounds);
  if (!Number.isInteger(value)) {
    throw new BrokenLine(at.line, `${bounds[0]} as a whole number`, shown(at.fields[column] ?? ""));
  }
  return value;
}

/** A field that is not empty. */
export function textAt({ line, fields }: TraceLine, column: number, name: string): string {
  const text = fields[column] ?? "";
  if (text === "") throw new BrokenLine(line, name, "nothing");
  return text;
}

/** A field in quotes, cut to a length that fits into a message. */
export const shown = (text: string): string =>
  JSON.stringify(
    text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}…` : text,
  );

/** Runs a reader: its rows, or a refusal that says which line is broken. Nothing half-loaded. */
export function reading<T>(format: string, read: () => T): Outcome<T> {
  try {
    return ok(read());
  } catch (error) {
    if (!(error instanceof BrokenLine)) throw error;
    return refuse(
      "INVALID_REQUEST",
      `The ${format} trace is broken: expected ${error.expected}, found ${error.found}.`,
      "Repair or remove the line and read the file again; nothing of it was loaded.",
      `line ${error.line}`,
    );
  }
}

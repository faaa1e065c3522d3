// What the replays of traces share: files read and unpacked, refusals shown, tables printed.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Outcome } from "@tequio/core/pool";

/** The first two bytes of a gzip file. */
const GZIP = [0x1f, 0x8b];

/** A file's text, unpacked if it is gzip. */
export function readText(path: string): string {
  const bytes = readFileSync(path);
  const packed = bytes[0] === GZIP[0] && bytes[1] === GZIP[1];
  return (packed ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** Reads a trace; a broken one ends the program with what was wrong and where. */
export function readTrace<T>(path: string, parse: (text: string) => Outcome<T>): T {
  let outcome: Outcome<T>;
  try {
    outcome = parse(readText(path));
  } catch (error) {
    return stop(`${path}: ${error instanceof Error ? error.message : error}`);
  }
  if (outcome.ok) return outcome.value;
  return stop(`${path}, ${outcome.at}: ${outcome.message} ${outcome.hint}`);
}

/** Ends the program with a message for the user. */
export function stop(message: string): never {
  console.error(message);
  process.exit(2);
}

/** A number above a bound from the command line. */
export function numberOption(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && Number.isFinite(value)) return value;
  return stop(`--${name} must be a number of at least ${least}, not ${JSON.stringify(text)}.`);
}

/** Prints rows below a header, columns aligned: the first to the left, others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!),
    );
    console.log(cells.join("  ").trimEnd());
  }
}

/** A number with so many digits behind the point. */
export const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "-";

/** A number rounded for a record. */
export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));

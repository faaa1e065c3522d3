// Tables and lists of facts for people: aligned columns without borders, cut to the terminal.
// Where the width is unlimited (a pipe) nothing is cut, so `| grep` sees all of it.
import Table from "cli-table3";
import { bold, dim } from "./report.ts";
import type { Terminal } from "./terminal.ts";

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  readonly align?: "right";
  /** The column may shrink to so many characters when the terminal is narrow. */
  readonly least?: number;
  /** Colours the finished cell. */
  readonly paint?: (text: string, row: Row) => string;
}

const GAP = 2;
const NO_BORDER = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "" },
};

// Names and messages come from other people's machines: escape codes in them would act on ours.
const CONTROL = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Text of others, made safe to print: control characters become spaces. */
export const plain = (text: string): string => text.replaceAll(CONTROL, " ");

/** The same, but lines stay lines. */
export const plainLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => plain(line.replace(/\r$/, "")))
    .join("\n");

const widthOf = (text: string): number => [...text].length;

/** Lines of a table; the last column has no padding behind it. Empty without rows. */
export function tableText<Row>(
  terminal: Terminal,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  if (rows.length === 0) return "";
  const cells = rows.map((row) => columns.map((column) => plain(column.cell(row))));
  const widths = fit(
    columns.map((column, at) =>
      Math.max(widthOf(column.head), ...cells.map((row) => widthOf(row[at]!))),
    ),
    columns.map(({ least }) => least),
    terminal.columns,
  );
  const table = new Table({
    head: columns.map(({ head }) => bold(terminal, head)),
    chars: NO_BORDER,
    style: { "padding-left": 0, "padding-right": GAP, head: [], border: [], compact: true },
    colWidths: widths.map((width) => width + GAP),
    colAligns: columns.map(({ align }) => align ?? "left"),
    truncate: "…",
  });
  for (const [at, row] of rows.entries()) {
    table.push(
      cells[at]!.map((text, index) => {
        const cut = truncate(text, widths[index]!);
        return columns[index]!.paint?.(cut, row) ?? cut;
      }),
    );
  }
  const lines = table.toString().split("\n");
  return `${lines.map((line) => line.replace(/\s+$/, "")).join("\n")}\n`;
}

const truncate = (text: string, width: number): string =>
  widthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join("")}…`;

/** Takes what is too much from the shrinking columns, the widest first. */
function fit(
  natural: readonly number[],
  least: readonly (number | undefined)[],
  columns: number,
): readonly number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, width) => sum + width + GAP, -GAP);
  while (total() > columns) {
    let widest = -1;
    for (const [at, width] of widths.entries()) {
      const min = least[at];
      if (min === undefined || width <= min) continue;
      if (widest < 0 || width > widths[widest]!) widest = at;
    }
    if (widest < 0) break;
    widths[widest]! -= 1;
  }
  return widths;
}

/** Writes a table, or the sentence that stands for an empty one. */
export function writeTable<Row>(
  terminal: Terminal,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  empty: string,
): void {
  terminal.out(rows.length === 0 ? `${empty}\n` : tableText(terminal, columns, rows));
}

/** Lines of `name  value`, names aligned; facts without a value are left out. */
export function factsText(
  terminal: Terminal,
  facts: readonly (readonly [string, string | undefined])[],
): string {
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(...known.map(([name]) => widthOf(name)));
  return known
    .map(([name, value]) => `${dim(terminal, name.padEnd(width))}  ${plain(value!)}\n`)
    .join("");
}

/** Writes facts; see `factsText`. */
export const writeFacts = (
  terminal: Terminal,
  facts: readonly (readonly [string, string | undefined])[],
): void => terminal.out(factsText(terminal, facts));

// Small parts of a Markdown page: a heading with the remark that the page is made by a program,
// tables, and numbers as people read them. What stands on which page is in the files beside it.

/** A page by its file name in docs/reference. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

const WIDTH = 100;

/** Breaks a paragraph into lines of at most 100 columns; a longer word stays whole. */
export function wrap(paragraph: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.split(/\s+/).filter((part) => part !== "")) {
    const next = line === "" ? word : `${line} ${word}`;
    if (next.length + indent.length <= WIDTH) line = next;
    else {
      if (line !== "") lines.push(line);
      line = word;
    }
  }
  return [...lines, line].filter((one) => one !== "").join(`\n${indent}`);
}

/** A page with its title and what it was made from. Blocks are paragraphs, tables, headings. */
export function page(
  file: string,
  title: string,
  from: readonly string[],
  blocks: readonly string[],
): Page {
  const sources = from.map((path) => `\`${path}\``).join(", ");
  const made = wrap(`Made by \`npm run docs\` from ${sources}; do not edit it by hand.`);
  return { file, text: `${[`# ${title}`, made, ...blocks].join("\n\n")}\n` };
}

/** A table; bars and line breaks in cells are made harmless. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row)].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");

/** Text as code, or nothing. */
export const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

const UNITS: readonly (readonly [RegExp, readonly (readonly [number, string])[]])[] = [
  [
    /BYTES/,
    [
      [2 ** 30, "GiB"],
      [2 ** 20, "MiB"],
      [2 ** 10, "KiB"],
    ],
  ],
  [
    /_MS$/,
    [
      [86_400_000, "d"],
      [3_600_000, "h"],
      [60_000, "min"],
      [1_000, "s"],
    ],
  ],
];

/** A "round" number above this is none. */
const ROUND_MAX = 1_023;

/** `1,048,576 (1 MiB)`: the exact number, and the round one when its name tells the unit. */
export function quantity(name: string, source: string): string {
  const value = Number(source.replaceAll("_", ""));
  if (!Number.isFinite(value)) return code(source);
  const exact = Number.isInteger(value) ? value.toLocaleString("en-US") : String(value);
  const steps = UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? [];
  const fitting = steps.find(
    ([size]) => value % size === 0 && value >= size && value / size <= ROUND_MAX,
  );
  return fitting === undefined ? exact : `${exact} (${value / fitting[0]} ${fitting[1]})`;
}

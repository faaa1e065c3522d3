// The statement as a file for spreadsheets and scripts. Whole units, so that sums stay exact.
import type { StatementLine, StatementView } from "@tequio/contract";

const COLUMNS = [
  "member",
  "project",
  "jobId",
  "jobName",
  "kind",
  "attempts",
  "deviceMs",
  "cpuMs",
  "tokens",
  "rounds",
  "bytesUp",
  "bytesDown",
  "microCredits",
] as const satisfies readonly (keyof StatementLine)[];

/** A cell as RFC 4180 wants it. A text that a spreadsheet would compute gets a quote before it. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** CSV of all lines after RFC 4180, with a head line. */
export function statementCsv(statement: Pick<StatementView, "lines">): string {
  const rows = statement.lines.map((line) => COLUMNS.map((name) => cell(line[name])).join(","));
  return [COLUMNS.join(","), ...rows, ""].join("\r\n");
}

export type GroupBy = "member" | "project";

export interface Group {
  readonly name: string;
  readonly lines: readonly StatementLine[];
  readonly deviceMs: number;
  readonly cpuMs: number;
  readonly microCredits: number;
}

/** Lines together by member or by project, in the order of their first line, with their sums. */
export function groupLines(lines: readonly StatementLine[], by: GroupBy): readonly Group[] {
  const groups = new Map<string, StatementLine[]>();
  for (const line of lines) {
    const known = groups.get(line[by]);
    if (known === undefined) groups.set(line[by], [line]);
    else known.push(line);
  }
  return [...groups].map(([name, own]) => ({
    name,
    lines: own,
    deviceMs: sum(own, "deviceMs"),
    cpuMs: sum(own, "cpuMs"),
    microCredits: sum(own, "microCredits"),
  }));
}

const sum = (lines: readonly StatementLine[], part: "deviceMs" | "cpuMs" | "microCredits") =>
  lines.reduce((total, line) => total + line[part], 0);

// `tequio usage`: the statement, who used what and what is owed, with totals.
import type { StatementLine, StatementView } from "@tequio/contract";
import type { Command } from "commander";
import { bytes, clock, counted, credits, stamp, whole } from "../format.ts";
import { bold, dim, writeJson } from "../report.ts";
import { type Column, writeTable } from "../table.ts";
import { pointMs } from "../values.ts";
import type { Shell } from "../verb.ts";

interface Flags {
  readonly member?: string;
  readonly project?: string;
  readonly from?: number;
  readonly to?: number;
}

type Row = Omit<StatementLine, "kind"> & { readonly total?: true };

/** Adds the flags and the action of `tequio usage`. */
export function define(command: Command, shell: Shell): void {
  const point = pointMs(shell.terminal.nowMs);
  command
    .option("--member <name>", "Only what this member lent")
    .option("--project <name>", "Only what this project used")
    .option("--from <time>", "From `2026-11-01`, `2026-11-01T08:00` or `7d` (ago)", point)
    .option("--to <time>", "Up to that time, not included", point)
    .action(
      shell.act(async () => {
        const { member, project, from, to } = command.opts<Flags>();
        const query = {
          ...(member === undefined ? {} : { member }),
          ...(project === undefined ? {} : { project }),
          ...(from === undefined ? {} : { fromMs: from }),
          ...(to === undefined ? {} : { toMs: to }),
        };
        const reply = await (await shell.pool()).call("getUsage", { query });
        if (!reply.ok) return reply;
        if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
        show(reply.value, shell);
        return undefined;
      }),
    );
}

function show(statement: StatementView, { terminal }: Shell): void {
  const { fromMs, toMs, nowMs, lines, totals } = statement;
  const from = fromMs === undefined ? "the beginning" : stamp(fromMs);
  terminal.out(`${bold(terminal, "Statement")} from ${from} to ${stamp(toMs ?? nowMs)}\n\n`);
  if (lines.length === 0) {
    terminal.out("Nothing was used in this time.\n");
    return;
  }
  const total: Row = {
    ...{ member: "total", project: "", jobId: "", jobName: counted(lines.length, "line") },
    ...{ attempts: 0, rounds: 0, total: true, ...totals },
  };
  const columns = statementColumns(lines.some(({ rounds }) => rounds > 0)).map((column) => ({
    ...column,
    paint: (text: string, row: Row) => (row.total === true ? bold(terminal, text) : text),
  }));
  writeTable<Row>(terminal, columns, [...lines, total], "");
  const note = "Credits: what the project owes the member, by the pool's charge rates.";
  terminal.out(`\n${dim(terminal, note)}\n`);
}

/** The columns of trainings only when there is one. */
function statementColumns(withRuns: boolean): readonly Column<Row>[] {
  const count = (value: number): string => (value === 0 ? "" : whole(value));
  const size = (value: number): string => (value === 0 ? "" : bytes(value));
  const training: readonly Column<Row>[] = [
    { head: "ROUNDS", cell: ({ rounds }) => count(rounds), align: "right" },
    { head: "TOKENS", cell: ({ tokens }) => count(tokens), align: "right" },
    { head: "SENT", cell: ({ bytesUp }) => size(bytesUp), align: "right" },
  ];
  return [
    { head: "MEMBER", cell: ({ member }) => member, least: 8 },
    { head: "PROJECT", cell: ({ project }) => project, least: 7 },
    { head: "USER", cell: ({ user }) => user ?? "", least: 5 },
    { head: "JOB", cell: ({ jobId }) => jobId, align: "right" },
    { head: "NAME", cell: ({ jobName }) => jobName, least: 6 },
    { head: "DEVICE TIME", cell: ({ deviceMs }) => clock(deviceMs), align: "right" },
    { head: "CPU TIME", cell: ({ cpuMs }) => clock(cpuMs), align: "right" },
    ...(withRuns ? training : []),
    { head: "CREDITS", cell: ({ microCredits }) => credits(microCredits), align: "right" },
  ];
}

// `tequio books`: the months of the books, their totals, and which of them are closed.
import type { BookMonth } from "@tequio/contract";
import type { Command } from "commander";
import { clock, credits, whole } from "../format.ts";
import { dim, writeJson } from "../report.ts";
import { type Column, writeTable } from "../table.ts";
import type { Shell } from "../verb.ts";

const COLUMNS: readonly Column<BookMonth>[] = [
  { head: "MONTH", cell: ({ period }) => period },
  { head: "STATE", cell: ({ state }) => state },
  { head: "ATTEMPTS", cell: ({ leases }) => whole(leases), align: "right" },
  { head: "DEVICE TIME", cell: ({ deviceMs }) => clock(deviceMs), align: "right" },
  { head: "CPU TIME", cell: ({ cpuMs }) => clock(cpuMs), align: "right" },
  { head: "CREDITS", cell: ({ microCredits }) => credits(microCredits), align: "right" },
  { head: "DIGEST", cell: ({ digest = "" }) => digest.slice(0, 16) },
];

/** Adds the action of `tequio books`. */
export function define(command: Command, shell: Shell): void {
  command.action(
    shell.act(async () => {
      const reply = await (await shell.pool()).call("listBooks", {});
      if (!reply.ok) return reply;
      const { terminal } = shell;
      if (shell.globals().json) return void writeJson(terminal, reply.value);
      writeTable<BookMonth>(terminal, COLUMNS, reply.value.rows, "Nothing was used yet.");
      const note = "A closed month never changes. Its lines: tequio usage --from ... --to ...";
      if (reply.value.rows.length > 0) terminal.out(`\n${dim(terminal, note)}\n`);
      return undefined;
    }),
  );
}

// `tequio maintenance`: times in which a member's machines are not to be used.
import type { MaintenanceView } from "@tequio/contract";
import type { Command } from "commander";
import { relative, stamp } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { aheadMs, durationMs } from "../values.ts";
import { type Shell, usage } from "../verb.ts";

interface Flags {
  readonly from?: number;
  readonly to?: number;
  readonly for?: number;
  readonly site?: string;
  readonly reason?: string;
}

/** Adds the flags and the actions of `tequio maintenance`. */
export function define(command: Command, shell: Shell): void {
  const point = aheadMs(() => shell.terminal.nowMs());
  const plan = command
    .command("plan")
    .description("Plan a time without leases; what runs then is recalled in time")
    .argument("<member>")
    .option(
      "--from <time>",
      "Its beginning: a date with a time, or 2h from now; absent: now",
      point,
    )
    .option("--to <time>", "Its end", point)
    .option("--for <duration>", "Its length, instead of --to", durationMs)
    .option("--site <id>", "Only this site of the member")
    .option("--reason <text>", "Shown to everybody who waits for it");
  plan.action(shell.act((member: string) => planWindow(member, plan.opts<Flags>(), shell)));
  command
    .command("list")
    .description("Windows that are planned or under way")
    .argument("[member]")
    .action(shell.act((member?: string) => list(member, shell)));
  command
    .command("cancel")
    .description("Cancel a window, or end one that is under way")
    .argument("<id>", "From `tequio maintenance list`")
    .action(shell.act((id: string) => cancel(id, shell)));
}

async function planWindow(member: string, flags: Flags, shell: Shell) {
  const fromMs = flags.from ?? shell.terminal.nowMs();
  const toMs = flags.to ?? (flags.for === undefined ? undefined : fromMs + flags.for);
  if (toMs === undefined || (flags.to !== undefined && flags.for !== undefined)) {
    return usage("The window needs one end.", "Give --to TIME or --for DURATION.");
  }
  const { site, reason } = flags;
  const reply = await (await shell.pool()).call("planMaintenance", {
    body: {
      ...{ member, fromMs, toMs },
      ...(site === undefined ? {} : { site }),
      ...(reason === undefined ? {} : { reason }),
    },
  });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { id } = reply.value;
  shell.terminal.out(`${member} is in maintenance from ${stamp(fromMs)} to ${stamp(toMs)}.\n`);
  shell.terminal.out(`Cancel it with \`tequio maintenance cancel ${id}\`.\n`);
  return undefined;
}

async function list(member: string | undefined, shell: Shell) {
  const query = member === undefined ? {} : { member };
  const reply = await (await shell.pool()).call("listMaintenance", { query });
  if (!reply.ok) return reply;
  const { rows } = reply.value;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  writeTable<MaintenanceView>(
    shell.terminal,
    [
      { head: "ID", cell: ({ id }) => id, least: 13 },
      { head: "MEMBER", cell: (row) => (row.site ? `${row.member}/${row.site}` : row.member) },
      { head: "FROM", cell: ({ fromMs }) => stamp(fromMs) },
      { head: "TO", cell: ({ toMs }) => stamp(toMs) },
      { head: "STATE", cell: (row) => stateOf(row, shell.terminal.nowMs()) },
      { head: "REASON", cell: ({ reason }) => reason, least: 6 },
    ],
    rows,
    "No maintenance is planned.",
  );
  return undefined;
}

const stateOf = ({ state, fromMs, toMs }: MaintenanceView, nowMs: number): string =>
  state === "now" ? `now, ends ${relative(toMs, nowMs)}` : relative(fromMs, nowMs);

async function cancel(id: string, shell: Shell) {
  const reply = await (await shell.pool()).call("cancelMaintenance", { params: { id } });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  shell.terminal.out(`The maintenance window ${id} is cancelled.\n`);
  return undefined;
}

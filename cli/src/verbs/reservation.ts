// `tequio reservation`: capacity that is kept for a project or a user in a time window.
import type { ReservationView } from "@tequio/contract";
import { type Command, Option } from "commander";
import { relative, stamp } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { aheadMs, durationMs, wholeFrom } from "../values.ts";
import { type Shell, usage } from "../verb.ts";

interface Flags {
  readonly project?: string;
  readonly user?: string;
  readonly accelerators?: number;
  readonly nodes?: number;
  readonly kind?: "cpu" | "gpu";
  readonly model?: string;
  readonly member?: string;
  readonly site?: string;
  readonly from?: number;
  readonly to?: number;
  readonly for?: number;
  readonly reason?: string;
}

/** Adds the flags and the actions of `tequio reservation`. */
export function define(command: Command, shell: Shell): void {
  const point = aheadMs(() => shell.terminal.nowMs());
  const amount = wholeFrom(1);
  const create = command
    .command("create")
    .description("Keep accelerators or whole nodes; others use them until the window begins")
    .option("--project <name>", "For jobs of this project and those under it")
    .option("--user <name>", "For jobs of this user; with --project: only in that")
    .option("--accelerators <n>", "So many accelerators, on one site if one has them", amount)
    .option("--nodes <n>", "So many whole nodes, instead of --accelerators", amount)
    .addOption(new Option("--kind <kind>", "Only of this kind").choices(["cpu", "gpu"]))
    .option("--model <name>", "Only of this model, by its first words")
    .option("--member <name>", "Only of this member")
    .option("--site <id>", "Only of this site")
    .option(
      "--from <time>",
      "Its beginning: a date with a time, or 2h from now; absent: now",
      point,
    )
    .option("--to <time>", "Its end", point)
    .option("--for <duration>", "Its length, instead of --to", durationMs)
    .option("--reason <text>", "Kept with it in the journal and the list");
  create.action(shell.act(() => createOne(create.opts<Flags>(), shell)));
  command
    .command("list")
    .description("Reservations that are planned or under way")
    .action(shell.act(() => list(shell)));
  command
    .command("cancel")
    .description("Cancel a reservation, or end one whose window has begun")
    .argument("<id>", "From `tequio reservation list`")
    .action(shell.act((id: string) => cancel(id, shell)));
}

async function createOne(flags: Flags, shell: Shell) {
  const fromMs = flags.from ?? shell.terminal.nowMs();
  const toMs = flags.to ?? (flags.for === undefined ? undefined : fromMs + flags.for);
  if (toMs === undefined || (flags.to !== undefined && flags.for !== undefined)) {
    return usage("The window needs one end.", "Give --to TIME or --for DURATION.");
  }
  const { from: _from, to: _to, for: _for, ...rest } = flags;
  const body = { ...rest, fromMs, toMs };
  const reply = await (await shell.pool()).call("createReservation", { body });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { terminal } = shell;
  const { id, overlaps, kept } = reply.value;
  terminal.out(`Reservation ${id}: ${amountOf(reply.value)} for ${whose(reply.value)} `);
  terminal.out(`from ${stamp(fromMs)} to ${stamp(toMs)}, on ${placesOf(kept)}.\n`);
  for (const { jobId, endsAtMs } of overlaps) {
    terminal.out(`Job ${jobId} runs there and may do so until ${stamp(endsAtMs)}.\n`);
  }
  terminal.out(`Cancel it with \`tequio reservation cancel ${id}\`.\n`);
  return undefined;
}

async function list(shell: Shell) {
  const reply = await (await shell.pool()).call("listReservations", {});
  if (!reply.ok) return reply;
  const { rows } = reply.value;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  writeTable<ReservationView>(
    shell.terminal,
    [
      { head: "ID", cell: ({ id }) => id, least: 6 },
      { head: "FOR", cell: whose },
      { head: "KEPT", cell: amountOf },
      { head: "ON", cell: ({ kept }) => placesOf(kept) },
      { head: "FROM", cell: ({ fromMs }) => stamp(fromMs) },
      { head: "TO", cell: ({ toMs }) => stamp(toMs) },
      { head: "STATE", cell: (row) => stateOf(row, shell.terminal.nowMs()) },
      { head: "REASON", cell: ({ reason }) => reason, least: 6 },
    ],
    rows,
    "Nothing is reserved.",
  );
  return undefined;
}

const whose = ({ project, user }: ReservationView): string =>
  [...(project === undefined ? [] : [project]), ...(user === undefined ? [] : [`@${user}`])].join(
    " ",
  );

/** `4 H100`, `1 node`. */
function amountOf({ accelerators, nodes, model, kind }: ReservationView): string {
  const of = model ?? kind;
  if (nodes !== undefined) {
    return `${nodes} ${nodes === 1 ? "node" : "nodes"}${of === undefined ? "" : ` with ${of}`}`;
  }
  return `${accelerators} ${of ?? (accelerators === 1 ? "accelerator" : "accelerators")}`;
}

/** Nodes in one cell; a longer list is in the JSON. */
const PLACES_SHOWN_MAX = 3;

function placesOf(kept: ReservationView["kept"]): string {
  const names = kept.map(({ member, node, here }) => `${member}/${node}${here ? "" : " (away)"}`);
  const more = names.length - PLACES_SHOWN_MAX;
  const shown = names.slice(0, PLACES_SHOWN_MAX).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function stateOf({ state, fromMs, toMs, overlaps }: ReservationView, nowMs: number): string {
  const when = state === "now" ? `now, ends ${relative(toMs, nowMs)}` : relative(fromMs, nowMs);
  return overlaps.length === 0 ? when : `${when}, behind job ${overlaps[0]!.jobId}`;
}

async function cancel(id: string, shell: Shell) {
  const reply = await (await shell.pool()).call("cancelReservation", { params: { id } });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  shell.terminal.out(`The reservation ${id} is cancelled.\n`);
  return undefined;
}

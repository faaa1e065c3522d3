// `tequio jobs`: the list of jobs, newest first.
import type { JobView } from "@tequio/contract";
import { type Command, Option } from "commander";
import { clock, relative } from "../format.ts";
import { readRows } from "../pages.ts";
import { dim, writeJson } from "../report.ts";
import { paintState, stateText } from "../states.ts";
import { type Column, writeTable } from "../table.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";

const ROWS_DEFAULT = 30;

interface Flags {
  readonly state: "queued" | "active" | "ended" | "all";
  readonly project?: string;
  readonly member?: string;
  readonly limit: number;
  readonly array?: string;
}

/** Adds the flags and the action of `tequio jobs`. */
export function define(command: Command, shell: Shell): void {
  command
    .addOption(
      new Option("--state <state>", "Only these jobs")
        .choices(["queued", "active", "ended", "all"])
        .default("all"),
    )
    .option("--project <name>", "Only jobs of this project")
    .option("--member <name>", "Only jobs on this member")
    .option("--array <id>", "Only the tasks of this array")
    .option("--limit <n>", "At most so many, newest first", wholeFrom(1), ROWS_DEFAULT)
    .action(shell.act(() => list(command.opts<Flags>(), shell)));
}

async function list(flags: Flags, shell: Shell) {
  const { terminal } = shell;
  const { state, project, member, array: arrayId } = flags;
  const query = { state, project, member, arrayId };
  const reply = await readRows(await shell.pool(), "listJobs", query, flags.limit);
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(terminal, reply.rows);
  const filtered = state !== "all" || [project, member, arrayId].some((one) => one !== undefined);
  const empty = filtered ? "No such jobs." : "No jobs yet. Try `tequio submit -- echo hello`.";
  writeTable(terminal, columns(shell), reply.rows, empty);
  if (reply.more) terminal.err(`${dim(terminal, "There are more: --limit shows them.")}\n`);
  return undefined;
}

function columns(shell: Shell): readonly Column<JobView>[] {
  const { terminal } = shell;
  const nowMs = terminal.nowMs();
  return [
    { head: "ID", cell: ({ id }) => id, align: "right" },
    { head: "NAME", cell: ({ name }) => name, least: 8 },
    { head: "PROJECT", cell: ({ project }) => project, least: 7 },
    {
      head: "STATE",
      cell: stateText,
      paint: (text, job) => paintState(terminal, text, job),
    },
    { head: "NEEDS", cell: needs },
    { head: "SUBMITTED", cell: (job) => relative(job.submittedAtMs, nowMs) },
    { head: "RAN", cell: (job) => ran(job, nowMs), align: "right" },
    { head: "MEMBERS", cell: ({ members }) => members.join(","), least: 7 },
    { head: "WHY", cell: ({ reason }) => reason, least: 12 },
  ];
}

/** `4 x 2 acc`: tasks, and the accelerators of all of them. */
function needs({ kind, tasks, accelerators }: JobView): string {
  const acc = accelerators === 0 ? "cpu" : `${accelerators} acc`;
  if (kind === "run") return `run, ${acc} each`;
  return tasks === 1 ? acc : `${tasks} tasks, ${acc}`;
}

const ran = ({ startedAtMs, endedAtMs }: JobView, nowMs: number): string =>
  startedAtMs === undefined ? "" : clock((endedAtMs ?? nowMs) - startedAtMs);

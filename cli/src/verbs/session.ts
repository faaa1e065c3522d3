// `tequio session`: where somebody is signed in, and how to end that.
import type { SessionView } from "@tequio/contract";
import type { Command } from "commander";
import { counted, relative } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { type Shell, usage } from "../verb.ts";

interface Flags {
  readonly user?: string;
  readonly all?: true;
}

/** Adds the flags and the actions of `tequio session`. */
export function define(command: Command, shell: Shell): void {
  const every = command.command("list").description("Sessions that are open");
  every
    .option("--user <name>", "Of this user")
    .action(shell.act(() => list(every.opts<Flags>(), shell)));
  const revoke = command
    .command("revoke")
    .description("End one session, or all of them but this one")
    .argument("[id]", "Its id, as `session list` shows it")
    .option("--all", "All of yours, or of --user")
    .option("--user <name>", "With --all: of this user");
  revoke.action(shell.act((id?: string) => end(id, revoke.opts<Flags>(), shell)));
}

async function end(id: string | undefined, { all, user }: Flags, shell: Shell) {
  if ((id === undefined) === (all === undefined) || (user !== undefined && all === undefined)) {
    return usage("Name one session, or say --all.", "See `tequio session list`.");
  }
  const pool = await shell.pool();
  const reply =
    id === undefined
      ? await pool.call("endSessions", { body: user === undefined ? {} : { user } })
      : await pool.call("endSession", { params: { id } });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  shell.terminal.out(`${counted(reply.value.ended.length, "session")} ended.\n`);
  return undefined;
}

async function list({ user }: Flags, shell: Shell) {
  const { terminal } = shell;
  const query = user === undefined ? {} : { query: { user } };
  const reply = await (await shell.pool()).call("listSessions", query);
  if (!reply.ok) return reply;
  const { rows } = reply.value;
  if (shell.globals().json) return void writeJson(terminal, rows);
  const nowMs = terminal.nowMs();
  writeTable<SessionView>(
    terminal,
    [
      { head: "ID", cell: ({ sessionId, current }) => (current ? `${sessionId} *` : sessionId) },
      { head: "USER", cell: (row) => row.user, least: 8 },
      { head: "BY", cell: ({ how }) => how },
      { head: "BEGUN", cell: ({ createdAtMs }) => relative(createdAtMs, nowMs) },
      { head: "USED", cell: ({ lastUsedMs }) => relative(lastUsedMs, nowMs) },
      { head: "ENDS", cell: (row) => relative(Math.min(row.expiresAtMs, row.idleEndsAtMs), nowMs) },
      { head: "PROGRAM", cell: ({ agent }) => agent, least: 10 },
    ],
    rows,
    "No sessions.",
  );
  return undefined;
}

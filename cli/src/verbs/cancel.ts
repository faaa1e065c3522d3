// `tequio cancel ID...`: cancels jobs or whole arrays. All ids are tried; the first refusal is the
// command's end.
import type { Command } from "commander";
import { showTrouble, writeJson } from "../report.ts";
import type { Shell, Trouble, VerbEnd } from "../verb.ts";

/** Adds the flags and the action of `tequio cancel`. */
export function define(command: Command, shell: Shell): void {
  command
    .argument("<id...>", "Job ids; the id of an array cancels all of its tasks")
    .action(shell.act((ids: readonly string[]) => cancel(ids, shell)));
}

async function cancel(ids: readonly string[], shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  const { json } = shell.globals();
  const pool = await shell.pool();
  const cancelled: string[] = [];
  const refused: Trouble[] = [];
  for (const id of ids) {
    const reply = await pool.call("cancelJob", { params: { id } });
    if (!reply.ok) {
      refused.push(reply);
      if (reply.code === "POOL_UNREACHABLE") break;
      continue;
    }
    cancelled.push(...reply.value.cancelled);
    const done = reply.value.cancelled;
    if (!json) {
      const what = done.length > 1 ? `Cancelled ${done.length} jobs of ${id}.` : `Cancelled ${id}.`;
      terminal.out(`${what}\n`);
    }
  }
  if (json) writeJson(terminal, { cancelled });
  for (const trouble of refused.slice(1)) showTrouble(terminal, trouble, json);
  return refused[0];
}

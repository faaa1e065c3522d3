// `tequio logout`: ends the session of this command line, here and in the pool. An API token is
// left alone: scripts may live on it.
import type { Command } from "commander";
import { keepToken } from "../connection.ts";
import { writeJson } from "../report.ts";
import type { Shell } from "../verb.ts";

/** Refusals after which there is no session any more, whoever has ended it. */
const OVER: ReadonlySet<string> = new Set(["UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_REVOKED"]);

/** Adds the action of `tequio logout`. */
export function define(command: Command, shell: Shell): void {
  command.action(
    shell.act(async () => {
      const pool = await shell.pool();
      const reply = await pool.call("signOut", { body: {} });
      if (!reply.ok && !OVER.has(reply.code)) return reply;
      keepToken(shell.terminal, pool.url, undefined);
      const ended = reply.ok ? reply.value.ended : [];
      if (shell.globals().json) return void writeJson(shell.terminal, { url: pool.url, ended });
      shell.terminal.out(`Signed out of ${pool.url}.\n`);
      return undefined;
    }),
  );
}

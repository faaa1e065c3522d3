// `tequio whoami`: whose token this is, and what it may do.
import type { Command } from "commander";
import { stamp } from "../format.ts";
import { writeJson } from "../report.ts";
import { writeFacts, writeTable } from "../table.ts";
import type { Shell } from "../verb.ts";
import { rolesText } from "./user.ts";

/** Adds the action of `tequio whoami`. */
export function define(command: Command, shell: Shell): void {
  command.action(
    shell.act(async () => {
      const { terminal } = shell;
      const pool = await shell.pool();
      const reply = await pool.call("whoami", {});
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(terminal, reply.value);
      const { name, userId, roles, tokenId, tokenKind, scopes, expiresAtMs } = reply.value;
      const end = expiresAtMs === undefined ? "does not expire" : `ends ${stamp(expiresAtMs)}`;
      const cut = scopes === undefined ? "" : `, for ${scopes.join(", ")} only`;
      writeFacts(terminal, [
        ["Pool", pool.url],
        ["User", userId === undefined ? `${name}, the operator of the machine` : name],
        ["Roles", rolesText(roles) || "none: ask an operator for one"],
        [tokenKind === "api" ? "Token" : "Session", `${tokenId}, ${end}${cut}`],
      ]);
      terminal.out("\n");
      writeTable(
        terminal,
        [
          { head: "MAY", cell: ({ permission }) => permission },
          { head: "OVER", cell: ({ reach }) => reach, least: 8 },
        ],
        reply.value.permissions,
        "",
      );
      return undefined;
    }),
  );
}

// `tequio role`: what users may do, given and taken back.
import type { RoleView } from "@tequio/contract";
import type { Command } from "commander";
import { writeJson } from "../report.ts";
import { plain, writeTable } from "../table.ts";
import type { Shell } from "../verb.ts";
import { usage } from "../verb.ts";
import { rolesText } from "./user.ts";

type RoleName = RoleView["role"];

/** Adds the actions of `tequio role`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("list")
    .description("The roles and what they are for")
    .action(shell.act(() => list(shell)));
  for (const [word, endpoint, what] of [
    ["grant", "grantRole", "Give a user a role"],
    ["revoke", "revokeRole", "Take a role of a user back"],
  ] as const) {
    command
      .command(word)
      .description(what)
      .argument("<user>")
      .argument("<role>", "e.g. `auditor`, `researcher:PROJECT`, `member-admin:MEMBER`")
      .action(shell.act((name: string, role: string) => changeRole(endpoint, name, role, shell)));
  }
}

/** Sends one grant, written `role` or `role:scope`, and says what the user has now. */
export async function changeRole(
  endpoint: "grantRole" | "revokeRole",
  name: string,
  grant: string,
  shell: Shell,
) {
  const [role = "", scope, more] = grant.split(":");
  if (more !== undefined || role === "" || scope === "") {
    return usage(`${grant} is not a role.`, "Write `auditor`, or `researcher:PROJECT`.");
  }
  // The pool knows its roles and names the nearest one; an older client must not.
  const body = { role: role as never, ...(scope === undefined ? {} : { scope }) };
  const reply = await (await shell.pool()).call(endpoint, { params: { name }, body });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const has = rolesText(reply.value.roles) || "no role";
  shell.terminal.out(`${plain(reply.value.name)} now has: ${plain(has)}.\n`);
  return undefined;
}

const OVER: Readonly<Record<RoleView["scope"], string>> = {
  none: "the pool",
  member: "a member",
  project: "a project",
};

const wordFor = ({ role, scope }: RoleView): RoleName =>
  scope === "none" ? role : `${role}:${scope.toUpperCase()}`;

async function list(shell: Shell) {
  const reply = await (await shell.pool()).call("listRoles", {});
  if (!reply.ok) return reply;
  const { rows } = reply.value;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  writeTable<RoleView>(
    shell.terminal,
    [
      { head: "ROLE", cell: wordFor },
      { head: "OVER", cell: ({ scope }) => OVER[scope] },
      { head: "WHAT FOR", cell: ({ about }) => about, least: 20 },
    ],
    rows,
    "No roles.",
  );
  return undefined;
}

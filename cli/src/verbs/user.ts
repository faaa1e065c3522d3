// `tequio user`: who may use the pool. A user is an opaque id and a handle; roles say what it may.
import type { UserView } from "@tequio/contract";
import { type Command, Option } from "commander";
import { counted, relative } from "../format.ts";
import { readRows } from "../pages.ts";
import { writeJson, yellow } from "../report.ts";
import { plain, writeFacts, writeTable } from "../table.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";
import { defineInvite } from "./user-invite.ts";

const ROWS_DEFAULT = 100;

/** `researcher:speech, auditor (by group)`: roles as `tequio role grant` takes them. */
export const rolesText = (roles: UserView["roles"]): string =>
  roles
    .map(({ role, scope, byGroup }) => {
      const text = scope === undefined ? role : `${role}:${scope}`;
      return byGroup ? `${text} (by group)` : text;
    })
    .join(", ");

/** Adds the flags and the actions of `tequio user`. */
export function define(command: Command, shell: Shell): void {
  const all = command.command("list").description("Users with their roles, by name");
  all
    .option("--limit <n>", "At most so many", wholeFrom(1), ROWS_DEFAULT)
    .action(shell.act(() => list(all.opts<{ limit: number }>().limit, shell)));
  command
    .command("show")
    .description("One user with its roles")
    .argument("<name>")
    .action(
      shell.act(async (name: string) => {
        const reply = await (await shell.pool()).call("getUser", { params: { name } });
        return reply.ok ? show(reply.value, shell) : reply;
      }),
    );
  const set = command
    .command("set")
    .description("Make a local user, or rename one")
    .argument("<name>", "A handle such as `ana`: no e-mail and no real name")
    .option("--rename <name>", "The new handle of a user that exists");
  set.action(
    shell.act(async (name: string) => {
      const { rename } = set.opts<{ rename?: string }>();
      const body = rename === undefined ? {} : { rename };
      const reply = await (await shell.pool()).call("setUser", { params: { name }, body });
      return reply.ok ? show(reply.value, shell) : reply;
    }),
  );
  defineActions(command, shell);
  defineInvite(command, shell);
}

function defineActions(command: Command, shell: Shell): void {
  const disable = command
    .command("disable")
    .description("End its tokens and sessions at once, and let it in no more")
    .argument("<name>")
    .addOption(
      new Option(
        "--jobs <what>",
        "What becomes of its jobs; absent: what the operator has set",
      ).choices(["keep", "cancel"]),
    );
  disable.action(
    shell.act((name: string) =>
      change(name, { action: "disable", ...disable.opts<{ jobs?: "keep" | "cancel" }>() }, shell),
    ),
  );
  command
    .command("enable")
    .description("Let it in again; it needs new tokens")
    .argument("<name>")
    .action(shell.act((name: string) => change(name, { action: "enable" }, shell)));
  command
    .command("forget")
    .description("Remove e-mail, name, password and passkeys of a disabled user for ever")
    .argument("<name>")
    .action(shell.act((name: string) => change(name, { action: "forget" }, shell)));
}

interface Change {
  readonly action: "disable" | "enable" | "forget";
  readonly jobs?: "keep" | "cancel";
}

async function change(name: string, body: Change, shell: Shell) {
  const reply = await (await shell.pool()).call("changeUser", { params: { name }, body });
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
  const { user, cancelled } = reply.value;
  const jobs = cancelled.length === 0 ? "" : ` ${counted(cancelled.length, "job")} cancelled.`;
  if (body.action === "forget") {
    shell.terminal.out(`${plain(user.name)} is forgotten; the journal keeps its id and handle.\n`);
    return undefined;
  }
  const said = user.disabled ? "is disabled; its tokens are revoked." : "is enabled.";
  shell.terminal.out(`${plain(user.name)} ${said}${jobs}\n`);
  return undefined;
}

/** Prints one user. */
export function show(user: UserView, shell: Shell): undefined {
  const { terminal } = shell;
  if (shell.globals().json) {
    writeJson(terminal, user);
    return undefined;
  }
  writeFacts(terminal, [
    ["User", user.name],
    ["Id", user.userId],
    ["State", user.disabled ? "disabled" : "good"],
    ["Signs in", user.origin === "oidc" ? "with the identity provider" : "here"],
    ["Made", relative(user.createdAtMs, terminal.nowMs())],
    ["Roles", rolesText(user.roles) || "none: `tequio role grant`"],
  ]);
  return undefined;
}

async function list(limit: number, shell: Shell) {
  const { terminal } = shell;
  const reply = await readRows(await shell.pool(), "listUsers", {}, limit);
  if (!reply.ok) return reply;
  if (shell.globals().json) return void writeJson(terminal, reply.rows);
  const nowMs = terminal.nowMs();
  writeTable<UserView>(
    terminal,
    [
      { head: "USER", cell: ({ name }) => name, least: 8 },
      { head: "ID", cell: ({ userId }) => userId },
      {
        head: "STATE",
        cell: ({ disabled }) => (disabled ? "disabled" : "good"),
        paint: (text, { disabled }) => (disabled ? yellow(terminal, text) : text),
      },
      { head: "FROM", cell: ({ origin }) => origin },
      { head: "MADE", cell: ({ createdAtMs }) => relative(createdAtMs, nowMs) },
      { head: "ROLES", cell: ({ roles }) => rolesText(roles), least: 12 },
    ],
    reply.rows,
    "No users yet. `tequio user set NAME` makes one.",
  );
  if (reply.more) terminal.err("There are more: --limit shows them.\n");
  return undefined;
}

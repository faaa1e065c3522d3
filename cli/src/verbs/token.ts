// `tequio token`: API tokens. A new one is shown once.
import type { CallReply } from "@tequio/contract";
import type { Command } from "commander";
import { relative, stamp } from "../format.ts";
import { readRows } from "../pages.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { durationMs, repeated } from "../values.ts";
import type { Shell } from "../verb.ts";

/** A table of more is read by nobody. */
const TOKENS_MAX = 10_000;

interface Flags {
  readonly expires?: number;
  readonly scope?: readonly string[];
  readonly user?: string;
}

/** Adds the flags and the action of `tequio token`. */
export function define(command: Command, shell: Shell): void {
  command
    .command("list")
    .description("Tokens, without their secrets")
    .action(shell.act(() => list(shell)));
  const create = command
    .command("create")
    .description("Make a token; it is shown once")
    .argument("<label>", "What it is for")
    .option("--expires <time>", "How long it is good for, e.g. 30d; default: for ever", durationMs)
    .option("--scope <permission>", "Only for this, e.g. `jobs.read`; may be repeated", repeated)
    .option("--user <name>", "For this user instead of yourself");
  create.action(
    shell.act(async (label: string) => {
      const { expires, scope, user } = create.opts<Flags>();
      const body = {
        label,
        ...(expires === undefined ? {} : { expiresInMs: expires }),
        // The pool knows the permissions and names a wrong one.
        ...(scope === undefined ? {} : { scopes: [...scope] as never[] }),
        ...(user === undefined ? {} : { user }),
      };
      const reply = await (await shell.pool()).call("createToken", { body });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      const { token, tokenId, expiresAtMs } = reply.value;
      const end = expiresAtMs === undefined ? "does not expire" : `ends ${stamp(expiresAtMs)}`;
      // The token alone on stdout: `TEQUIO_TOKEN=$(tequio token create ci)` works.
      shell.terminal.out(`${token}\n`);
      shell.terminal.err(`Token ${tokenId} (${label}) ${end}. It is not shown again.\n`);
      return undefined;
    }),
  );
  command
    .command("revoke")
    .description("Take a token back")
    .argument("<id>", "Its id, as `token list` shows it")
    .action(
      shell.act(async (name: string) => {
        const reply = await (await shell.pool()).call("revokeToken", { params: { name } });
        if (!reply.ok) return reply;
        if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
        shell.terminal.out(`Token ${reply.value.tokenId} (${reply.value.label}) is revoked.\n`);
        return undefined;
      }),
    );
}

type TokenRow = CallReply<"listTokens">["rows"][number];

async function list(shell: Shell) {
  const reply = await readRows(await shell.pool(), "listTokens", {}, TOKENS_MAX);
  if (!reply.ok) return reply;
  const { rows } = reply;
  if (shell.globals().json) return void writeJson(shell.terminal, rows);
  const nowMs = shell.terminal.nowMs();
  const state = ({ revoked, expiresAtMs }: TokenRow): string => {
    if (revoked) return "revoked";
    if (expiresAtMs === undefined) return "good";
    return expiresAtMs <= nowMs ? "expired" : `good, ends ${relative(expiresAtMs, nowMs)}`;
  };
  writeTable(
    shell.terminal,
    [
      { head: "ID", cell: ({ tokenId }) => tokenId },
      { head: "LABEL", cell: ({ label }) => label, least: 8 },
      { head: "USER", cell: ({ user }) => user, least: 8 },
      { head: "FOR", cell: ({ scopes }) => scopes?.join(", ") ?? "everything", least: 10 },
      { head: "MADE", cell: ({ createdAtMs }) => relative(createdAtMs, nowMs) },
      { head: "STATE", cell: state },
    ],
    rows,
    "No tokens.",
  );
  return undefined;
}

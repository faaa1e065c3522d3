// `tequio user invite`: a one-time link by which a local user sets a password or makes a passkey.
import type { Command } from "commander";
import { stamp } from "../format.ts";
import { writeJson } from "../report.ts";
import { plain } from "../table.ts";
import { durationMs } from "../values.ts";
import type { Shell } from "../verb.ts";

interface Flags {
  readonly expires?: number;
  readonly reset?: true;
}

/** Adds `invite` to `tequio user`. */
export function defineInvite(command: Command, shell: Shell): void {
  const invite = command
    .command("invite")
    .description("Make a one-time link to set a password or a passkey; it is shown once")
    .argument("<name>")
    .option("--expires <time>", "How long it is good for; default: 3d", durationMs)
    .option("--reset", "Also remove its password and passkeys, and end its sessions");
  invite.action(
    shell.act(async (name: string) => {
      const { expires, reset } = invite.opts<Flags>();
      const body = {
        ...(expires === undefined ? {} : { expiresInMs: expires }),
        ...(reset === undefined ? {} : { reset }),
      };
      const reply = await (await shell.pool()).call("inviteUser", { params: { name }, body });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      const { url, user, expiresAtMs } = reply.value;
      // The link alone on stdout, to be sent as it is.
      shell.terminal.out(`${plain(url)}\n`);
      shell.terminal.err(`For ${plain(user)}, once, until ${stamp(expiresAtMs)}.\n`);
      return undefined;
    }),
  );
}

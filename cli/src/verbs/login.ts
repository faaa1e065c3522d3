// `tequio login`: begins a session for this command line. A code is typed in a browser, at the
// identity provider or in the pool's console; or a password comes through standard input, never as
// an argument, where every user of the machine would see it.
import { type CallReply, type Client, makeClient } from "@tequio/contract";
import { type Command, Option } from "commander";
import { findPool, keepToken } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import { stamp } from "../format.ts";
import { interruptible } from "../interrupt.ts";
import { bold } from "../report.ts";
import { plain } from "../table.ts";
import { type Shell, type Trouble, usage, type VerbEnd } from "../verb.ts";
import { rolesText } from "./user.ts";

type SignedIn = CallReply<"signInPassword">;

interface Flags {
  readonly by?: "provider" | "pool";
  readonly user?: string;
  readonly passwordStdin?: true;
}

/** Adds the flags and the action of `tequio login`. */
export function define(command: Command, shell: Shell): void {
  command
    .addOption(
      new Option(
        "--by <who>",
        "Who asks for the code; absent: the provider if there is one",
      ).choices(["provider", "pool"]),
    )
    .option("--user <name>", "Sign in with a password instead of a code")
    .option("--password-stdin", "With --user: read the password from standard input")
    .action(shell.act(() => run(command.opts<Flags>(), shell)));
}

async function run(flags: Flags, shell: Shell): Promise<VerbEnd> {
  if ((flags.user === undefined) !== (flags.passwordStdin === undefined)) {
    const hint = "`tequio login --user NAME --password-stdin < FILE`.";
    return usage("A password needs both a name and where it comes from.", hint);
  }
  const { url } = findPool(shell.globals(), shell.terminal);
  // Without the token of before: it may be the reason for signing in.
  const client = makeClient({ url });
  const end =
    flags.user === undefined
      ? await byDevice(client, flags, shell)
      : await byPassword(client, flags.user, shell);
  if (end === undefined) return EXIT.INTERRUPTED;
  return "token" in end ? keep(url, end, shell) : (end as Trouble);
}

async function byPassword(client: Client, user: string, { terminal }: Shell) {
  const password = (await terminal.readStdin()).replace(/\r?\n$/, "");
  if (password === "") return usage("Standard input has no password.", "Write it there.");
  const body = { user, password, want: "token" as const };
  const reply = await client.call("signInPassword", { body });
  return reply.ok ? reply.value : reply;
}

/** Shows the code and asks until it was typed; undefined after Ctrl-C. */
async function byDevice(
  client: Client,
  { by }: Flags,
  shell: Shell,
): Promise<SignedIn | Trouble | undefined> {
  const { terminal } = shell;
  const begun = await client.call("startDevice", { body: by === undefined ? {} : { by } });
  if (!begun.ok) return begun;
  const { deviceId, userCode, verificationUrl, completeUrl } = begun.value;
  if (shell.globals().json) {
    terminal.out(`${JSON.stringify({ state: "waiting", ...begun.value, deviceId: undefined })}\n`);
  } else {
    const direct = completeUrl === undefined ? "" : `, or straight ${plain(completeUrl)}`;
    terminal.err(`Open ${plain(verificationUrl)} in a browser${direct}\n`);
    terminal.err(`and make sure that it asks for this code: ${bold(terminal, plain(userCode))}\n`);
  }
  const waiting = interruptible(terminal);
  try {
    for (let { intervalMs } = begun.value; ; ) {
      await waiting.sleep(intervalMs);
      if (waiting.signal.aborted) return undefined;
      const polled = await client.call("pollDevice", { body: { deviceId } });
      if (!polled.ok) return polled;
      if (polled.value.state === "done") return polled.value.signedIn;
      intervalMs = polled.value.intervalMs;
    }
  } finally {
    waiting.done();
  }
}

function keep(url: string, signedIn: SignedIn, shell: Shell): VerbEnd {
  const { terminal } = shell;
  const { token, ...said } = signedIn;
  keepToken(terminal, url, token);
  if (shell.globals().json) {
    terminal.out(`${JSON.stringify({ state: "done", url, ...said })}\n`);
    return undefined;
  }
  const { name, roles, expiresAtMs, notice } = said;
  terminal.out(`Signed in to ${url} as ${plain(name)} until ${stamp(expiresAtMs)}.\n`);
  if (roles.length > 0) terminal.out(`Roles: ${rolesText(roles)}\n`);
  if (notice !== undefined) terminal.err(`${plain(notice)}\n`);
  return undefined;
}

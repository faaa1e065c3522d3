// How `tequio up` writes its lines: for people at a terminal, as JSON for whoever collects logs.
import type { Shell } from "@tequio/cli";
import { makeSay, type Say } from "@tequio/server";

/** The listener for a form; `auto` looks at where standard error goes. */
export function sayOf({ log }: { readonly log: "auto" | "text" | "json" }, shell: Shell): Say {
  const { terminal } = shell;
  const pretty = log === "text" || (log === "auto" && process.stderr.isTTY === true);
  return makeSay({ write: (line) => terminal.err(line), pretty, now: terminal.nowMs });
}

/** Says a line that may begin with its level. */
export function sayLine(say: Say, line: string): void {
  const [, level = "info", text = line] = /^(info|warn|error) +(.*)$/s.exec(line) ?? [];
  say(level as "info" | "warn" | "error", text);
}

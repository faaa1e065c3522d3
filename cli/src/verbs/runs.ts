// `tequio runs`: spanning trainings, newest first.
import type { Command } from "commander";
import { loss, percent, relative, whole } from "../format.ts";
import { readRows } from "../pages.ts";
import { writeJson } from "../report.ts";
import { writeTable } from "../table.ts";
import { wholeFrom } from "../values.ts";
import type { Shell } from "../verb.ts";

const ROWS_DEFAULT = 30;

/** Adds the flags and the action of `tequio runs`. */
export function define(command: Command, shell: Shell): void {
  command.option("--limit <n>", "At most so many, newest first", wholeFrom(1), ROWS_DEFAULT).action(
    shell.act(async () => {
      const { limit } = command.opts<{ limit: number }>();
      const reply = await readRows(await shell.pool(), "listRuns", {}, limit);
      if (!reply.ok) return reply;
      const { terminal } = shell;
      if (shell.globals().json) return void writeJson(terminal, reply.rows);
      const nowMs = terminal.nowMs();
      writeTable(
        terminal,
        [
          { head: "ID", cell: ({ id }) => id, align: "right" },
          { head: "NAME", cell: ({ name }) => name, least: 8 },
          { head: "STATE", cell: ({ state, outcome }) => outcome ?? state },
          { head: "DONE", cell: ({ progress }) => percent(progress), align: "right" },
          { head: "ROUND", cell: ({ round }) => whole(round), align: "right" },
          { head: "LOSS", cell: ({ lossNow }) => loss(lossNow), align: "right" },
          { head: "TOKENS", cell: ({ tokens }) => whole(tokens), align: "right" },
          { head: "MEMBERS", cell: ({ members }) => String(members.length), align: "right" },
          {
            head: "ENDS",
            cell: ({ endedAtMs, endEstimateMs }) => {
              const at = endedAtMs ?? endEstimateMs;
              return at === undefined ? "" : relative(at, nowMs);
            },
          },
          { head: "WHY", cell: ({ reason }) => reason, least: 12 },
        ],
        reply.rows,
        "No runs yet. A job file with `run:` starts one; `tequio demo` shows it.",
      );
      return undefined;
    }),
  );
}

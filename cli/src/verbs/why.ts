// `tequio why ID`: why a job waits, with how many nodes each reason excludes.
import type { WhyView } from "@tequio/contract";
import type { Command } from "commander";
import { counted, relative, stamp, whole } from "../format.ts";
import { dim, writeJson } from "../report.ts";
import { plain } from "../table.ts";
import type { Shell } from "../verb.ts";

/** Adds the flags and the action of `tequio why`. */
export function define(command: Command, shell: Shell): void {
  command.argument("<id>", "Job id").action(
    shell.act(async (id: string) => {
      const reply = await (await shell.pool()).call("whyJob", { params: { id } });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      show(reply.value, shell);
      return undefined;
    }),
  );
}

function show(why: WhyView, { terminal }: Shell): void {
  const lines = [`Job ${why.id} (${why.state}): ${plain(why.summary)}`];
  if (why.place !== undefined) {
    const of = why.waiting === undefined ? "" : ` of ${whole(why.waiting)}`;
    lines.push(`  place ${whole(why.place)}${of} in the queue`);
  }
  for (const { code, text, nodes } of why.reasons) {
    const where = nodes === 0 ? "" : ` (${counted(nodes, "node")})`;
    lines.push(`  - ${plain(text)}${where} ${dim(terminal, plain(code))}`);
  }
  if (why.startEstimateMs !== undefined) {
    const at = why.startEstimateMs;
    lines.push(`  starts about ${stamp(at)} (${relative(at, terminal.nowMs())})`);
  }
  if (why.hint !== undefined) lines.push(`${dim(terminal, "hint:")} ${plain(why.hint)}`);
  terminal.out(`${lines.join("\n")}\n`);
}

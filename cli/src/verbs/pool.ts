// `tequio pool`: the pool at a glance.
import type { Command } from "commander";
import { counted, whole } from "../format.ts";
import { bold, writeJson } from "../report.ts";
import { writeFacts } from "../table.ts";
import type { Shell } from "../verb.ts";

/** Adds the flags and the action of `tequio pool`. */
export function define(command: Command, shell: Shell): void {
  command.action(
    shell.act(async () => {
      const { terminal } = shell;
      const client = await shell.pool();
      const reply = await client.call("getPool", {});
      if (!reply.ok) return reply;
      const pool = reply.value;
      if (shell.globals().json) return void writeJson(terminal, pool);
      terminal.out(`${bold(terminal, pool.name)} at ${client.url}\n`);
      writeFacts(terminal, [
        ["Members", `${pool.members}, ${counted(pool.sitesHere, "site")} here`],
        ["Accelerators", `${pool.acceleratorsFree} of ${pool.accelerators} free`],
        [
          "Jobs",
          `${whole(pool.jobsQueued)} waiting, ${whole(pool.jobsRunning)} running, ` +
            `${whole(pool.jobsEnded)} ended`,
        ],
        ["Runs", String(pool.runs)],
        ["Journal", counted(pool.seq, "record")],
        ["Pool", `${pool.poolId}, version ${pool.version}`],
      ]);
    }),
  );
}

// `tequio pool`: the pool at a glance, and how it orders its queue.
import { PoolView } from "@tequio/contract";
import { type Command, Option } from "commander";
import { clock, counted, whole } from "../format.ts";
import { bold, writeJson } from "../report.ts";
import { writeFacts } from "../table.ts";
import { durationMs, wholeFrom } from "../values.ts";
import { type Shell, usage } from "../verb.ts";

/** E.g. `a point each 1:00:00, 1000 at most`. */
const ageingText = (ageing: PoolView["ageing"]): string =>
  ageing === null ? "off" : `a point each ${clock(ageing.pointMs)}, ${ageing.pointsMax} at most`;

/** A duration, or `off`. */
const stepFrom = (text: string): number | "off" => (text === "off" ? "off" : durationMs(text));

const movesText = ({ moves }: PoolView): string => (moves ? "on" : "off");

interface Flags {
  readonly ageing?: number | "off";
  readonly ageingMax: number;
  readonly backfill?: PoolView["backfill"];
  readonly moves?: "on" | "off";
}

const pointsOf = (ageing: number | "off", pointsMax: number) =>
  ageing === "off" ? null : { pointMs: ageing, pointsMax };

function defineSet(command: Command, shell: Shell): void {
  const set = command
    .command("set")
    .description("Change how the pool orders its queue")
    .option("--ageing <time>", "Waiting this long is a point of priority; or `off`", stepFrom)
    .option("--ageing-max <n>", "Points that waiting gives at most", wholeFrom(1), 1_000)
    .addOption(
      new Option(
        "--backfill <mode>",
        "Who may pass a blocked job: those that do not delay the first of each site (easy), " +
          "those that delay no job (conservative), nobody on its sites (none)",
      ).choices(PoolView.shape.backfill.options),
    )
    .addOption(
      new Option(
        "--moves <mode>",
        "Preemptible jobs may move within their site, so that a job that fits nowhere has room",
      ).choices(["on", "off"]),
    );
  set.action(
    shell.act(async () => {
      const { ageing, ageingMax, backfill, moves } = set.opts<Flags>();
      if (ageing === undefined && backfill === undefined && moves === undefined) {
        return usage("Nothing is to be changed.", "Give --ageing, --backfill or --moves.");
      }
      const body = {
        ...(ageing === undefined ? {} : { ageing: pointsOf(ageing, ageingMax) }),
        ...(backfill === undefined ? {} : { backfill }),
        ...(moves === undefined ? {} : { moves: moves === "on" }),
      };
      const reply = await (await shell.pool()).call("changePool", { body });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(shell.terminal, reply.value);
      if (ageing !== undefined) shell.terminal.out(`Ageing: ${ageingText(reply.value.ageing)}.\n`);
      if (backfill !== undefined) shell.terminal.out(`Backfill: ${reply.value.backfill}.\n`);
      if (moves !== undefined) shell.terminal.out(`Moves: ${movesText(reply.value)}.\n`);
      return undefined;
    }),
  );
}

/** Adds the flags and the action of `tequio pool`. */
export function define(command: Command, shell: Shell): void {
  defineSet(command, shell);
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
        ["Ageing", ageingText(pool.ageing)],
        ["Backfill", pool.backfill],
        ["Moves", movesText(pool)],
        ["Journal", counted(pool.seq, "record")],
        ["Pool", `${pool.poolId}, version ${pool.version}`],
      ]);
    }),
  );
}

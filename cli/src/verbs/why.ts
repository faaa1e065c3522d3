// `tequio why ID`: why a job waits and what would help, why it runs where it runs and who may
// stop it, or why it ended.
import type { WhyLease, WhyView } from "@tequio/contract";
import type { Command } from "commander";
import { counted, relative, span, stamp, whole } from "../format.ts";
import { dim, writeJson } from "../report.ts";
import { plain } from "../table.ts";
import type { Shell } from "../verb.ts";

/** Adds the flags and the action of `tequio why`. */
export function define(command: Command, shell: Shell): void {
  command.argument("<id>", "Job id, or the id of an array").action(
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
  const nowMs = terminal.nowMs();
  const lines = why.array === undefined ? [] : [plain(why.array.text)];
  const state = why.outcome ?? why.state;
  lines.push(`Job ${why.id} (${state}): ${plain(why.summary)}`);
  for (const { code, text, nodes } of why.reasons) {
    const where = nodes === 0 ? "" : ` (${counted(nodes, "node")})`;
    lines.push(`  - ${plain(text)}${where} ${dim(terminal, plain(code))}`);
  }
  lines.push(...placeLines(why), ...startLines(why, nowMs));
  // What would help is told once: the hint of an older control plane says the same.
  for (const { text } of why.changes) lines.push(`  ${dim(terminal, "change:")} ${plain(text)}`);
  if (why.changes.length === 0 && why.hint !== undefined) {
    lines.push(`${dim(terminal, "hint:")} ${plain(why.hint)}`);
  }
  for (const lease of why.leases) lines.push(...leaseLines(lease, nowMs));
  terminal.out(`${lines.join("\n")}\n`);
}

function placeLines({ place, waiting, standing, aheadIds = [] }: WhyView): readonly string[] {
  if (place === undefined) return [];
  const of = waiting === undefined ? "" : ` of ${whole(waiting)}`;
  const because = standing === undefined ? "" : `: ${plain(standing.text)}`;
  const lines = [`  place ${whole(place)}${of} in the queue${because}`];
  if (aheadIds.length > 0) {
    const more = place - 1 - aheadIds.length;
    const rest = more > 0 ? ` and ${whole(more)} more` : "";
    lines.push(`  ahead: ${aheadIds.map(plain).join(", ")}${rest}`);
  }
  return lines;
}

function startLines({ startEstimateMs, startIntervalMs }: WhyView, nowMs: number) {
  if (startEstimateMs === undefined) return [];
  const about = `  starts about ${stamp(startEstimateMs)} (${relative(startEstimateMs, nowMs)})`;
  if (startIntervalMs === undefined) return [about];
  const [early, , late] = startIntervalMs;
  return [`${about}, probably between ${span(early - nowMs)} and ${span(late - nowMs)} from now`];
}

function leaseLines(lease: WhyLease, nowMs: number): readonly string[] {
  const { attempt, member, state, outcome, endsByMs, endedAtMs } = lease;
  const until = endsByMs === undefined ? "" : `, until ${stamp(endsByMs)} at the latest`;
  const left = endsByMs === undefined ? "" : ` (${relative(endsByMs, nowMs)})`;
  const over = endedAtMs === undefined ? "" : `, ${relative(endedAtMs, nowMs)}`;
  const head = `  attempt ${attempt} on ${plain(member)} (${outcome ?? state})`;
  return [`${head}${until}${left}${over}`, ...lease.facts.map((fact) => `    ${plain(fact)}`)];
}

// How a spanning training is written: its head, its members, one line for a round.
import type { RoundView, RunDetail } from "@tequio/contract";
import { bytes, clock, loss, percent, relative, span, whole } from "./format.ts";
import { refusals } from "./lineage-view.ts";
import { yellow } from "./report.ts";
import { factsText, plain, writeTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const BAR_CELLS = 24;

const bar = (progress: number): string => {
  const done = Math.round(Math.min(1, Math.max(0, progress)) * BAR_CELLS);
  return "#".repeat(done) + ".".repeat(BAR_CELLS - done);
};

/** The run's facts. */
export function headText(terminal: Terminal, run: RunDetail): string {
  const nowMs = terminal.nowMs();
  const { width, layers, heads, context } = run.model;
  const took =
    run.startedAtMs === undefined ? undefined : span((run.endedAtMs ?? nowMs) - run.startedAtMs);
  const ends =
    run.endEstimateMs === undefined ? "" : `, ends ${relative(run.endEstimateMs, nowMs)}`;
  const state = run.outcome === undefined ? run.state : `${run.state}: ${run.outcome}`;
  return factsText(terminal, [
    ["Run", `${run.id} ${run.name} (project ${run.project})`],
    ["State", state],
    ["Why", run.reason],
    [
      "Model",
      `${whole(run.parameters)} parameters: width ${width}, ${layers} layers, ${heads} heads, ` +
        `context ${context}`,
    ],
    ["Progress", `${bar(run.progress)} ${percent(run.progress)}, round ${run.round}${ends}`],
    ["Loss", `${loss(run.lossNow)} on held-out text; ${loss(run.lossBefore)} before`],
    ["Tokens", whole(run.tokens)],
    ["Traffic", `${bytes(run.bytesUp)} up, ${bytes(run.bytesDown)} down`],
    ["Time", took],
    ["Checkpoint", run.checkpoint],
  ]);
}

/** Only where something was refused: most runs need no such column. */
const REFUSED = {
  head: "REFUSED",
  cell: ({ refused = {} }: RunDetail["members"][number]) => refusals(refused),
  least: 8,
};

/** The members of a run with what each of them does. */
export function memberTable(terminal: Terminal, run: RunDetail): void {
  if (run.members.length === 0) return;
  terminal.out("\n");
  writeTable(
    terminal,
    [
      { head: "MEMBER", cell: ({ member }) => member, least: 8 },
      {
        head: "STATE",
        cell: ({ state }) => state,
        paint: (text, { state }) =>
          state === "away" || state === "quarantined" ? yellow(terminal, text) : text,
      },
      {
        head: "TOKENS/S",
        cell: ({ tokensPerSecond }) => whole(tokensPerSecond),
        align: "right",
      },
      { head: "BATCH", cell: ({ batch }) => String(batch), align: "right" },
      { head: "TOKENS", cell: ({ tokens }) => whole(tokens), align: "right" },
      { head: "ROUNDS", cell: ({ rounds }) => whole(rounds), align: "right" },
      { head: "SENT", cell: ({ bytesUp }) => bytes(bytesUp), align: "right" },
      { head: "RECEIVED", cell: ({ bytesDown }) => bytes(bytesDown), align: "right" },
      { head: "DEVICE TIME", cell: ({ deviceMs }) => clock(deviceMs), align: "right" },
      ...(run.members.some(({ refused }) => refused !== undefined) ? [REFUSED] : []),
    ],
    run.members,
    "",
  );
}

/** Who writes texts with the run's models. */
export function replicaTable(terminal: Terminal, { replicas = [] }: RunDetail): void {
  if (replicas.length === 0) return;
  terminal.out("\n");
  writeTable(
    terminal,
    [
      { head: "REPLICA", cell: ({ jobId }) => `job ${jobId}` },
      { head: "MEMBER", cell: ({ member }) => member, least: 8 },
      {
        head: "STATE",
        cell: ({ state }) => state,
        paint: (text, { state }) => (state === "away" ? yellow(terminal, text) : text),
      },
      { head: "ROUND", cell: ({ round }) => String(round ?? "-"), align: "right" },
      {
        head: "TOKENS/S",
        cell: ({ tokensPerSecond }) =>
          tokensPerSecond === undefined ? "-" : tokensPerSecond.toFixed(1),
        align: "right",
      },
      { head: "TEXTS", cell: ({ texts }) => String(texts), align: "right" },
      { head: "WRITTEN", cell: ({ tokens }) => whole(tokens), align: "right" },
    ],
    replicas,
    "",
  );
}

/** Sites with room that do not take part, and why. */
export function leftOutText({ sites }: RunDetail): string {
  const left = sites.filter(({ taken }) => !taken);
  const lines = left.map(({ member, text }) => `  ${plain(member)}: ${plain(text)}\n`);
  return lines.length === 0 ? "" : `\nNot taking part\n${lines.join("")}`;
}

/** `round 7  loss 2.314  uni-lab 12,288 at 3,120/s, attic 1,536 at 390/s`. */
export function roundLine({ round, phase, heldOutLoss, rows }: RoundView): string {
  const parts = rows.map(({ member, tokens, computeMs, verdict }) => {
    const perSecond = computeMs > 0 ? (tokens * 1_000) / computeMs : 0;
    const mark = verdict === "merged" ? "" : ` (${plain(verdict)})`;
    return `${plain(member)} ${whole(tokens)} at ${whole(perSecond)}/s${mark}`;
  });
  const head = `round ${String(round).padStart(3)}  loss ${heldOutLoss?.toFixed(3) ?? "-    "}`;
  return `${head}  ${phase === "warm-up" ? "warm-up, " : ""}${parts.join(", ")}`;
}

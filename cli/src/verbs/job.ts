// `tequio job ID`: everything about one job, with each lease that it had.
import type { JobDetail, LeaseView } from "@tequio/contract";
import type { Command } from "commander";
import { clock, cores, counted, memory, relative, span, stamp } from "../format.ts";
import { writeJson } from "../report.ts";
import { shellWords } from "../shell-words.ts";
import { paintState, stateText } from "../states.ts";
import { type Column, factsText, writeTable } from "../table.ts";
import type { Shell } from "../verb.ts";

/** Adds the flags and the action of `tequio job`. */
export function define(command: Command, shell: Shell): void {
  command.argument("<id>", "Job id").action(
    shell.act(async (id: string) => {
      const { terminal } = shell;
      const reply = await (await shell.pool()).call("getJob", { params: { id } });
      if (!reply.ok) return reply;
      if (shell.globals().json) return void writeJson(terminal, reply.value);
      show(reply.value, shell);
      return undefined;
    }),
  );
}

function show(job: JobDetail, shell: Shell): void {
  const { terminal } = shell;
  const nowMs = terminal.nowMs();
  const started = job.startedAtMs;
  const ran = started === undefined ? undefined : clock((job.endedAtMs ?? nowMs) - started);
  const when = (atMs: number | undefined): string | undefined =>
    atMs === undefined ? undefined : `${stamp(atMs)} (${relative(atMs, nowMs)})`;
  terminal.out(
    factsText(terminal, [
      ["Job", `${job.id} ${job.name}`],
      ["State", stateText(job)],
      ["Why", job.reason],
      ["Command", job.kind === "run" ? undefined : shellWords(job.command)],
      [
        "Environment",
        Object.entries(job.env)
          .map(([key, value]) => `${key}=${value}`)
          .join(" "),
      ],
      ["Needs", needs(job)],
      ["Only on", onlyOn(job.constraints)],
      ["After", job.dependencies.join(", ")],
      ["Project", `${job.project}, priority ${job.priority}, by ${job.user}`],
      ["If it is lost", lost(job)],
      ["Time limit", span(job.walltimeMs)],
      ["Prefers", job.prefer],
      ["Deadline", when(job.deadlineMs)],
      ["Submitted", when(job.submittedAtMs)],
      ["Started", when(started)],
      ["Ended", when(job.endedAtMs)],
      ["Ran", ran],
    ]),
  );
  if (job.leases.length === 0) return;
  terminal.out("\n");
  writeTable(terminal, leaseColumns(shell, nowMs), job.leases, "");
}

const lost = ({ requeue, preemptible }: JobDetail): string =>
  `${requeue ? "starts again" : "ends"}${preemptible ? "; may be stopped for others" : ""}`;

function needs({ tasks, resources }: JobDetail): string {
  const {
    accelerators = 0,
    model,
    kind,
    vendor,
    milliCpu = 0,
    memoryMiB = 0,
  } = resources as {
    accelerators?: number;
    model?: string;
    kind?: string;
    vendor?: string;
    milliCpu?: number;
    memoryMiB?: number;
  };
  const which = [vendor, model, kind].filter((word) => word !== undefined).join(" ");
  const parts = [
    counted(tasks, "task"),
    accelerators === 0
      ? ""
      : `${counted(accelerators, "accelerator")}${which === "" ? "" : ` (${which})`}`,
    milliCpu === 0 ? "" : `${cores(milliCpu)} ${milliCpu === 1_000 ? "core" : "cores"}`,
    memoryMiB === 0 ? "" : memory(memoryMiB),
  ].filter((part) => part !== "");
  return `${parts.join(", ")}${tasks > 1 ? " each" : ""}`;
}

function onlyOn(constraints: unknown): string {
  const {
    members = [],
    excludeMembers = [],
    labels = {},
  } = constraints as {
    members?: readonly string[];
    excludeMembers?: readonly string[];
    labels?: Readonly<Record<string, string>>;
  };
  return [
    members.join(", "),
    excludeMembers.length === 0 ? "" : `not ${excludeMembers.join(", ")}`,
    Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(", "),
  ]
    .filter((part) => part !== "")
    .join("; ");
}

const leaseColumns = (shell: Shell, nowMs: number): readonly Column<LeaseView>[] => [
  { head: "ATTEMPT", cell: ({ attempt }) => String(attempt), align: "right" },
  { head: "MEMBER", cell: ({ member }) => member, least: 8 },
  {
    head: "STATE",
    cell: stateText,
    paint: (text, lease) => paintState(shell.terminal, text, lease as never),
  },
  { head: "ON", cell: place, least: 10 },
  {
    head: "RAN",
    cell: ({ startedAtMs, endedAtMs }) =>
      startedAtMs === undefined ? "" : clock((endedAtMs ?? nowMs) - startedAtMs),
    align: "right",
  },
  { head: "WHY", cell: ({ message, reason }) => message || reason, least: 12 },
];

function place({ accelerators, site }: LeaseView): string {
  const nodes = [...new Set(accelerators.map(({ node }) => node))];
  if (nodes.length === 0) return site;
  const held = accelerators.reduce((sum, { part = 1 }) => sum + part, 0);
  return `${nodes.join(",")} (${counted(Number(held.toFixed(3)), "accelerator")})`;
}

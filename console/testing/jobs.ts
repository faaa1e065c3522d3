// Jobs of the fake pool: one that waits with its reasons, one that runs with a log, a run, and a
// long tail of ended ones, so that pages can be turned.
import type { JobDetail, StatementView, WhyView } from "@tequio/contract";

const ENDED = 70;

interface Own extends Partial<JobDetail> {
  readonly id: string;
}

function job(nowMs: number, own: Own): JobDetail {
  return {
    name: "job",
    project: "default",
    user: "maria",
    kind: "batch",
    state: "queued",
    priority: 100,
    tasks: 1,
    accelerators: 1,
    submittedAtMs: nowMs - 600_000,
    walltimeMs: 43_200_000,
    attempt: 0,
    members: [],
    reason: "",
    command: ["python", "train.py", "--epochs", "3"],
    env: { SEED: "7" },
    constraints: { members: [], excludeMembers: [], labels: {} },
    resources: { accelerators: 1, milliCpu: 4_000, memoryMiB: 16_384, model: "H100" },
    dependencies: [],
    preemptible: false,
    requeue: true,
    leases: [],
    ...own,
  };
}

function lease(member: string, atMs: number, own: Partial<JobDetail["leases"][number]>) {
  return {
    leaseId: `lease-${member}-${atMs}`,
    attempt: 1,
    member,
    site: `${member}-1`,
    state: "running" as const,
    fence: 12,
    accelerators: [{ node: "gpu01", id: "3", model: "H100 SXM" }],
    grantedAtMs: atMs,
    startedAtMs: atMs + 1_400,
    reason: "Best fit: leaves the least behind.",
    ...own,
  };
}

function ended(nowMs: number, index: number): JobDetail {
  const submittedAtMs = nowMs - 1_200_000 - (ENDED - index) * 95_000;
  const failed = index % 9 === 4;
  const outcome = failed ? "failed" : "completed";
  return job(nowMs, {
    id: String(index + 1),
    name: `sweep-lr-${index}`,
    project: index % 3 === 0 ? "climate" : "default",
    state: "ended",
    outcome,
    exitCode: failed ? 1 : 0,
    submittedAtMs,
    startedAtMs: submittedAtMs + 4_000,
    endedAtMs: submittedAtMs + 80_000,
    attempt: 1,
    members: ["aurora"],
    reason: failed ? "Task 0 ended with exit code 1." : "Every task ended with exit code 0.",
    leases: [
      lease("aurora", submittedAtMs + 3_000, {
        state: "ended",
        outcome,
        exitCode: failed ? 1 : 0,
        endedAtMs: submittedAtMs + 80_000,
        deviceMs: 76_000,
      }),
    ],
  });
}

/** All jobs at a time, newest first. */
export function makeJobs(nowMs: number): readonly JobDetail[] {
  const first = [
    job(nowMs, {
      id: "84",
      name: "protein-fold",
      accelerators: 16,
      tasks: 2,
      submittedAtMs: nowMs - 190_000,
      reason: "Waits: 3 of 16 accelerators that fit are free.",
    }),
    job(nowMs, {
      id: "83",
      name: "finetune-7b",
      project: "climate",
      state: "running",
      attempt: 2,
      tasks: 2,
      accelerators: 8,
      startedAtMs: nowMs - 340_000,
      members: ["aurora"],
      reason: "Runs on aurora.",
      leases: [
        lease("basalt", nowMs - 520_000, {
          state: "ended",
          outcome: "recalled",
          endedAtMs: nowMs - 400_000,
          deviceMs: 948_000,
          message: "The owner recalled basalt.",
        }),
        lease("aurora", nowMs - 341_400, { attempt: 2 }),
      ],
    }),
    job(nowMs, {
      id: "21",
      name: "sotu-small",
      kind: "run",
      project: "climate",
      state: "running",
      attempt: 1,
      startedAtMs: nowMs - 100_800,
      members: ["aurora", "basalt", "cedar"],
      command: ["tequio:trainer"],
      reason: "3 members train; round 24 is open.",
      leases: ["aurora", "basalt", "cedar"].map((member) => lease(member, nowMs - 101_000, {})),
    }),
  ];
  const tail = Array.from({ length: ENDED }, (_, i) => ended(nowMs, ENDED - 1 - i));
  return [...first, ...tail.filter((one) => one.id !== "21")];
}

/** Why job 84 waits, and why others run or ended as they did. */
export function makeWhy(nowMs: number, job: JobDetail): WhyView {
  const { id, state, reason: summary, leases } = job;
  const told = leases.map(({ leaseId, attempt, member, site, state: stage, outcome }) => ({
    ...{ leaseId, attempt, member, site, state: stage },
    ...(outcome === undefined ? { endsByMs: nowMs + 3_600_000 } : { outcome }),
    facts: [`Put on ${member}: first in order (priority 100); best fit: leaves 2 free.`],
  }));
  const base = { id, state, summary, reasons: [], changes: [], leases: told };
  if (id !== "84") return base;
  return {
    ...base,
    summary: "It needs 16 accelerators of model H100 at one time; 3 are free.",
    place: 3,
    waiting: 12,
    aheadIds: ["81", "82"],
    standing: {
      text: "priority 100; project climate has used 140 % of its share; ahead are 2 older ones",
      ...{ ofHigherPriority: 0, older: 2, ofOtherProjects: [], usedPercent: 140 },
    },
    reasons: [
      { code: "draining", text: "The member is draining.", nodes: 1 },
      { code: "busy", text: "All fitting accelerators are in use.", nodes: 2 },
      { code: "model", text: "The accelerator is not an H100.", nodes: 3 },
    ],
    changes: [
      {
        text: "Without `model: H100` it would start in about 2 minutes instead of 21 minutes.",
        ...{ startMs: nowMs + 120_000, now: false, gainMs: 1_140_000 },
      },
    ],
    hint: "Without `model: H100` it would start in about 2 minutes instead of 21 minutes.",
    startEstimateMs: nowMs + 1_260_000,
    startIntervalMs: [nowMs + 600_000, nowMs + 1_260_000, nowMs + 4_800_000],
  };
}

/** The statement of the fake pool. */
export function makeStatement(nowMs: number): StatementView {
  const line = (member: string, project: string, jobId: string, deviceMs: number) => ({
    member,
    project,
    jobId,
    jobName: jobId === "21" ? "sotu-small" : `job-${jobId}`,
    kind: jobId === "21" ? ("run" as const) : ("batch" as const),
    attempts: 1,
    deviceMs,
    cpuMs: deviceMs * 4,
    tokens: jobId === "21" ? deviceMs * 5 : 0,
    rounds: jobId === "21" ? 24 : 0,
    bytesUp: jobId === "21" ? 10_400_000 : 0,
    bytesDown: jobId === "21" ? 10_272_000 : 0,
    microCredits: Math.floor((deviceMs * 1_000) / 3.6),
  });
  const lines = [
    line("aurora", "climate", "21", 812_000),
    line("aurora", "climate", "83", 2_720_000),
    line("aurora", "default", "70", 76_000),
    line("basalt", "climate", "21", 406_000),
    line("basalt", "climate", "83", 948_000),
    line("cedar", "climate", "21", 120_000),
  ];
  const sum = (part: "deviceMs" | "cpuMs" | "tokens" | "bytesUp" | "bytesDown" | "microCredits") =>
    lines.reduce((total, one) => total + one[part], 0);
  return {
    nowMs,
    lines,
    totals: {
      deviceMs: sum("deviceMs"),
      cpuMs: sum("cpuMs"),
      tokens: sum("tokens"),
      bytesUp: sum("bytesUp"),
      bytesDown: sum("bytesDown"),
      microCredits: sum("microCredits"),
    },
  };
}

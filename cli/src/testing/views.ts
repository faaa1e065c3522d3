// Example answers of a pool, complete by the contract's schemas, for tests to vary.
import type {
  CallReply,
  JobDetail,
  JobView,
  LogView,
  MemberView,
  PoolView,
  RunDetail,
  StatementView,
  WhyView,
} from "@tequio/contract";
import { NOW_MS } from "./run-cli.ts";

const MINUTE = 60_000;

export const poolView: PoolView = {
  ...{ poolId: "p1", name: "lab", version: "1.2.3", nowMs: NOW_MS, seq: 1_234 },
  ...{ members: 2, sitesHere: 2, accelerators: 10, acceleratorsFree: 3 },
  ...{ jobsQueued: 4, jobsRunning: 2, jobsEnded: 1_040, runs: 1 },
  ageing: { pointMs: 3_600_000, pointsMax: 1_000 },
  backfill: "easy",
  moves: false,
};

/** A job that runs on one member, changed by `over`. */
export const jobView = (over: Partial<JobView> = {}): JobView => ({
  ...{ id: "17", name: "train", project: "default", user: "admin", kind: "batch" },
  ...{ state: "running", priority: 100, tasks: 1, accelerators: 1 },
  ...{ submittedAtMs: NOW_MS - 5 * MINUTE, startedAtMs: NOW_MS - 4 * MINUTE },
  ...{ walltimeMs: 3_600_000, attempt: 1, members: ["uni-lab"], reason: "on uni-lab" },
  ...over,
});

/** The same job in full. */
export const jobDetail = (over: Partial<JobDetail> = {}): JobDetail => ({
  ...jobView(),
  ...{ command: ["python", "train.py", "--name", "my run"], env: { SEED: "7" } },
  constraints: { members: [], excludeMembers: ["attic"], labels: { zone: "a" } },
  resources: { accelerators: 1, milliCpu: 500, memoryMiB: 2_048, model: "H100" },
  ...{ dependencies: ["afterok:16"], preemptible: false, requeue: true },
  leases: [
    {
      ...{ leaseId: "L1", attempt: 1, member: "uni-lab", site: "S1", state: "running", fence: 1 },
      accelerators: [{ node: "node1", id: "gpu0", model: "NVIDIA H100" }],
      ...{ grantedAtMs: NOW_MS - 4 * MINUTE, startedAtMs: NOW_MS - 4 * MINUTE },
      reason: "the only member with an H100",
    },
  ],
  ...over,
});

/** What a job has more when it ended a minute ago. */
export const endedJob = (outcome: string, exitCode: number | null): Partial<JobDetail> => ({
  ...{ state: "ended", outcome, exitCode, endedAtMs: NOW_MS - MINUTE },
  reason: `ended: ${outcome}`,
});

export const whyView: WhyView = {
  ...{ id: "18", state: "queued", summary: "No node has two free accelerators.", place: 2 },
  ...{ waiting: 1_500, hint: "Ask for one accelerator.", startEstimateMs: NOW_MS + 30 * MINUTE },
  startIntervalMs: [NOW_MS + 10 * MINUTE, NOW_MS + 30 * MINUTE, NOW_MS + 60 * MINUTE],
  aheadIds: ["16"],
  standing: {
    ...{ text: "priority 100; ahead: 1 older of project lab", ofHigherPriority: 0 },
    ...{ older: 1, ofOtherProjects: [], usedPercent: 40 },
  },
  reasons: [
    { code: "ACCELERATORS_BUSY", text: "1 accelerator is free, 2 are needed", nodes: 3 },
    { code: "LABEL", text: "the label zone=a is missing", nodes: 1 },
  ],
  changes: [
    { text: "With `accelerators: 1` it would start now.", startMs: NOW_MS, now: true, gainMs: 1 },
  ],
  leases: [],
};

/** A chunk of a log; the text begins at `offset`. */
export const logView = (text: string, over: Partial<LogView> = {}): LogView => {
  const offset = over.offset ?? 0;
  return {
    ...{ attempt: 1, task: 0, offset, nextOffset: offset + Buffer.byteLength(text) },
    ...{ data: Buffer.from(text).toString("base64"), ended: true, droppedBytes: 0 },
    ...over,
  };
};

/** A member with one site of two GPUs. */
export const memberView = (over: Partial<MemberView> = {}): MemberView => ({
  ...{ name: "uni-lab", state: "active", invitedAtMs: NOW_MS - 90 * MINUTE },
  ...{ accelerators: 2, acceleratorsFree: 1, runningJobs: 1, deviceMs: 3_723_000 },
  earnedMicroCredits: 1_234_567,
  sites: [
    {
      ...{ siteId: "S1", member: "uni-lab", engine: "local", state: "here" },
      ...{ agentVersion: "1.2.3", lastSeenMs: NOW_MS - 2_000 },
      ...{ nodeCount: 1, accelerators: 2, acceleratorsFree: 1 },
      devices: [{ kind: "gpu", vendor: "NVIDIA", model: "H100", memoryMiB: 81_920, count: 2 }],
      nodes: [
        {
          ...{ name: "node1", os: "linux", arch: "x64", milliCpu: 8_000, memoryMiB: 65_536 },
          accelerators: ["gpu0", "gpu1"].map((id) => ({
            ...{ id, kind: "gpu" as const, vendor: "NVIDIA", model: "H100", memoryMiB: 81_920 },
          })),
          ...{ labels: {}, freeAccelerators: 1, freeMilliCpu: 8_000, freeMemoryMiB: 65_536 },
        },
      ],
      calibration: {
        ...{ gemmGflops: 12.5, memoryGBPerS: 10 },
        link: { rttMs: 80.4, upMbitPerS: 50, downMbitPerS: 50 },
      },
    },
  ],
  ...over,
});

export const statement: StatementView = {
  ...{ nowMs: NOW_MS, fromMs: NOW_MS - 86_400_000 },
  lines: [
    {
      ...{ member: "uni-lab", project: "default", jobId: "17", jobName: "train", kind: "batch" },
      ...{ attempts: 1, deviceMs: 3_723_000, cpuMs: 60_000, tokens: 0, rounds: 0 },
      ...{ bytesUp: 0, bytesDown: 0, microCredits: 1_034_000 },
    },
    {
      ...{ member: "attic", project: "speech", jobId: "18", jobName: "speeches", kind: "run" },
      ...{ attempts: 1, deviceMs: 60_000, cpuMs: 0, tokens: 1_234_567, rounds: 12 },
      ...{ bytesUp: 2_500_000, bytesDown: 5_000_000, microCredits: -500 },
    },
  ],
  totals: {
    ...{ deviceMs: 3_783_000, cpuMs: 60_000, tokens: 1_234_567 },
    ...{ bytesUp: 2_500_000, bytesDown: 5_000_000, microCredits: 1_033_500 },
  },
};

/** A run in its second round on one member. */
export const runDetail = (over: Partial<RunDetail> = {}): RunDetail => ({
  ...{ id: "20", name: "speeches", project: "default", state: "training" },
  ...{ reason: "round 2 is open", parameters: 1_060_000, startedAtMs: NOW_MS - MINUTE },
  model: { vocab: 256, context: 64, width: 144, layers: 4, heads: 4 },
  ...{ round: 2, tokens: 98_304, progress: 0.5, endEstimateMs: NOW_MS + MINUTE },
  ...{ lossBefore: 5.55, lossNow: 2.71, bytesUp: 400_000, bytesDown: 1_200_000 },
  members: [
    {
      ...{ member: "uni-lab", siteId: "S1", state: "training", tokens: 90_000 },
      ...{ tokensPerSecond: 1_500.4, rounds: 2, bytesUp: 200_000, bytesDown: 600_000 },
      ...{ computeMs: 55_000, deviceMs: 60_000, batch: 16 },
    },
  ],
  rounds: [
    {
      ...{ round: 1, phase: "warm-up", openedAtMs: NOW_MS - MINUTE, mergedAtMs: NOW_MS - 30_000 },
      heldOutLoss: 3.2,
      rows: [
        {
          ...{ member: "uni-lab", tokens: 45_000, batch: 16, innerSteps: 15, computeMs: 30_000 },
          ...{ transferMs: 100, bytesUp: 100_000, bytesDown: 300_000, weight: 1, norm: 0.5 },
          verdict: "merged",
        },
      ],
    },
  ],
  sites: [
    { siteId: "S1", member: "uni-lab", taken: true, text: "site S1 takes part" },
    { siteId: "S2", member: "attic", taken: false, text: "site S2 left out: its link is slow" },
  ],
  ...over,
});

export const projects: CallReply<"listProjects"> = {
  rows: [
    {
      ...{ name: "default", parent: null, shares: 1, usage: 3_600_000, credit: 60_000 },
      ...{ jobsQueued: 1, jobsRunning: 2 },
    },
  ],
};
export const tokens: CallReply<"listTokens"> = {
  rows: [
    {
      ...{ tokenId: "t1", label: "ci", user: "admin", kind: "api" },
      createdAtMs: NOW_MS - MINUTE,
      ...{ expiresAtMs: NOW_MS + 86_400_000, revoked: false },
    },
    { tokenId: "t0", label: "old", user: "admin", kind: "api", createdAtMs: 0, revoked: true },
  ],
};

// A simulated run of very many members through the real controller: every message of a round as
// an input, every event as a row of the journal. What it takes is what the control plane spends on
// a round beside the merge and the network.
import { createHash } from "node:crypto";
import {
  emptyState,
  type JobState,
  type LeaseState,
  type Site,
  type State,
  step,
} from "@tequio/core/controller";
import {
  codedBytes,
  createRun,
  nextWakeMs,
  pendingAggregation,
  type RunInput,
} from "@tequio/core/training";

export interface RoundOverhead {
  /** Seconds of each measured round, and of the processor in it. */
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  /** Of the last round: seconds of its contributions, its merge with the next plan, the rows. */
  readonly perPart: Readonly<Record<string, number>>;
  readonly peakMB: number;
}

type MemberState = Parameters<State["members"]["set"]>[1];

const JOB = "1";
const LINK = { rttMs: 40, upMbitPerS: 50, downMbitPerS: 100 };
const PARAMETERS = 1_000_000;
const CONTEXT = 128;

/** A pool in which every site already holds a lease of one running job. */
function poolOf(sites: number): State {
  const state = emptyState();
  const ids = Array.from({ length: sites }, (_, i) => `site-${String(i).padStart(5, "0")}`);
  const spec = { run: { model: { vocab: 256 } }, project: "default" };
  const leaseIds = ids.map((_, i) => `l${i}`);
  state.jobs.set(JOB, { jobId: JOB, spec, stage: "running", leaseIds } as unknown as JobState);
  for (const [i, siteId] of ids.entries()) {
    state.members.set(siteId, { name: siteId } as unknown as MemberState);
    state.sites.set(siteId, { siteId, member: siteId, nodes: [] } as unknown as Site);
    const lease = { leaseId: leaseIds[i]!, jobId: JOB, siteId, placements: [] };
    state.leases.set(leaseIds[i]!, { lease, stage: "running" } as unknown as LeaseState);
  }
  const machine = createRun(
    {
      ...{ model: {}, parameters: PARAMETERS, context: CONTEXT, referenceBatch: 16, maxBatch: 64 },
      ...{ batchSizes: [1, 2, 4, 8, 16, 32, 64], codecDown: "int8", warmUpSteps: 0 },
      learningRate: { peak: 0.003, warmUp: 0.003, rampSteps: 20 },
      ...{ stop: { rounds: 1_000 }, quorum: { share: 0.5, min: 1 }, gatherMs: 1_000 },
      data: { windows: 100_000_000, seed: 1 },
      start: { modelDigest: "m0", modelBlob: "b0" },
    },
    0,
  );
  const rest = { failures: {}, booked: {}, version: 1, lossBefore: 5, startedAtMs: 0, rounds: [] };
  state.runs.set(JOB, { jobId: JOB, machine, ...rest });
  return state;
}

/** Rounds of so many members, each of another speed; the first round is not measured. */
export function roundOverhead(sites: number, rounds: number): RoundOverhead {
  const state = poolOf(sites);
  const { machine } = state.runs.get(JOB)!;
  let rowsMs = 0;
  let atMs = 0;
  const chain = createHash("sha256");
  const feed = (input: Record<string, unknown>): void => {
    const timed = { type: "run", jobId: JOB, input: input as unknown as RunInput, atMs } as const;
    const { outcome, events } = step(state, timed as Parameters<typeof step>[1]);
    if (!outcome.ok) throw new Error(outcome.message);
    const start = performance.now();
    for (const event of events) chain.update(JSON.stringify(event));
    rowsMs += performance.now() - start;
    nextWakeMs(machine);
  };
  for (const [i, siteId] of [...state.sites.keys()].entries()) {
    const tokensPerSecondHint = 1_000 + ((i * 7_919) % 9_000);
    feed({ type: "site.available", siteId, link: LINK, tokensPerSecondHint });
  }
  atMs = 2_000;
  feed({ type: "tick" });
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  let perPart = {};
  for (let round = 0; round <= rounds; round += 1) {
    rowsMs = 0;
    const start = performance.now();
    const cpu = process.cpuUsage();
    const asked = machine.assignments.toSorted((a, b) => a.expectedMs - b.expectedMs);
    for (const one of asked) {
      const { siteId, innerSteps, batch, codec, modelDigest, dataRange } = one;
      atMs = Math.max(atMs, Math.round(one.assignedMs + one.expectedMs));
      feed({
        ...{ type: "contribution.offered", siteId, round: one.round, innerSteps, batch, codec },
        ...{ tokens: innerSteps * batch * CONTEXT, computeMs: one.expectedMs, transferMs: 90 },
        ...{ blob: `sha256:${siteId}@${one.round}`, bytes: codedBytes(codec, PARAMETERS) },
        ...{ modelDigest, dataRange, meanLoss: 3 },
      });
    }
    const offered = performance.now();
    const request = pendingAggregation(machine);
    if (request === undefined) throw new Error("the round was not closed");
    const numbers = { norm: 1, clipFactor: 1, lossBefore: 2, lossAfter: 2 };
    const rows = request.contributions.map(({ contributionId, siteId }) => {
      return { contributionId, siteId, ...numbers, verdict: "passed", reason: null };
    });
    const model = { modelDigest: `m${request.round}`, modelBlob: "b", stepBlob: "s" };
    const rest = { checkpointBlob: "c", heldOutLoss: 4, bytesDown: 1_000 };
    feed({ type: "round.aggregated", round: request.round, ...model, ...rest, rows });
    const end = performance.now();
    if (rows.length !== sites) throw new Error(`${rows.length} of ${sites} contributed`);
    const { user, system } = process.cpuUsage(cpu);
    if (round > 0) {
      seconds.push((end - start) / 1_000);
      cpuSeconds.push((user + system) / 1e6);
    }
    const part = (ms: number) => Math.round(ms) / 1_000;
    perPart = {
      contributions: part(offered - start),
      mergeAndPlan: part(end - offered),
      ofWhichRows: part(rowsMs),
    };
  }
  return {
    seconds,
    cpuSeconds,
    perPart,
    peakMB: Math.round(process.resourceUsage().maxRSS / 1_000),
  };
}

// The answer to "why?" for one job: why it waits and what would help, why it runs where it runs
// and what may stop it, or why it ended. The scheduler's part comes from the pass that decided;
// in a large pool it is asked in short steps, so that nobody else waits for the answer.
import { setImmediate as otherWork } from "node:timers/promises";
import type { WhyView } from "@tequio/contract";
import {
  dependencyState,
  type JobState,
  queueViews,
  type State,
  schedulerInput,
} from "@tequio/core/controller";
import { type Explanation, explainInSteps, passOf, plan } from "@tequio/core/scheduler";
import type { Pump } from "../pump.ts";
import { jobStateName, reasonOf } from "./jobs.ts";
import { whyLeases } from "./why-leases.ts";

/** Nodes and leases up to which a question is answered from the very moment it is asked; in a
 * larger pool it is answered from the newest plan, which costs nothing to look up. */
const FRESH_PARTS_MAX = 2_000;
/** After so many milliseconds something else has its turn: agents and other users wait. */
const STEP_MS = 20;

/** Why a job waits, runs where it runs, or ended as it did. */
export async function whyView(pump: Pick<Pump, "state" | "plan">, found: Found): Promise<WhyView> {
  const { state, job, nowMs, array } = found;
  const whole = array === undefined ? {} : { array: arrayView(state, array, job) };
  const shown = { ...beforeSteps(pump, found), ...whole };
  if (!state.queue.has(job.jobId)) return shown;
  const why = await explained(pump, job, nowMs);
  return why === undefined ? shown : withExplanation(shown, why, nowMs);
}

/** A job, with the state to look up its leases in. */
export interface Found {
  readonly state: State;
  readonly job: JobState;
  readonly nowMs: number;
  /** The array that was asked about, of which this is a task. */
  readonly array?: string;
}

/**
 * The task that stands for an array: the first that waits, else one that runs. Of an array that is
 * over every task has its own story.
 */
export function telling(state: State, arrayId: string): JobState | undefined {
  const tasks = tasksOf(state, arrayId);
  const waits = tasks.find(({ jobId }) => state.queue.has(jobId));
  return waits ?? tasks.find(({ stage }) => stage !== "ended");
}

/** Those of the tasks that have not left the state for the archive. */
const tasksOf = (state: State, arrayId: string): readonly JobState[] =>
  (state.arrays.get(arrayId) ?? []).flatMap((id) => state.jobs.get(id) ?? []);

function arrayView(state: State, id: string, { jobId }: JobState): NonNullable<WhyView["array"]> {
  const all = state.arrays.get(id)?.length ?? 0;
  const counts = { queued: 0, active: 0 };
  for (const { stage } of tasksOf(state, id)) if (stage !== "ended") counts[stage] += 1;
  const ended = all - counts.queued - counts.active;
  const text =
    `Array ${id} has ${all} tasks: ${counts.queued} wait, ${counts.active} run, ` +
    `${ended} are over. This is about task ${jobId}.`;
  return { id, ...counts, ended, text };
}

/** What is known without asking the scheduler. */
function beforeSteps({ plan: made }: Pick<Pump, "plan">, { state, job, nowMs }: Found): WhyView {
  const hint = dependencyHint(state, job);
  return {
    id: job.jobId,
    state: jobStateName(state, job),
    ...(job.outcome === null ? {} : { outcome: job.outcome }),
    summary: placeText(state, job) ?? reasonOf(state, made, job),
    ...(state.queue.has(job.jobId) ? { waiting: state.queue.size } : {}),
    ...(hint === undefined ? {} : { hint }),
    reasons: [],
    changes: [],
    leases: whyLeases(state, job, nowMs),
  };
}

/** Where the job is; undefined if it is nowhere, or about to be stopped. */
function placeText(state: State, job: JobState): string | undefined {
  const open = job.leaseIds
    .map((leaseId) => state.leases.get(leaseId)!)
    .filter(({ stage }) => stage !== "ended");
  if (open.length === 0 || open.some(({ stop }) => stop !== null)) return undefined;
  const members = open.map(({ lease }) => state.sites.get(lease.siteId)!.member);
  return `on ${[...new Set(members)].join(", ")}`;
}

async function explained(
  pump: Pick<Pump, "state" | "plan">,
  job: JobState,
  nowMs: number,
): Promise<Explanation | undefined> {
  const { state } = pump;
  const made = isSmall(state) ? plan(schedulerInput(state, nowMs)) : pump.plan;
  const pass = made === undefined ? undefined : passOf(made);
  if (pass === undefined) return undefined;
  const steps = explainInSteps({ pass, ...queueViews(state, job) });
  let fromMs = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - fromMs < STEP_MS) continue;
    await otherWork();
    fromMs = performance.now();
  }
}

function isSmall({ sites }: State): boolean {
  let parts = 0;
  for (const { nodes, openLeases } of sites.values()) parts += nodes.length + openLeases.length;
  return parts <= FRESH_PARTS_MAX;
}

function withExplanation(shown: WhyView, why: Explanation, nowMs: number): WhyView {
  const { ahead, place, standing, changes, startEstimateMs, startIntervalMs: interval } = why;
  const first = why.reasons[0]?.text ?? "the next plan starts it";
  const behind = ahead === 0 ? first : `${first}; ${ahead} ${jobs(ahead)} ahead of it`;
  const whole = (ms: number): number => Math.max(nowMs, Math.round(ms));
  // What is likely is of more use than what would be if all that runs ran to its limit.
  const startMs = interval?.[1] ?? startEstimateMs;
  const more = shown.leases.filter(({ state }) => state !== "ended").length;
  return {
    ...shown,
    summary: more === 0 ? behind : `${shown.summary}; no further site now: ${first}`,
    ...(place === undefined ? {} : { place }),
    ...(why.aheadJobIds.length === 0 ? {} : { aheadIds: [...why.aheadJobIds] }),
    ...(standing === undefined ? {} : { standing: standingView(standing) }),
    reasons: why.reasons.map(({ code, text, nodes }) => ({ code, text, nodes })),
    changes: changes.map(({ text, startMs, now, gainMs }) => ({
      ...{ text, startMs: whole(startMs), now },
      ...(gainMs === undefined ? {} : { gainMs: Math.round(gainMs) }),
    })),
    ...(changes.length === 0 ? {} : { hint: changes.map(({ text }) => text).join(" ") }),
    ...(startMs === undefined ? {} : { startEstimateMs: whole(startMs) }),
    ...(interval === undefined
      ? {}
      : { startIntervalMs: [whole(interval[0]), whole(interval[1]), whole(interval[2])] }),
  };
}

const jobs = (count: number): string => (count === 1 ? "job is" : "jobs are");

function standingView(
  standing: NonNullable<Explanation["standing"]>,
): NonNullable<WhyView["standing"]> {
  const { text, ofHigherPriority, older, ofOtherProjects, usedPercent } = standing;
  return {
    ...{ text, ofHigherPriority, older },
    ofOtherProjects: ofOtherProjects.map(({ project, jobs: count, usedPercent: used }) => ({
      ...{ project, jobs: count },
      ...(used === undefined ? {} : { usedPercent: Math.round(used) }),
    })),
    ...(usedPercent === undefined ? {} : { usedPercent: Math.round(usedPercent) }),
  };
}

/** Where the jobs are that this one waits for. */
function dependencyHint(state: State, { spec, stage }: JobState): string | undefined {
  if (stage !== "queued") return undefined;
  const open = spec.dependencies.filter((one) => dependencyState(state, one) !== "satisfied");
  const [first] = open;
  if (first === undefined) return undefined;
  const other = state.jobs.get(first.jobId);
  const is = other === undefined ? "is not over" : `is ${jobStateName(state, other)}`;
  const more = open.length === 1 ? "" : `, and ${open.length - 1} more`;
  return `Job ${first.jobId} ${is}${more}. Ask \`tequio why ${first.jobId}\` when it ends.`;
}

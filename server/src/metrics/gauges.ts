// Sets the gauges of a scrape from the state and the tallies. Everything here costs as much as
// there are sites, members and projects; nothing walks the jobs.
import type { State } from "@tequio/core/controller";
import { usageAt } from "@tequio/core/ledger";
import { CAPACITY_STATES, type Capacity, capacityOf, type Split } from "./capacity.ts";
import { JOB_OUTCOMES, type JobTally, queuedJobs } from "./job-tally.ts";
import { type LeaseTally, OPEN_STAGES, splitClass } from "./lease-tally.ts";
import type { MetricRegistry } from "./registry.ts";

/** Projects with series of their own: the ones with the most usage. A pool may have thousands. */
const PROJECTS_SHOWN_MAX = 200;
/** Sites with a series of their own: a pool of more is watched by its sums. */
const SITES_SHOWN_MAX = 1_000;
const MILLI = 1_000;
const MICROSECONDS = 1e6;

const STANDINGS = ["invited", "active", "draining", "recalled"] as const;
const SITE_STATES = ["joined", "here", "away"] as const;

/** Passes of the scheduler, added up. */
export interface PassTotals {
  readonly count: number;
  readonly lastS: number;
  readonly maxS: number;
  readonly sumS: number;
}

export interface GaugeSources {
  readonly registry: MetricRegistry;
  readonly state: State;
  readonly jobs: JobTally;
  readonly leases: LeaseTally;
  readonly passes: PassTotals;
  readonly placements: number;
  readonly nowMs: number;
  readonly lastSeen: (siteId: string) => number | undefined;
}

/** Brings every gauge that follows the state up to date. */
export function setGauges(sources: GaugeSources): void {
  const { registry, state, leases } = sources;
  const capacity = capacityOf(state, leases);
  setJobs(sources);
  setPool(sources);
  setCapacity(registry, capacity);
  setProjects(registry, state);
  setRuns(registry, state);
  setSlurm(sources, capacity);
  registry.set("journalSeq", state.seq);
}

function setJobs({ registry, state, jobs, leases }: GaugeSources): void {
  const queued = queuedJobs(state);
  registry.set("jobs", queued, "queued");
  registry.set("jobs", Math.max(0, jobs.open - queued), "active");
  for (const outcome of JOB_OUTCOMES) registry.set("jobs", jobs.endedAs(outcome), outcome);
  registry.set("queueJobs", state.queue.size);
  for (const stage of OPEN_STAGES) registry.set("leases", leases.inStage(stage), stage);
}

function countBy<T>(items: Iterable<T>, keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function setPool({ registry, state, nowMs, lastSeen }: GaugeSources): void {
  const standings = countBy(state.members.values(), ({ standing }) => standing);
  for (const one of STANDINGS) registry.set("members", standings.get(one) ?? 0, one);
  const states = countBy(state.sites.values(), (site) => site.state);
  for (const one of SITE_STATES) registry.set("sites", states.get(one) ?? 0, one);
  registry.reset("siteLastSeen");
  for (const { siteId, member } of [...state.sites.values()].slice(0, SITES_SHOWN_MAX)) {
    const seenMs = lastSeen(siteId);
    if (seenMs === undefined) continue;
    registry.set("siteLastSeen", Math.max(0, nowMs - seenMs) / MILLI, member, siteId);
  }
}

function setCapacity(registry: MetricRegistry, { nodes, milliCpu, classes }: Capacity): void {
  registry.reset("accelerators");
  for (const state of CAPACITY_STATES) {
    registry.set("nodes", nodes[state], state);
    registry.set("cores", milliCpu[state] / MILLI, state);
    for (const [key, split] of classes) {
      registry.set("accelerators", split[state], ...splitClass(key), state);
    }
  }
}

function setProjects(registry: MetricRegistry, { projects, ledger, nowMs }: State): void {
  const rows = [...projects.values()].map(({ name, shares }) => {
    return { name, shares, usage: usageAt(ledger.usage, "project", name, nowMs) };
  });
  const sum = rows.reduce((total, { usage }) => total + usage, 0);
  rows.sort((a, b) => b.usage - a.usage || b.shares - a.shares);
  registry.reset("projectShares");
  registry.reset("projectUsage");
  for (const { name, shares, usage } of rows.slice(0, PROJECTS_SHOWN_MAX)) {
    registry.set("projectShares", shares, name);
    registry.set("projectUsage", sum === 0 ? 0 : usage / sum, name);
  }
}

function setRuns(registry: MetricRegistry, state: State): void {
  let running = 0;
  for (const jobId of state.runs.keys()) {
    if (state.jobs.get(jobId)?.stage !== "ended") running += 1;
  }
  registry.set("runs", running, "running");
  registry.set("runs", state.runs.size - running, "ended");
}

const sumOf = (split: Split): number =>
  CAPACITY_STATES.reduce((sum, state) => sum + split[state], 0);

/** The same figures under the names that Slurm's dashboards know. */
function setSlurm(sources: GaugeSources, { nodes, milliCpu, classes }: Capacity): void {
  const { registry, state, jobs, passes, placements } = sources;
  const pending = queuedJobs(state);
  const running = Math.max(0, jobs.open - pending);
  const gpus = [...classes].filter(([key]) => splitClass(key)[1] === "gpu");
  const gpuSum = (pick: (split: Split) => number): number =>
    gpus.reduce((sum, [, split]) => sum + pick(split), 0);
  const usedGpus = gpuSum(({ used }) => used);
  registry.set("slurm_jobs", jobs.submitted);
  registry.set("slurm_jobs_cpus_alloc", milliCpu.used / MILLI);
  registry.set("slurm_jobs_gpus_alloc", usedGpus);
  registry.set("slurm_nodes", sumOf(nodes));
  registry.set("slurm_nodes_alloc", nodes.used);
  registry.set("slurm_nodes_idle", nodes.free);
  registry.set("slurm_nodes_drain", nodes.draining);
  registry.set("slurm_nodes_down", nodes.away);
  registry.set("slurm_cpus_alloc", milliCpu.used / MILLI);
  registry.set("slurm_cpus_idle", milliCpu.free / MILLI);
  registry.set("slurm_cpus_other", (milliCpu.draining + milliCpu.away) / MILLI);
  registry.set("slurm_cpus_total", sumOf(milliCpu) / MILLI);
  registry.set("slurm_gpus_alloc", usedGpus);
  registry.set(
    "slurm_gpus_idle",
    gpuSum(({ free }) => free),
  );
  registry.set("slurm_gpus_total", gpuSum(sumOf));
  for (const prefix of ["slurm_jobs", "slurm_queue", "slurm_sdiag_jobs"] as const) {
    registry.set(`${prefix}_pending`, pending);
    registry.set(`${prefix}_running`, running);
    registry.set(`${prefix}_completed`, jobs.endedAs("completed"));
    registry.set(`${prefix}_failed`, jobs.endedAs("failed"));
  }
  for (const prefix of ["slurm_jobs", "slurm_queue"] as const) {
    registry.set(`${prefix}_cancelled`, jobs.endedAs("cancelled"));
    registry.set(`${prefix}_timeout`, jobs.endedAs("timeout"));
  }
  registry.set("slurm_jobs_node_failed", jobs.endedAs("lost"));
  registry.set("slurm_queue_node_fail", jobs.endedAs("lost"));
  registry.set("slurm_sdiag_jobs_submitted", jobs.submitted);
  registry.set("slurm_sdiag_jobs_started", placements);
  registry.set("slurm_sdiag_jobs_canceled", jobs.endedAs("cancelled"));
  setSlurmPasses(registry, passes, state.queue.size);
}

/** Slurm gives the time of its passes in microseconds. */
function setSlurmPasses(registry: MetricRegistry, passes: PassTotals, queued: number): void {
  const { count, lastS, maxS, sumS } = passes;
  const us = (seconds: number): number => Math.round(seconds * MICROSECONDS);
  const mean = count === 0 ? 0 : us(sumS / count);
  registry.set("slurm_schedule_cycle_cnt", count);
  registry.set("slurm_schedule_cycle_last", us(lastS));
  registry.set("slurm_schedule_cycle_max", us(maxS));
  registry.set("slurm_schedule_cycle_tot", us(sumS));
  registry.set("slurm_schedule_queue_len", queued);
  registry.set("slurm_sched_cycle_cnt", count);
  registry.set("slurm_sched_cycle_last", us(lastS));
  registry.set("slurm_sched_mean_cycle", mean);
  registry.set("slurm_scheduler_last_cycle", us(lastS));
  registry.set("slurm_scheduler_mean_cycle", mean);
}

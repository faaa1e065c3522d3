// Small pools and jobs for the scheduler's tests, with everything that a test does not care about
// filled in. Used by tests only.
import type { Accelerator, JobSpec, Resources } from "../pool/index.ts";
import type { NodeView, RunningView, SchedulerInput, WaitingView } from "./types.ts";

export const HOUR_MS = 3_600_000;

/** GPU number `index` of a node; an H100 unless told otherwise. */
export const gpu = (index: number, model = "H100 SXM5 80GB", memoryMiB = 81_920): Accelerator => ({
  id: `gpu${index}`,
  kind: "gpu",
  vendor: "NVIDIA",
  model,
  memoryMiB,
});

/** A node of site `s1` of member `ana`, idle, with `gpus` GPUs, 8 cores and 64 GiB. */
export function node(name: string, gpus: number, change: Partial<NodeView> = {}): NodeView {
  const accelerators = Array.from({ length: gpus }, (_, index) => gpu(index));
  return nodeWith(name, accelerators, change);
}

/** An idle node of site `s1` with just these accelerators, 8 cores and 64 GiB. */
export function nodeWith(
  name: string,
  accelerators: readonly Accelerator[],
  change: Partial<NodeView> = {},
): NodeView {
  return {
    siteId: "s1",
    member: "ana",
    node: {
      name,
      os: "linux",
      arch: "x64",
      milliCpu: 8_000,
      memoryMiB: 65_536,
      accelerators,
      labels: {},
    },
    schedulable: true,
    freeAcceleratorIds: accelerators.map(({ id }) => id),
    freeMilliCpu: 8_000,
    freeMemoryMiB: 65_536,
    ...change,
  };
}

/** One task with `accelerators` devices for one hour, in project `lab`. */
export function spec(
  resources: Partial<Resources>,
  change: Partial<JobSpec> & { readonly count?: number } = {},
): JobSpec {
  const { count = 1, ...rest } = change;
  return {
    name: "job",
    project: "lab",
    user: "eva",
    priority: 0,
    preemptible: false,
    walltimeMs: HOUR_MS,
    groups: [
      {
        name: "main",
        count,
        command: ["true"],
        env: {},
        resources: { accelerators: 0, milliCpu: 0, memoryMiB: 0, ...resources },
      },
    ],
    constraints: { members: [], excludeMembers: [], labels: {} },
    dependencies: [],
    requeue: true,
    ...rest,
  };
}

/** A job that waits since time 0 and may start. */
export const waiting = (
  jobId: string,
  jobSpec: JobSpec,
  change: Partial<WaitingView> = {},
): WaitingView => ({ jobId, spec: jobSpec, submittedAtMs: 0, eligible: true, ...change });

/** A lease of site `s1` that began at time 0, ends after an hour, and holds nothing yet. */
export const running = (leaseId: string, change: Partial<RunningView>): RunningView => ({
  leaseId,
  jobId: `job-${leaseId}`,
  siteId: "s1",
  project: "lab",
  priority: 0,
  preemptible: false,
  placements: [],
  submittedAtMs: 0,
  startedAtMs: 0,
  endsAtMs: HOUR_MS,
  ...change,
});

/** A pool at time 0 with project `lab` and, unless told otherwise, nothing in it. */
export const snapshot = (change: Partial<SchedulerInput>): SchedulerInput => ({
  nowMs: 0,
  nodes: [],
  running: [],
  waiting: [],
  projects: [{ name: "lab", parent: null, shares: 1, usage: 0 }],
  ...change,
});

/** The nodes after some leases have taken their part. */
export function occupied(
  nodes: readonly NodeView[],
  leases: readonly RunningView[],
): readonly NodeView[] {
  return nodes.map((view) => {
    const parts = leases
      .filter(({ siteId }) => siteId === view.siteId)
      .flatMap(({ placements }) => placements.filter((part) => part.node === view.node.name));
    const held = new Set(parts.flatMap(({ acceleratorIds }) => acceleratorIds));
    return {
      ...view,
      freeAcceleratorIds: view.freeAcceleratorIds.filter((id) => !held.has(id)),
      freeMilliCpu: view.freeMilliCpu - parts.reduce((sum, { milliCpu }) => sum + milliCpu, 0),
      freeMemoryMiB: view.freeMemoryMiB - parts.reduce((sum, part) => sum + part.memoryMiB, 0),
    };
  });
}

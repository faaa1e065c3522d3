// What a task finds in its environment: a little of the agent's, the job's own, its rank in the
// gang and the devices it may use. It leaves finding devices to discovery.ts.
import { LIMITS, type Placement, WHOLE_MILLI } from "@tequio/core/pool";
import type { LeaseStart, TaskStart } from "../port.ts";
import type { Device } from "./discovery.ts";
import { leaseFolder, type TaskRecord, workFolder } from "./records.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** Kept from the agent. Everything else of its environment may be a secret. */
const KEPT = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL"];
/** Where drivers and certificates lie on some machines; paths, never secrets. */
const KEPT_PATHS = ["LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/** Variables that say which devices of a maker a program may see, by their numbers. */
const VISIBLE: Readonly<Record<string, string>> = {
  NVIDIA: "CUDA_VISIBLE_DEVICES",
  AMD: "ROCR_VISIBLE_DEVICES",
  Huawei: "ASCEND_RT_VISIBLE_DEVICES",
};

/** The harmless part of an environment, usually of `process.env`. */
export function keptEnvironment(
  from: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of [...KEPT, ...KEPT_PATHS]) {
    const value = from[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/**
 * Device variables of a placement. A maker whose devices are here but not leased gets an empty
 * list, which hides them.
 */
export function deviceEnvironment(
  placement: Placement,
  devices: readonly Device[],
): Record<string, string> {
  const leased = new Set(placement.acceleratorIds);
  const env: Record<string, string> = {};
  for (const device of devices) {
    const name = VISIBLE[device.accelerator.vendor];
    if (name === undefined || device.visibleAs === undefined) continue;
    env[name] ??= "";
    // nvidia-smi numbers by bus; CUDA by speed, unless told otherwise.
    if (name === "CUDA_VISIBLE_DEVICES") env.CUDA_DEVICE_ORDER = "PCI_BUS_ID";
    if (!leased.has(device.accelerator.id)) continue;
    env[name] = env[name] === "" ? device.visibleAs : `${env[name]},${device.visibleAs}`;
  }
  return env;
}

/**
 * What a task is told of its part of a GPU. NVIDIA's MPS, where its daemon runs, holds it to so
 * many of the GPU's threads; else it is a request that programs may heed.
 */
export function partEnvironment({ partMilli }: Placement): Record<string, string> {
  if (partMilli === undefined) return {};
  const percent = Math.max(1, Math.floor((partMilli * 100) / WHOLE_MILLI));
  return {
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(percent),
    TEQUIO_ACCELERATOR_SHARE: String(partMilli / WHOLE_MILLI),
  };
}

/** Everything but the secrets that a task of a lease is started with. */
export function taskEnvironment(
  lease: LeaseStart,
  task: TaskStart,
  devices: readonly Device[],
  agentEnvironment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const neighbours = lease.tasks.filter((other) => other.placement.node === task.placement.node);
  const localRank = neighbours.findIndex((other) => other.taskIndex === task.taskIndex);
  return {
    ...keptEnvironment(agentEnvironment),
    // Without it numeric libraries start a thread for every core of the machine.
    OMP_NUM_THREADS: String(Math.max(1, Math.floor(task.placement.milliCpu / 1_000))),
    ...task.env,
    ...deviceEnvironment(task.placement, devices),
    ...partEnvironment(task.placement),
    RANK: String(task.taskIndex),
    WORLD_SIZE: String(lease.taskCount),
    LOCAL_RANK: String(localRank),
    LOCAL_WORLD_SIZE: String(neighbours.length),
    TEQUIO_LEASE_ID: lease.leaseId,
    TEQUIO_JOB_ID: lease.jobId,
    TEQUIO_ATTEMPT: String(lease.attempt),
    TEQUIO_FENCE: String(lease.fence),
    TEQUIO_TASK_INDEX: String(task.taskIndex),
    TEQUIO_TASK_COUNT: String(lease.taskCount),
  };
}

/** The tasks of a lease as its supervisor starts them, within walls or not. */
export function taskRecords(
  lease: LeaseStart,
  devices: readonly Device[],
  sandbox: SandboxRecord | undefined,
  folder: string,
): readonly TaskRecord[] {
  const work = workFolder(leaseFolder(folder, lease.leaseId));
  // The agent's own home and temporary folder are not there within walls.
  const walled = { HOME: work, TMPDIR: "/tmp", TEQUIO_ISOLATION: "sandbox" };
  const place = sandbox === undefined ? { TEQUIO_ISOLATION: "none" } : walled;
  const isDevice = (id: string): boolean =>
    devices.some((d) => d.accelerator.id === id && d.accelerator.kind !== "cpu");
  return lease.tasks.map((task) => ({
    taskIndex: task.taskIndex,
    command: task.command,
    env: { ...taskEnvironment(lease, task, devices, process.env), ...place },
    memoryMiB: task.placement.memoryMiB,
    processesMax: task.limits?.processes ?? LIMITS.TASK_PROCESSES_DEFAULT,
    diskMiB: task.limits?.diskMiB ?? LIMITS.TASK_DISK_DEFAULT_MIB,
    devices: task.placement.acceleratorIds.some(isDevice),
  }));
}

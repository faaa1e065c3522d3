// What the local engine keeps on disk, so that neither the agent nor a supervisor has to live:
//
//   <folder>/rights.json             until when leases may run, and the processor share
//   <folder>/fences.json             highest fence seen for each job (fences.ts)
//   <folder>/leases/<leaseId>/       one lease: lease.json, running.json, stop.json, end.json,
//                                    task-N.log, shim.log, work/ (where its tasks run)
//
// Every record is replaced as a whole by rename, so a reader sees the old one or the new one.
// It leaves to others: what the records mean for the life of a lease (engine.ts, supervisor.ts).
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { EndedBy, TaskEnd } from "../port.ts";
import type { ProcessId } from "./processes.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** One task as the supervisor starts it; secrets come by its standard input instead. */
export interface TaskRecord {
  readonly taskIndex: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Most that all its processes together may hold, where there are walls. */
  readonly memoryMiB?: number;
  /** Most processes and threads, where there are walls and groups. */
  readonly processesMax?: number;
  /** Its part of what the lease may write to its work folder; the largest file within walls. */
  readonly diskMiB?: number;
  /** It has leased accelerators. */
  readonly devices?: boolean;
}

/** lease.json: written once, before the supervisor is started. */
export interface LeaseRecord {
  readonly leaseId: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly fence: number;
  readonly walltimeMs: number;
  readonly graceMs: number;
  /** For the log of each task. */
  readonly logBytesMax: number;
  /** Its part of the processor share is this over the sum of all live leases. */
  readonly milliCpu: number;
  /** `measure`: outside any lease of the pool, so no deadline holds and stderr is dropped. */
  readonly purpose: "lease" | "measure";
  /** The walls around its tasks; absent: none. */
  readonly sandbox?: SandboxRecord;
  /** Written at the head of every task's log. */
  readonly note?: string;
  readonly tasks: readonly TaskRecord[];
}

/** running.json: the supervisor rewrites it when a task starts or ends and every few seconds. */
export interface RunningRecord {
  readonly bootId: string;
  readonly shim: ProcessId;
  /** Leaders of the process groups whose task has not ended. */
  readonly groups: readonly ProcessId[];
  /** On the site clock; null before the first task started. */
  readonly startedAtMs: number | null;
  readonly ranMs: number;
  readonly cpuTimeMs: number;
  readonly dropped: readonly DroppedRecord[];
}

export interface DroppedRecord {
  readonly taskIndex: number;
  readonly bytes: number;
}

/** stop.json: a request to end; the supervisor reads it again when it changes. */
export interface StopRecord {
  readonly graceMs: number;
  readonly why: string;
}

/** end.json: the last word on a lease. */
export interface EndRecord {
  readonly endedBy: EndedBy;
  readonly ranMs: number;
  readonly cpuTimeMs: number;
  readonly message: string;
  /** The task that failed before all others; null when none did. */
  readonly failedFirst: number | null;
  readonly tasks: readonly TaskEnd[];
  readonly dropped: readonly DroppedRecord[];
}

/** rights.json: one for all leases of the engine. */
export interface RightsRecord {
  /** A site clock starts again with the machine, so a deadline of another boot is over. */
  readonly bootId: string;
  readonly deadlineOnSiteClockMs: number;
  /** Cores for all leases together, e.g. 0.25; null: no limit. */
  readonly cpuShare: number | null;
}

export const rightsFile = (folder: string): string => join(folder, "rights.json");
export const fencesFile = (folder: string): string => join(folder, "fences.json");
export const leasesFolder = (folder: string): string => join(folder, "leases");
/** The folder of one lease; the paths below are asked with it. */
export const leaseFolder = (folder: string, leaseId: string): string =>
  join(folder, "leases", leaseId);
export const leaseFile = (lease: string): string => join(lease, "lease.json");
export const runningFile = (lease: string): string => join(lease, "running.json");
export const stopFile = (lease: string): string => join(lease, "stop.json");
export const endFile = (lease: string): string => join(lease, "end.json");
export const shimLogFile = (lease: string): string => join(lease, "shim.log");
export const workFolder = (lease: string): string => join(lease, "work");
/** What one task of a lease wrote; tasks count from 0. */
export const taskLogFile = (lease: string, taskIndex: number): string =>
  join(lease, `task-${taskIndex}.log`);

/** Creates a folder that only its owner can read: commands and logs are a job's own business. */
export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/**
 * Replaces a record as a whole. `durable` also survives a loss of power.
 * Throws what the file system throws, e.g. ENOSPC.
 */
export function writeRecord(path: string, record: object, durable: boolean): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(file, `${JSON.stringify(record)}\n`);
    if (durable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  if (durable) syncFolder(dirname(path));
}

/** A rename is durable when its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Reads a record, or undefined when it is not there or unreadable. The shape is not checked
 * again: only this package writes here, as a whole, into a folder that only its owner can enter.
 */
export function readRecord<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}

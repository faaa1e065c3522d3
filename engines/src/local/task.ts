// One task: a process that leads a group of its own, and its log. It leaves to the supervisor
// when a task has to end.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync } from "node:fs";
import { type Code, LIMITS } from "@tequio/core/pool";
import {
  limitMemory,
  limitProcesses,
  memoryKills,
  processRefusals,
  removeGroup,
  taskGroup,
} from "./cgroup.ts";
import { OUT_OF_DISK } from "./disk.ts";
import { MARK_VARIABLE } from "./family.ts";
import { makePipe, openTaskLog, type TaskLog } from "./logs.ts";
import { identify, type ProcessId } from "./processes.ts";
import { type LeaseRecord, type TaskRecord, taskLogFile, workFolder } from "./records.ts";
import { endInside, sandboxCommand } from "./sandbox.ts";

/** What a shell answers for a program that does not exist, and for one that cannot be run. */
const EXIT_NOT_FOUND = 127;
const EXIT_NOT_RUNNABLE = 126;
/** Walls and the shells that put them up count as well; the job shall have what it asked for. */
const PROCESSES_OF_WALLS = 4;

/** How the message of a lease begins that outgrew its memory; a code, so that programs find it. */
const OUT_OF_MEMORY: Code = "OUT_OF_MEMORY";

export interface ExitState {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A started task. */
export interface Task {
  readonly taskIndex: number;
  /** Leader of its process group; undefined when it could not be started. */
  readonly id: ProcessId | undefined;
  readonly end: () => ExitState | undefined;
  readonly droppedBytes: () => number;
  /** What it used more of than it may, told with a code; the rest of it then makes no sense. */
  readonly overrun: () => string | undefined;
  /** Lets go of what only a live task needs; false when it has to be called again. */
  readonly release: () => boolean;
  /** Settles when all that it wrote is in the log. */
  readonly drained: Promise<unknown>;
}

export interface TaskPlan {
  /** Folder of the lease. */
  readonly folder: string;
  readonly lease: LeaseRecord;
  readonly record: TaskRecord;
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly keepStderr: boolean;
  /** Called as soon as its process has been made, with the milliseconds since: to make it is not
   * yet the job's time. */
  readonly onSpawn: (agoMs: number) => void;
  /** Called once, never before `startTask` has returned. */
  readonly onEnd: () => void;
}

/** Starts a task in the work folder of its lease. */
export function startTask(plan: TaskPlan): Task {
  const { record, folder, lease } = plan;
  const log = openTaskLog(taskLogFile(folder, record.taskIndex), lease.logBytesMax);
  if (lease.note !== undefined) log.note(lease.note);
  const groups = groupsOf(plan, log);
  const pipe = makePipe(folder, String(record.taskIndex));
  const out = pipe?.writeEnd ?? "pipe";
  const [program, ...args] = commandOf(plan, groups);
  const askedMs = performance.now();
  const child = spawn(program ?? "", args, {
    cwd: workFolder(folder),
    env: { ...record.env, ...plan.secretEnv, [MARK_VARIABLE]: folder },
    detached: true, // a session and a process group of its own
    stdio: ["ignore", out, plan.keepStderr ? out : "ignore"],
  });
  // The kernel made the process somewhere within the call (40 first calls of a process took 6.7 ms
  // in the mean, the process began 3.3 ms after their start): its middle is charged.
  plan.onSpawn((performance.now() - askedMs) / 2);
  const id = child.pid === undefined ? undefined : identify(child.pid);
  const sources = pipe === undefined ? [child.stdout, child.stderr] : [pipe.source];
  const drained = Promise.all(
    sources.flatMap((source) => (source === null ? [] : [log.follow(source)])),
  );
  if (pipe !== undefined) closeSync(pipe.writeEnd);
  let end: ExitState | undefined;
  onExit(child, plan, log, (state) => {
    end = lease.sandbox === undefined ? state : endInside(state.exitCode, state.signal);
    // A shell may end well after the kernel has killed what it was waiting for.
    if (end.exitCode === 0 && groups.outOfMemory()) end = { exitCode: null, signal: "SIGKILL" };
    plan.onEnd();
  });
  const { droppedBytes } = log;
  const { taskIndex } = record;
  const overrun = (): string | undefined => {
    groups.noteRefusals();
    if (groups.outOfMemory()) {
      return `${OUT_OF_MEMORY}: Task ${taskIndex} used more than its ${record.memoryMiB} MiB.`;
    }
    if (end?.signal !== "SIGXFSZ") return undefined;
    return `${OUT_OF_DISK}: A file of task ${taskIndex} grew beyond ${record.diskMiB} MiB.`;
  };
  return { taskIndex, id, end: () => end, droppedBytes, overrun, release: groups.release, drained };
}

interface TaskGroups extends Pick<Task, "release"> {
  readonly memory: string | undefined;
  readonly processes: string | undefined;
  /** The kernel killed in it because its memory was used up. */
  readonly outOfMemory: () => boolean;
  /** Says in the log, once, that the kernel refused it a process. */
  readonly noteRefusals: () => void;
}

/** The groups of a task. Where there is none for memory the limit holds for each process; where
 * there is none for processes there is no limit, which the lease's note says. */
function groupsOf({ lease, record }: TaskPlan, log: TaskLog): TaskGroups {
  const { memoryRoot, processRoot } = lease.sandbox ?? {};
  const { taskIndex, memoryMiB, processesMax } = record;
  const memory =
    memoryRoot && memoryMiB !== undefined
      ? taskGroup(memoryRoot, lease.leaseId, taskIndex)
      : undefined;
  const processes =
    processRoot && processesMax !== undefined
      ? taskGroup(processRoot, lease.leaseId, taskIndex)
      : undefined;
  if (memoryRoot && memory) limitMemory(memoryRoot, memory, memoryMiB ?? 0);
  if (processes) limitProcesses(processes, (processesMax ?? 0) + PROCESSES_OF_WALLS);
  let killed = false;
  let noted = false;
  return {
    memory,
    processes,
    outOfMemory() {
      if (memoryRoot && memory) killed ||= memoryKills(memoryRoot, memory) > 0;
      return killed;
    },
    noteRefusals() {
      if (noted || processes === undefined || processRefusals(processes) === 0) return;
      noted = true;
      log.note(`It has reached its limit of ${processesMax} processes; more are refused to it.`);
    },
    release: () => [memory, processes].every((group) => group === undefined || removeGroup(group)),
  };
}

function commandOf({ lease, record, folder }: TaskPlan, { memory, processes }: TaskGroups) {
  if (lease.sandbox === undefined) return record.command;
  const { command, memoryMiB = 0, diskMiB = LIMITS.TASK_DISK_DEFAULT_MIB } = record;
  const { devices = false } = record;
  const work = workFolder(folder);
  const groups = { memoryGroup: memory, processGroup: processes };
  return sandboxCommand(lease.sandbox, { work, command, memoryMiB, diskMiB, devices, ...groups });
}

function onExit(
  child: ChildProcess,
  plan: TaskPlan,
  log: TaskLog,
  ended: (state: ExitState) => void,
): void {
  child.once("exit", (exitCode, signal) => ended({ exitCode, signal }));
  child.once("error", (error: NodeJS.ErrnoException) => {
    if (child.pid !== undefined) return; // a signal that did not arrive, not a failed start
    const { exitCode, reason } = explain(error, plan);
    log.note(`The task could not be started: ${reason}`);
    ended({ exitCode, signal: null });
  });
}

interface FailedStart {
  readonly exitCode: number;
  readonly reason: string;
}

/** Exit code and plain words for a start that failed. */
function explain(error: NodeJS.ErrnoException, plan: TaskPlan): FailedStart {
  const program = plan.record.command[0] ?? "";
  const folder = workFolder(plan.folder);
  if (!existsSync(folder)) {
    return { exitCode: EXIT_NOT_RUNNABLE, reason: `its work folder ${folder} is gone.` };
  }
  if (error.code === "ENOENT") {
    const reason = `the program "${program}" was not found on this machine.`;
    return { exitCode: EXIT_NOT_FOUND, reason };
  }
  if (error.code === "EACCES") {
    return { exitCode: EXIT_NOT_RUNNABLE, reason: `"${program}" is not an executable file.` };
  }
  return { exitCode: EXIT_NOT_RUNNABLE, reason: `"${program}": ${error.message}` };
}

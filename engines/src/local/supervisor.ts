// The life of one lease, inside its supervisor process: starts the tasks, holds them to their
// walltime, deadline, processor share and log limits, stops them when asked, and writes down how
// they ended. It talks to the engine only through files (records.ts), so it outlives the agent.
// It leaves to the engine what happens when this process itself is killed.
import { existsSync, watch } from "node:fs";
import { dirname } from "node:path";
import { siteClockMs } from "../clock.ts";
import type { EndedBy } from "../port.ts";
import { watchDisk } from "./disk.ts";
import { type Family, leaseFamily } from "./family.ts";
import { type Guard, startGuard } from "./guard.ts";
import { leave } from "./leave.ts";
import { type LimiterState, nextPhase, startLimiter } from "./limiter.ts";
import { identify, type ProcessId, readBootId, signal } from "./processes.ts";
import {
  type DroppedRecord,
  type EndRecord,
  endFile,
  type LeaseRecord,
  makeFolder,
  type RightsRecord,
  type RunningRecord,
  readRecord,
  rightsFile,
  runningFile,
  type StopRecord,
  stopFile,
  workFolder,
  writeRecord,
} from "./records.ts";
import { shareSplitter } from "./share.ts";
import { startTask, type Task } from "./task.ts";

/** How often files and clocks are looked at. A stop is also noticed by fs.watch, at once. */
const CHECK_MS = 100;
/** How often a lease without a processor share is looked at: nothing is to be measured there. */
const IDLE_CHECK_MS = 250;
/** How often all processes of the machine are looked through for members of the lease. */
const SCAN_MS = 1_000;
/** How often running.json is brought up to date: what a lost lease may be charged too little. */
const REPORT_MS = 2_000;
/** The polite signal comes so long before the deadline: nothing lives after it. */
const DEADLINE_GRACE_MS = 2_000;
/** After the last task ended, its last words may still be in the pipe. */
const LAST_WORDS_MS = 500;
/** A full disk may get room again; until then the end waits to be written. */
const END_RETRY_MS = 1_000;

interface Stopping {
  readonly endedBy: EndedBy;
  readonly message: string;
  /** On the monotonic clock. */
  readonly hardAtMs: number;
}

function failed(task: Task): boolean {
  const end = task.end();
  return end !== undefined && end.exitCode !== 0;
}

function endMessage(task: Task | undefined): string {
  if (task === undefined) return "Every task ended well.";
  const { exitCode, signal: name } = task.end() ?? {};
  const how = exitCode === null ? `by ${name}` : `with exit code ${exitCode}`;
  return `Task ${task.taskIndex} ended ${how}.`;
}

const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

export class Supervisor {
  readonly #folder: string;
  readonly #engineFolder: string;
  readonly #lease: LeaseRecord;
  readonly #bootId = readBootId();
  readonly #shim: ProcessId;
  readonly #family: Family;
  readonly #guard: Guard;
  readonly #shareOf: (share: number) => number;
  #tasks: readonly Task[] = [];
  #stopping: Stopping | undefined;
  #failedFirst: number | undefined;
  /** Grace of the stop request that was obeyed last. */
  #stopGraceMs = Number.POSITIVE_INFINITY;
  /** The polite signal still has to reach somebody. */
  #askPending = false;
  #limiter: LimiterState | undefined;
  #share: number | undefined;
  #startedMs: number | undefined;
  #startedOnSiteClockMs: number | null = null;
  #endedMs: number | undefined;
  #checkedMs = Number.NEGATIVE_INFINITY;
  #scannedMs = Number.NEGATIVE_INFINITY;
  #reportedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #finished = false;

  constructor(folder: string, lease: LeaseRecord) {
    const shim = identify(process.pid);
    if (shim === undefined) throw new Error("The supervisor cannot see its own process.");
    this.#folder = folder;
    this.#engineFolder = dirname(dirname(folder));
    this.#lease = lease;
    this.#shim = shim;
    this.#family = leaseFamily(folder);
    this.#guard = startGuard(process.env);
    this.#shareOf = shareSplitter(this.#engineFolder, lease.leaseId);
  }

  /** Runs the lease to its end. `secretEnv` has one entry a task. */
  start(secretEnv: readonly Readonly<Record<string, string>>[]): void {
    this.#report();
    // running.json comes first: an engine that gave up on this supervisor wrote stop.json before
    // it looked for running.json a last time, so one of the two always sees the other.
    this.#check();
    if (this.#stopping === undefined) {
      makeFolder(workFolder(this.#folder));
      this.#startTasks(secretEnv);
      this.#watchDisk();
    }
    this.#watchForStop();
    process.on("SIGTERM", () => this.#stopFromOutside());
    process.on("SIGINT", () => this.#stopFromOutside());
    this.#turn();
  }

  /** Kills all tasks and writes the end; for a supervisor that met a bug. */
  giveUp(message: string): void {
    this.#family.signalAll("SIGKILL");
    this.#stopping = { endedBy: "lost", message, hardAtMs: 0 };
    this.#writeEnd();
  }

  /** The tasks of a lease share one folder, and so what they may write there. */
  #watchDisk(): void {
    const diskMiB = this.#lease.tasks.reduce((sum, task) => sum + (task.diskMiB ?? 0), 0);
    if (diskMiB === 0) return; // Our own measuring has no limit.
    watchDisk(workFolder(this.#folder), diskMiB, (why) => {
      if (!this.#finished) this.#beginStop("itself", why, 0);
    });
  }

  /** Only hastens what the timer notices too: a machine may be out of watches. */
  #watchForStop(): void {
    try {
      const watcher = watch(this.#folder, (_event, name) => {
        if (name === "stop.json") this.#turnNow();
      });
      watcher.on("error", () => undefined);
    } catch {
      // Without a watch a stop is noticed up to IDLE_CHECK_MS later.
    }
  }

  #startTasks(secretEnv: readonly Readonly<Record<string, string>>[]): void {
    const measure = this.#lease.purpose === "measure";
    const started: Task[] = [];
    for (const [place, record] of this.#lease.tasks.entries()) {
      const task = startTask({
        folder: this.#folder,
        lease: this.#lease,
        record,
        secretEnv: secretEnv[place] ?? {},
        keepStderr: !measure,
        onSpawn: (agoMs) => this.#taskStarts(agoMs),
        onEnd: () => this.#taskEnded(),
      });
      started.push(task);
      this.#tasks = started;
      this.#groupsChanged();
    }
    this.#family.scan();
    this.#report();
  }

  /** The first task's start is the lease's. */
  #taskStarts(agoMs: number): void {
    if (this.#startedMs !== undefined) return;
    this.#startedMs = monotonicMs() - agoMs;
    this.#startedOnSiteClockMs = siteClockMs() - Math.round(agoMs);
  }

  #liveTasks(): readonly Task[] {
    return this.#tasks.filter((task) => task.end() === undefined);
  }

  #groupsChanged(): void {
    const groups = this.#liveTasks().flatMap((task) => task.id?.pid ?? []);
    this.#family.setGroups(groups);
    this.#guard.watch(groups);
  }

  #taskEnded(): void {
    for (const task of this.#tasks) {
      // What it left in its group ends with it.
      if (task.end() !== undefined && task.id !== undefined) signal(-task.id.pid, "SIGKILL");
    }
    this.#endedMs = monotonicMs();
    this.#groupsChanged();
    this.#failedFirst ??= this.#tasks.find(failed)?.taskIndex;
    this.#checkLimits();
    if (this.#failedFirst !== undefined && this.#liveTasks().length > 0) {
      const message = `Task ${this.#failedFirst} failed, so the others of its gang were stopped.`;
      this.#beginStop("itself", message, this.#lease.graceMs);
    }
    this.#turnNow();
  }

  #stopFromOutside(): void {
    const why = "The supervisor was told to stop: the machine is going down.";
    this.#beginStop("lost", why, DEADLINE_GRACE_MS);
  }

  /** The first reason stays; a later one can only bring the hard signal nearer. */
  #beginStop(endedBy: EndedBy, message: string, graceMs: number): void {
    const wishedMs = monotonicMs() + graceMs;
    const before = this.#stopping;
    const first = before ?? { endedBy, message, hardAtMs: wishedMs };
    this.#stopping = { ...first, hardAtMs: Math.min(first.hardAtMs, wishedMs) };
    if (before !== undefined) return;
    this.#family.scan();
    this.#askToEnd();
    this.#continue(); // a stopped process gets its SIGTERM only then
  }

  /** The polite signal. Walls pass none on and would fall by it, so it goes to those within; while
   * the walls are still going up there is nobody, and it is tried again. */
  #askToEnd(): void {
    if (this.#lease.sandbox === undefined) this.#family.signalAll("SIGTERM");
    else this.#askPending = this.#family.signalInside("SIGTERM") === 0;
  }

  #checkLimits(): void {
    for (const task of this.#tasks) {
      const why = task.overrun();
      if (this.#stopping === undefined && why !== undefined) this.#beginStop("itself", why, 0);
    }
  }

  #continue(): void {
    this.#family.signalAll("SIGCONT");
    if (this.#limiter !== undefined) {
      this.#limiter = { ...this.#limiter, phase: "run", untilMs: monotonicMs() + CHECK_MS };
    }
  }

  #turnNow(): void {
    this.#checkedMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), 0);
  }

  #turn(): void {
    if (this.#finished) return;
    const nowMs = monotonicMs();
    if (nowMs - this.#checkedMs >= CHECK_MS) this.#check();
    if (this.#liveTasks().length === 0) {
      void this.#finish();
      return;
    }
    if (nowMs - this.#scannedMs >= SCAN_MS) {
      this.#family.scan();
      this.#scannedMs = nowMs;
    }
    if (nowMs - this.#reportedMs >= REPORT_MS) this.#report();
    this.#timer = setTimeout(() => this.#turn(), this.#limit());
  }

  /** Looks at everything that may end the lease. */
  #check(): void {
    const nowMs = monotonicMs();
    this.#checkedMs = nowMs;
    const stop = readRecord<StopRecord>(stopFile(this.#folder));
    if (stop !== undefined && stop.graceMs < this.#stopGraceMs) {
      this.#stopGraceMs = stop.graceMs;
      this.#beginStop("stop", `Stopped: ${stop.why}`, stop.graceMs);
    }
    const rights = readRecord<RightsRecord>(rightsFile(this.#engineFolder));
    this.#share = rights?.cpuShare ?? undefined;
    const { walltimeMs, graceMs } = this.#lease;
    if (this.#startedMs !== undefined && nowMs - this.#startedMs >= walltimeMs) {
      this.#beginStop("walltime", `The time limit of ${walltimeMs} ms was reached.`, graceMs);
    }
    if (this.#lease.purpose === "lease") this.#checkDeadline(rights);
    if (!existsSync(this.#folder)) this.#beginStop("lost", "The lease's folder was removed.", 0);
    this.#checkLimits();
    if (this.#askPending) {
      this.#family.scan();
      this.#askToEnd();
    }
    if (this.#stopping !== undefined && nowMs >= this.#stopping.hardAtMs) {
      this.#family.scan();
      this.#family.signalAll("SIGKILL");
    }
  }

  #checkDeadline(rights: RightsRecord | undefined): void {
    const valid = rights !== undefined && rights.bootId === this.#bootId;
    const leftMs = (valid ? rights.deadlineOnSiteClockMs : 0) - siteClockMs();
    // While a stop is under way its grace may go on, but not beyond the right to run.
    if (leftMs > DEADLINE_GRACE_MS) return;
    const message = "The site's right to run was not renewed in time.";
    this.#beginStop("deadline", message, Math.max(0, leftMs));
  }

  /** Takes a reading, stops or continues the processes; gives the time until the next turn. */
  #limit(): number {
    const nowMs = monotonicMs();
    if (this.#share === undefined) {
      // The owner may have taken the share away in the middle of a pause.
      if (this.#limiter?.phase === "pause") this.#continue();
      this.#limiter = undefined;
      return IDLE_CHECK_MS;
    }
    const before = this.#limiter ?? startLimiter(nowMs, this.#family.usedMs());
    if (nowMs < before.untilMs - 1) {
      this.#limiter = before;
      return before.untilMs - nowMs;
    }
    const share = this.#shareOf(this.#share);
    this.#limiter = nextPhase(before, { nowMs, usedMs: this.#family.usedMs(), share });
    if (this.#limiter.phase === "pause") this.#family.signalAll("SIGSTOP");
    else if (before.phase === "pause") this.#family.signalAll("SIGCONT");
    return this.#limiter.untilMs - nowMs;
  }

  #ranMs(): number {
    if (this.#startedMs === undefined) return 0;
    const untilMs = this.#liveTasks().length > 0 ? monotonicMs() : this.#endedMs;
    return Math.max(0, Math.round((untilMs ?? this.#startedMs) - this.#startedMs));
  }

  #dropped(): readonly DroppedRecord[] {
    return this.#tasks
      .map((task) => ({ taskIndex: task.taskIndex, bytes: task.droppedBytes() }))
      .filter((dropped) => dropped.bytes > 0);
  }

  #report(): void {
    this.#reportedMs = monotonicMs();
    const record: RunningRecord = {
      ...{ bootId: this.#bootId, shim: this.#shim },
      groups: this.#liveTasks().flatMap((task) => task.id ?? []),
      startedAtMs: this.#startedOnSiteClockMs,
      ranMs: this.#ranMs(),
      cpuTimeMs: this.#family.usedMs(),
      dropped: this.#dropped(),
    };
    try {
      writeRecord(runningFile(this.#folder), record, false);
    } catch (trouble) {
      // Before the first task a lease that cannot be written down is not begun.
      if (this.#startedMs === undefined) throw trouble;
    }
  }

  async #finish(): Promise<void> {
    this.#finished = true;
    // A process that left its group with all its ancestors is found by its environment.
    this.#family.scan();
    this.#family.signalAll("SIGKILL");
    const lastWords = new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
    await Promise.race([Promise.all(this.#tasks.map((task) => task.drained)), lastWords]);
    await this.#release();
    this.#writeEnd();
  }

  /** What was killed takes a moment to be gone; the engine removes what is left even then. */
  async #release(): Promise<void> {
    const untilMs = monotonicMs() + LAST_WORDS_MS;
    while (!this.#tasks.every((task) => task.release()) && monotonicMs() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #writeEnd(): void {
    const unknown = { exitCode: null, signal: null };
    const tasks = this.#lease.tasks.map(({ taskIndex }, place) => {
      return { taskIndex, ...(this.#tasks[place]?.end() ?? unknown) };
    });
    const record: EndRecord = {
      endedBy: this.#stopping?.endedBy ?? "itself",
      failedFirst: this.#failedFirst ?? null,
      ranMs: this.#ranMs(),
      cpuTimeMs: this.#family.usedMs(),
      message: this.#stopping?.message ?? endMessage(this.#tasks.find(failed)),
      tasks,
      dropped: this.#dropped(),
    };
    try {
      if (!existsSync(endFile(this.#folder))) writeRecord(endFile(this.#folder), record, true);
    } catch {
      // On a full disk it is tried again; a folder that was removed waits for no end any more.
      if (existsSync(this.#folder)) {
        setTimeout(() => this.#writeEnd(), END_RETRY_MS);
        return;
      }
    }
    leave();
  }
}

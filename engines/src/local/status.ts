// Where a lease stands, read from its folder; and the end of one whose supervisor died. It leaves
// starting and stopping to engine.ts.
import { existsSync, readFileSync } from "node:fs";
import { siteClockMs } from "../clock.ts";
import type { LeaseStatus } from "../port.ts";
import { killLeftovers } from "./family.ts";
import { isAlive, readBootId } from "./processes.ts";
import {
  type EndRecord,
  endFile,
  type LeaseRecord,
  type RunningRecord,
  readRecord,
  runningFile,
  shimLogFile,
  stopFile,
  writeRecord,
} from "./records.ts";

/** A supervisor starts in 0.1 s on an idle machine; a very busy one may take a hundred times. */
const SUPERVISOR_START_MS = 15_000;
/** Of a supervisor's own last words, what fits a message. */
const LAST_WORDS_CHARS_MAX = 300;

/** What the engine remembers of a lease whose supervisor has not reported yet. */
export interface Pending {
  /** First seen without running.json, on the site clock. */
  readonly sinceMs: number;
  /** The supervisor is a child of this process, and has ended. */
  readonly shimEnded: boolean;
}

/** Status of a lease. Ends it, as lost or refused, when nobody is there any more to do so. */
export function statusOf(folder: string, lease: LeaseRecord, pending: Pending): LeaseStatus {
  const { leaseId, jobId, attempt, fence } = lease;
  const head = { leaseId, jobId, attempt, fence };
  const end = readRecord<EndRecord>(endFile(folder));
  if (end !== undefined) return ended(head, end);
  const running = readRecord<RunningRecord>(runningFile(folder));
  if (running === undefined) {
    const lost = absent(folder, lease, pending);
    return lost === undefined ? { ...head, state: "starting" } : ended(head, lost);
  }
  if (running.bootId !== readBootId() || !isAlive(running.shim)) {
    // Its last act is to write the end: look again, now that it is known to be gone.
    const last = readRecord<EndRecord>(endFile(folder));
    return ended(head, last ?? lose(folder, lease, running));
  }
  if (running.startedAtMs === null) return { ...head, state: "starting" };
  return {
    ...head,
    state: existsSync(stopFile(folder)) ? "stopping" : "running",
    ranMs: Math.max(0, siteClockMs() - running.startedAtMs),
    cpuTimeMs: running.cpuTimeMs,
  };
}

type Head = Pick<LeaseStatus, "leaseId" | "jobId" | "attempt" | "fence">;

function ended(head: Head, end: EndRecord): LeaseStatus {
  const { endedBy, ranMs, cpuTimeMs, message, tasks } = end;
  const unclear = tasks.find((task) => task.exitCode !== 0);
  const told = tasks.find((task) => task.taskIndex === end.failedFirst) ?? unclear ?? tasks[0];
  return {
    ...head,
    state: "ended",
    endedBy,
    ranMs,
    cpuTimeMs,
    exitCode: told?.exitCode ?? null,
    signal: told?.signal ?? null,
    message,
    tasks,
  };
}

/** The end of a lease whose supervisor never reported; undefined while it still may. */
function absent(folder: string, lease: LeaseRecord, pending: Pending): EndRecord | undefined {
  const waitedMs = siteClockMs() - pending.sinceMs;
  if (!pending.shimEnded && waitedMs < SUPERVISOR_START_MS) return undefined;
  if (!pending.shimEnded && !existsSync(stopFile(folder))) {
    // Told to stop first: a supervisor that comes late reads this after it has reported, so
    // either it starts nothing, or its report is found here the next time.
    writeRecord(stopFile(folder), { graceMs: 0, why: "it took too long to start" }, false);
    return undefined;
  }
  if (!pending.shimEnded && waitedMs < 2 * SUPERVISOR_START_MS) return undefined;
  if (existsSync(runningFile(folder))) return undefined;
  const words = lastWords(folder);
  const message = `The supervisor of the lease could not start${words === "" ? "." : `: ${words}`}`;
  return writeEnd(folder, { ...unknownEnd(lease), endedBy: "refused", message });
}

/** Ends a lease whose supervisor was killed: its tasks must not go on, and are not forgotten. */
function lose(folder: string, lease: LeaseRecord, running: RunningRecord): EndRecord {
  const sameBoot = running.bootId === readBootId();
  const groups = sameBoot ? running.groups.filter(isAlive).map((group) => group.pid) : [];
  if (sameBoot) killLeftovers(folder, groups);
  const message = sameBoot
    ? "The supervisor of the lease was killed, so its tasks were killed too."
    : "The machine was started again.";
  const { ranMs, cpuTimeMs, dropped } = running;
  const end = { ...unknownEnd(lease), ranMs, cpuTimeMs, dropped, message };
  return writeEnd(folder, end);
}

function unknownEnd(lease: LeaseRecord): EndRecord {
  const tasks = lease.tasks.map(({ taskIndex }) => ({ taskIndex, exitCode: null, signal: null }));
  const nothing = { ranMs: 0, cpuTimeMs: 0, failedFirst: null, dropped: [] };
  return { endedBy: "lost", message: "", tasks, ...nothing };
}

function writeEnd(folder: string, end: EndRecord): EndRecord {
  try {
    writeRecord(endFile(folder), end, true);
  } catch {
    // A full disk: the end is true all the same, and is found again the same way next time.
  }
  return end;
}

function lastWords(folder: string): string {
  try {
    const text = readFileSync(shimLogFile(folder), "utf8").replace(/\s+/g, " ").trim();
    return text.slice(-LAST_WORDS_CHARS_MAX);
  } catch {
    return "";
  }
}

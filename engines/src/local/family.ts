// Which processes belong to a lease, and the processor time that they used together.
// A task starts as leader of its own group; what it starts belongs to it by group, by session or
// by descent. A process that left all three is still known by the lease's folder in its
// environment, as Jenkins finds the processes of a build. It leaves stopping and limiting to
// others.
import {
  type ProcessId,
  type ProcessRow,
  readProcess,
  readProcesses,
  signal,
  startedWith,
} from "./processes.ts";

/** The folder and not the id: another pool on this machine may use the same ids. */
export const MARK_VARIABLE = "TEQUIO_LEASE_FOLDER";

const keyOf = (id: ProcessId): string => `${id.pid}@${id.startedAt}`;

/**
 * Rows that belong to the groups, by group, session or descent, or that were known before.
 * `carriesMark` is asked once for each other process.
 */
export function familyOf(
  rows: readonly ProcessRow[],
  groups: ReadonlySet<number>,
  known: ReadonlySet<string>,
  carriesMark: (row: ProcessRow) => boolean,
): readonly ProcessRow[] {
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const verdicts = new Map<number, boolean>();
  const belongs = (row: ProcessRow): boolean => {
    const verdict = verdicts.get(row.pid);
    if (verdict !== undefined) return verdict;
    verdicts.set(row.pid, false); // ends a circle, which a table read in pieces may show
    const parent = byPid.get(row.parentPid);
    const found =
      groups.has(row.group) ||
      groups.has(row.session) ||
      known.has(keyOf(row)) ||
      (parent !== undefined && belongs(parent)) ||
      carriesMark(row);
    verdicts.set(row.pid, found);
    return found;
  };
  return rows.filter(belongs);
}

/** Adds up processor time of processes that come and go. */
export interface CpuMeter {
  /** Takes the rows that live now; gives the total of all since the beginning. */
  readonly observe: (rows: readonly ProcessRow[]) => number;
}

/**
 * The time of a child that ended moves into its parent's `waitedMs` when the parent waits for it,
 * and is lost from the table otherwise. So growth of `waitedMs` counts only as far as it is more
 * than what was already counted for the processes that vanished.
 */
export function cpuMeter(): CpuMeter {
  let last = new Map<string, ProcessRow>();
  let totalMs = 0;
  let carriedMs = 0;
  const observe = (rows: readonly ProcessRow[]): number => {
    const next = new Map<string, ProcessRow>();
    let waitedMs = 0;
    for (const row of rows) {
      const key = keyOf(row);
      const before = last.get(key);
      next.set(key, row);
      totalMs += Math.max(0, row.ownMs - (before?.ownMs ?? 0));
      waitedMs += Math.max(0, row.waitedMs - (before?.waitedMs ?? 0));
    }
    let vanishedMs = 0;
    for (const [key, row] of last) if (!next.has(key)) vanishedMs += row.ownMs + row.waitedMs;
    last = next;
    // A parent is read before its child, so a child may be gone one reading before its time shows
    // up in the parent: what this reading lost counts as known for one reading more.
    const credit = carriedMs + vanishedMs;
    totalMs += Math.max(0, waitedMs - credit);
    carriedMs = Math.min(vanishedMs, Math.max(0, credit - waitedMs));
    return totalMs;
  };
  return { observe };
}

/** The live processes of one lease. */
export interface Family {
  /** Groups whose members belong to the lease from now on. */
  readonly setGroups: (groups: readonly number[]) => void;
  /** Looks at every process of the machine; costs about 20 µs for each. */
  readonly scan: () => void;
  /** Processor time so far of this process, which supervises, and of those that the last scan
   * found. This process has waited for the tasks that ended, so their last moments count too. */
  readonly usedMs: () => number;
  /** Signals all groups and every member outside of them. */
  readonly signalAll: (name: NodeJS.Signals) => void;
  /** Signals what runs within walls and not the walls themselves, which are the leaders of the
   * groups and their children; gives how many processes that were. */
  readonly signalInside: (name: NodeJS.Signals) => number;
}

/** Follows the processes of the lease in `folder`. */
export function leaseFamily(folder: string): Family {
  const meter = cpuMeter();
  const bornWithMs = meter.observe(ownRow());
  let groups: ReadonlySet<number> = new Set();
  let members: readonly ProcessRow[] = [];
  let strangers: ReadonlySet<string> = new Set();

  const scan = (): void => {
    const rows = readProcesses();
    const others = new Set<string>();
    const carriesMark = (row: ProcessRow): boolean => {
      const key = keyOf(row);
      if (!strangers.has(key) && startedWith(row.pid, MARK_VARIABLE, folder)) return true;
      others.add(key);
      return false;
    };
    members = familyOf(rows, groups, new Set(members.map(keyOf)), carriesMark);
    // A child has its parent's environment from birth: a stranger stays one, and is asked once.
    strangers = others;
  };
  const usedMs = (): number => {
    const rows: ProcessRow[] = [];
    for (const member of members) {
      const row = readProcess(member.pid);
      if (row !== undefined && row.startedAt === member.startedAt) rows.push(row);
    }
    members = rows;
    return meter.observe([...ownRow(), ...rows]) - bornWithMs;
  };
  const signalAll = (name: NodeJS.Signals): void => {
    for (const group of groups) signal(-group, name);
    for (const row of members) if (!groups.has(row.group)) signal(row.pid, name);
  };
  const signalInside = (name: NodeJS.Signals): number => {
    const inside = members.filter((row) => !groups.has(row.pid) && !groups.has(row.parentPid));
    for (const row of inside) signal(row.pid, name);
    return inside.length;
  };
  const setGroups = (next: readonly number[]): void => {
    groups = new Set(next);
  };
  return { setGroups, scan, usedMs, signalAll, signalInside };
}

function ownRow(): readonly ProcessRow[] {
  const row = readProcess(process.pid);
  return row === undefined ? [] : [row];
}

/**
 * Kills every process that carries the mark of the lease, with the given groups; for a lost
 * supervisor.
 */
export function killLeftovers(folder: string, groups: readonly number[]): void {
  const family = leaseFamily(folder);
  family.setGroups(groups);
  family.scan();
  family.signalAll("SIGKILL");
}

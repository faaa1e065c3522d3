// Control groups: the kernel holds all processes of one task together to a limit of memory and of
// their number, and counts how often it had to. Works with cgroup v1 and v2, where this process may
// make groups below its own. It leaves to isolation.ts what happens where it may not.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const MIB = 1_048_576;
/** No useful process lives below this, not even the shell that starts it. */
const LEAST_MIB = 8;
/** The group that an agent moves itself into: cgroup v2 wants processes in leaves only. */
const OWN_LEAF = "agent";

/** What is limited. In v1 each has a tree of groups of its own. */
type Controller = "memory" | "pids";

/** Where groups can be made, and in which dialect. */
export interface GroupRoot {
  readonly version: 1 | 2;
  /** An existing folder of the cgroup file system. */
  readonly path: string;
}

interface Places {
  /** Text of /proc/self/cgroup. */
  readonly own: string;
  /** Where the cgroup file systems are mounted, usually /sys/fs/cgroup. */
  readonly mount: string;
}

const systemPlaces = (): Places => ({
  own: readOr("/proc/self/cgroup", ""),
  mount: "/sys/fs/cgroup",
});

/**
 * Finds (and in v2 prepares) the place below which memory groups can be made, named `name`.
 * Undefined where this user may not, or the machine has no memory groups. It tries for real: a
 * group is made, limited and removed.
 */
export const findMemoryRoot = (name: string, places = systemPlaces()): GroupRoot | undefined =>
  findRoot("memory", name, places);

/** The same for groups that limit the number of processes. */
export const findProcessRoot = (name: string, places = systemPlaces()): GroupRoot | undefined =>
  findRoot("pids", name, places);

function findRoot(controller: Controller, name: string, places: Places): GroupRoot | undefined {
  for (const candidate of [v1Root(controller, places), v2Root(controller, places)]) {
    if (candidate === undefined) continue;
    const root = { version: candidate.version, path: join(candidate.path, name) };
    if (tryRoot(controller, root)) return root;
  }
  return undefined;
}

function tryRoot(controller: Controller, root: GroupRoot): boolean {
  try {
    mkdirSync(root.path, { recursive: true });
    if (root.version === 2) allow(controller, root.path);
    const probe = join(root.path, `probe-${process.pid}`);
    if (controller === "memory") limitMemory(root, probe, LEAST_MIB);
    else limitProcesses(probe, 1);
    rmdirSync(probe);
    return true;
  } catch {
    return false;
  }
}

function v1Root(controller: Controller, { own, mount }: Places): GroupRoot | undefined {
  const line = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, "m").exec(own);
  if (line === null) return undefined;
  const path = join(mount, controller, line[1] ?? "");
  return existsSync(join(path, "cgroup.procs")) ? { version: 1, path } : undefined;
}

/** In v2 only a group without processes of its own can share out anything: this process, and what
 * else lives in its group, moves into a leaf below. A systemd unit with `Delegate=` allows it. */
function v2Root(controller: Controller, { own, mount }: Places): GroupRoot | undefined {
  const line = /^0::(.*)$/m.exec(own);
  if (line === null) return undefined;
  const here = join(mount, line[1] ?? "");
  const inLeaf = basename(here) === OWN_LEAF;
  const current = inLeaf ? dirname(here) : here;
  if (!readOr(join(current, "cgroup.controllers"), "").split(/\s+/).includes(controller)) {
    return undefined;
  }
  try {
    if (inLeaf) {
      allow(controller, current);
      return { version: 2, path: current };
    }
    const leaf = join(current, OWN_LEAF);
    mkdirSync(leaf, { recursive: true });
    for (const pid of readOr(join(current, "cgroup.procs"), "").split("\n")) {
      if (pid !== "") writeFileSync(join(leaf, "cgroup.procs"), pid);
    }
    allow(controller, current);
    return { version: 2, path: current };
  } catch {
    return undefined;
  }
}

const allow = (controller: Controller, path: string): void =>
  writeFileSync(join(path, "cgroup.subtree_control"), `+${controller}`);

/** The group of one task; in v2 one and the same for all limits. */
export const taskGroup = (root: GroupRoot, leaseId: string, taskIndex: number): string =>
  join(root.path, `${leaseId}-${taskIndex}`);

/** Makes a group of at most `memoryMiB`, swap included. Throws what the file system throws. */
export function limitMemory(root: GroupRoot, group: string, memoryMiB: number): void {
  mkdirSync(group, { recursive: true });
  const bytes = String(Math.max(LEAST_MIB, memoryMiB) * MIB);
  if (root.version === 1) {
    writeFileSync(join(group, "memory.limit_in_bytes"), bytes);
    writeIfThere(join(group, "memory.memsw.limit_in_bytes"), bytes);
    return;
  }
  writeFileSync(join(group, "memory.max"), bytes);
  writeIfThere(join(group, "memory.swap.max"), "0");
  writeIfThere(join(group, "memory.oom.group"), "1");
}

/** How often the kernel has killed in this group because its memory was used up. */
export function memoryKills(root: GroupRoot, group: string): number {
  const file = root.version === 1 ? "memory.oom_control" : "memory.events";
  return Number(/^oom_kill (\d+)$/m.exec(readOr(join(group, file), ""))?.[1] ?? 0);
}

/** Makes a group of at most `count` processes and threads. Throws what the file system throws. */
export function limitProcesses(group: string, count: number): void {
  mkdirSync(group, { recursive: true });
  writeFileSync(join(group, "pids.max"), String(count));
}

/** How often the kernel has refused a new process in this group. */
export const processRefusals = (group: string): number =>
  Number(/^max (\d+)$/m.exec(readOr(join(group, "pids.events"), ""))?.[1] ?? 0);

/** Removes a group; false while it still has processes, so that its remover comes again. */
export function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
  } catch {
    // Gone already, or a process in it has not been waited for yet.
  }
  return !existsSync(group);
}

function writeIfThere(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // A kernel without swap accounting: the limit on memory itself holds all the same.
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

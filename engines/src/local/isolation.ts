// How far jobs are kept from the machine and from each other: what the owner wants, what the
// machine can do, and what follows for a lease. What is not kept is said aloud, in the inventory
// and in the job's own log. It leaves the walls to sandbox.ts and memory to cgroup.ts.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { findMemoryRoot, findProcessRoot, type GroupRoot, removeGroup } from "./cgroup.ts";
import type { SandboxRecord } from "./sandbox.ts";

/** What the owner of the machine wants. */
export interface IsolationOptions {
  /** `auto`: walls where the machine can, otherwise none and it is said aloud. `sandbox`: walls, or
   * the lease is refused. */
  readonly level: "none" | "sandbox" | "auto";
  /** Refuse leases unless there are walls and the kernel limits the memory and the number of
   * processes of whole tasks. */
  readonly required?: boolean;
  readonly network?: "host" | "none";
  /** Files and folders that tasks may read, beside the system's programs. */
  readonly readable?: readonly string[];
  /** Folders that tasks must not see; the engine's own is always one. */
  readonly hidden?: readonly string[];
}

/** What follows for one lease. */
export interface LeaseIsolation {
  /** Absent: no walls. */
  readonly sandbox?: SandboxRecord;
  /** Said in the job's log when it has less than was wanted. */
  readonly note?: string;
}

/** The isolation of one engine. */
export interface Isolation {
  /** Labels of the node, so that owners see and jobs can ask for what is kept. */
  readonly labels: () => Promise<Readonly<Record<string, string>>>;
  /** Refusal: ISOLATION_UNAVAILABLE. */
  readonly forLease: () => Promise<Outcome<LeaseIsolation>>;
  /** Removes the places of its groups, unless leases that go on still have groups there. */
  readonly close: () => Promise<void>;
}

/** What this machine can do. */
interface Machine {
  readonly bwrap: string | undefined;
  /** Why there are no walls; empty when there are. */
  readonly whyNot: string;
  readonly memoryRoot: GroupRoot | undefined;
  readonly processRoot: GroupRoot | undefined;
}

const INSTALL_HINT =
  "Install bubblewrap and allow user namespaces, or start the agent with --isolation none.";
/** Walls go up in 10 ms; a machine that needs so long for them has other troubles. */
const PROBE_WAIT_MS = 10_000;

/** The isolation for an engine on `folder`; the machine is looked at once, at the first use. */
export function openIsolation(options: IsolationOptions, folder: string): Isolation {
  let looked: Promise<Machine> | undefined;
  const machine = (): Promise<Machine> => {
    looked ??= options.level === "none" && !options.required ? noWalls() : look(folder);
    return looked;
  };
  return {
    labels: async () => labelsOf(await machine()),
    forLease: async () => decide(options, folder, await machine()),
    async close() {
      const { memoryRoot, processRoot } = (await looked) ?? without("not looked at");
      if (memoryRoot !== undefined) removeGroup(memoryRoot.path);
      if (processRoot !== undefined) removeGroup(processRoot.path);
    },
  };
}

const without = (whyNot: string): Machine => ({
  ...{ bwrap: undefined, whyNot, memoryRoot: undefined, processRoot: undefined },
});

const noWalls = async (): Promise<Machine> => without("the owner wants none");

function labelsOf(machine: Machine): Readonly<Record<string, string>> {
  const { bwrap, memoryRoot, processRoot } = machine;
  if (bwrap === undefined) {
    return { isolation: "none", "memory-limit": "none", "process-limit": "none" };
  }
  return {
    isolation: "sandbox",
    "memory-limit": memoryRoot === undefined ? "process" : "job",
    "process-limit": processRoot === undefined ? "none" : "job",
  };
}

function decide(
  options: IsolationOptions,
  folder: string,
  machine: Machine,
): Outcome<LeaseIsolation> {
  const { level, required = false, network = "host", readable = [], hidden = [] } = options;
  const { bwrap, memoryRoot, processRoot, whyNot } = machine;
  if (bwrap === undefined) {
    if (required || level === "sandbox") {
      const message = `This machine cannot isolate jobs (${whyNot}) and its owner demands it.`;
      return refuse("ISOLATION_UNAVAILABLE", message, INSTALL_HINT);
    }
    if (level === "none") return ok({});
    const note = `isolation: none. This job has no walls around it (${whyNot}).`;
    return ok({ note });
  }
  if (required && (memoryRoot === undefined || processRoot === undefined)) {
    const what = memoryRoot === undefined ? "the memory" : "the number of processes";
    const message = `This machine does not let the agent limit ${what} of jobs.`;
    const hint = "Run the agent as a service with Delegate=yes, or without --require-isolation.";
    return refuse("ISOLATION_UNAVAILABLE", message, hint);
  }
  const sandbox: SandboxRecord = {
    ...{ bwrap, network, readable, hidden: outermost([folder, ...hidden].map(realPath)) },
    ...(memoryRoot === undefined ? {} : { memoryRoot }),
    ...(processRoot === undefined ? {} : { processRoot }),
  };
  if (processRoot !== undefined) return ok({ sandbox });
  const note = "process-limit: none. This machine does not let the agent limit processes.";
  return ok({ sandbox, note });
}

/** Without those that lie in another: what lies in an empty folder is hidden already. */
function outermost(paths: readonly string[]): readonly string[] {
  const inside = (path: string, other: string): boolean => path.startsWith(`${other}/`);
  const unique = [...new Set(paths)];
  return unique.filter((path) => !unique.some((other) => inside(path, other)));
}

/** A hidden folder must be hidden where it really lies. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

async function look(folder: string): Promise<Machine> {
  const bwrap = findProgram("bwrap");
  if (bwrap === undefined) {
    return without("bubblewrap is not installed");
  }
  const trouble = await tryWalls(bwrap);
  if (trouble !== undefined) return without(`bubblewrap failed: ${trouble}`);
  // Two engines of one machine must not meet in the names of their groups.
  const name = `tequio-${createHash("sha256").update(folder).digest("hex").slice(0, 12)}`;
  const memoryRoot = findMemoryRoot(name);
  return { bwrap, whyNot: "", memoryRoot, processRoot: findProcessRoot(name) };
}

/** Puts walls around nothing; undefined when that works. */
function tryWalls(bwrap: string): Promise<string | undefined> {
  const walls = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"];
  const args = [...walls, "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/sh", "-c", ":"];
  return new Promise((done) => {
    execFile(bwrap, args, { timeout: PROBE_WAIT_MS }, (error, _out, words) => {
      done(error === null ? undefined : words.trim().split("\n")[0] || error.message);
    });
  });
}

function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

// The walls around a task: the command line of bubblewrap that gives a task a file system,
// processes, names and, if the owner wants, a network of its own. Bubblewrap:
// https://github.com/containers/bubblewrap.
// It leaves to isolation.ts whether there are walls, and to task.ts the starting.
import { existsSync, readdirSync } from "node:fs";
import { constants } from "node:os";
import type { GroupRoot } from "./cgroup.ts";

/** How the tasks of a lease are walled in; part of lease.json, so the supervisor needs no more. */
export interface SandboxRecord {
  /** Path of the bwrap program. */
  readonly bwrap: string;
  /** `none`: a network with a loopback of its own and nothing else. */
  readonly network: "host" | "none";
  /** Read-only for tasks, beside the system's own programs. */
  readonly readable: readonly string[];
  /** Empty for tasks, even where they lie in something readable. */
  readonly hidden: readonly string[];
  /** Absent: the limit holds for each process alone (RLIMIT_DATA). */
  readonly memoryRoot?: GroupRoot;
  /** Absent: the number of processes has no limit. */
  readonly processRoot?: GroupRoot;
}

/** Programs and libraries. Homes, data and what the machine runs on are not among them. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix"];

/** Of /etc only what programs need to start and to reach others; passwords and keys stay out. */
const ETC = [
  ...["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group", "hosts"],
  ...["host.conf", "resolv.conf", "nsswitch.conf", "gai.conf", "localtime", "timezone"],
  ...["protocols", "services", "ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs"],
  ...["pki/ca-trust/extracted", "crypto-policies", "mime.types", "OpenCL", "vulkan", "nvidia"],
  ...["python3", "perl", "R", "fonts", "terminfo", "bash.bashrc", "profile"],
].map((name) => `/etc/${name}`);

/** Where a stub resolver keeps the file that /etc/resolv.conf points to. */
const RESOLVERS = ["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf"];

/** Device files of accelerators by all makers that discovery.ts knows. */
const DEVICE = /^(nvidia|kfd$|dri$|davinci|hisi_hdc$|devmm_svm$|accel)/;

export interface SandboxTask {
  /** The one folder that the task may write, besides its own /tmp. */
  readonly work: string;
  readonly command: readonly string[];
  readonly memoryMiB: number;
  /** The task has leased accelerators. */
  readonly devices: boolean;
  /** Largest file. All files together are watched by the supervisor (disk.ts). */
  readonly diskMiB: number;
  /** Its groups, joined before the walls go up; in cgroup v2 they are one. */
  readonly memoryGroup: string | undefined;
  readonly processGroup: string | undefined;
}

/** A shell that joins a group and becomes the rest of its arguments. */
const JOIN_GROUP = 'echo $$ > "$1" || exit 126; shift; exec "$@"';
/** Inside the walls: 127 and 126 for what cannot be run, as everywhere. The limit of one process's
 * memory is only for tasks without a group. */
const RUN = 'ulimit -f "$1" || exit 126; shift; exec "$@"';
const RUN_LIMITED = 'ulimit -f "$1" && ulimit -d "$2" || exit 126; shift 2; exec "$@"';

const KIB_PER_MIB = 1_024;
/** The shell counts files in blocks of 512 bytes (POSIX). */
const BLOCKS_PER_MIB = 2_048;

/** The whole command that runs the task within its walls. */
export function sandboxCommand(record: SandboxRecord, task: SandboxTask): readonly string[] {
  const fileBlocks = String(task.diskMiB * BLOCKS_PER_MIB);
  const limit =
    task.memoryGroup === undefined
      ? [RUN_LIMITED, "sh", fileBlocks, String(task.memoryMiB * KIB_PER_MIB)]
      : [RUN, "sh", fileBlocks];
  const inside = ["/bin/sh", "-c", ...limit, ...task.command];
  const walled = [record.bwrap, ...wallArguments(record, task), "--", ...inside];
  const groups = new Set([task.memoryGroup, task.processGroup].filter((one) => one !== undefined));
  const join = (group: string) => ["/bin/sh", "-c", JOIN_GROUP, "sh", `${group}/cgroup.procs`];
  return [...[...groups].flatMap(join), ...walled];
}

function wallArguments(record: SandboxRecord, task: SandboxTask): readonly string[] {
  const readOnly = [...SYSTEM, ...ETC, ...RESOLVERS, "/sys", ...record.readable];
  const args = [
    "--die-with-parent",
    ...["--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup-try", "--cap-drop", "ALL"],
    ...(record.network === "none" ? ["--unshare-net"] : []),
    ...["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"],
    ...readOnly.flatMap((path) => ["--ro-bind-try", path, path]),
    ...(task.devices ? deviceFiles() : []).flatMap((path) => ["--dev-bind-try", path, path]),
    // After all that is readable, so that nothing laid over it shows what is hidden.
    ...record.hidden.flatMap((path) => ["--tmpfs", path]),
    ...["--bind", task.work, task.work, "--chdir", task.work],
    ...record.hidden.flatMap((path) => ["--remount-ro", path]),
    ...["--remount-ro", "/"],
  ];
  return args;
}

function deviceFiles(): readonly string[] {
  if (!existsSync("/dev")) return [];
  return readdirSync("/dev")
    .filter((name) => DEVICE.test(name))
    .map((name) => `/dev/${name}`);
}

const SIGNAL_BY_NUMBER = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name]),
);
/** Shells and bubblewrap answer 128 + n for a program that signal n ended. */
const SIGNAL_BASE = 128;

/** How a task within walls ended, from how its outermost process did. A task that itself ends with
 * 137 cannot be told from one that SIGKILL ended, here as in any shell. */
export function endInside(exitCode: number | null, signal: string | null) {
  if (exitCode === null || exitCode <= SIGNAL_BASE) return { exitCode, signal };
  const name = SIGNAL_BY_NUMBER.get(exitCode - SIGNAL_BASE);
  return name === undefined ? { exitCode, signal } : { exitCode: null, signal: name };
}

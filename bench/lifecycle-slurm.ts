// Slurm's own life cycles a second on this machine: a cluster of a few daemons in a folder of its
// own, with its own munge, ended and removed afterwards. It needs root and Debian's packages
// slurmctld, slurmd, slurm-client, slurm-wlm-basic-plugins and munge; without them it says so.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const NODES = 4;
/** slurmctld takes this port and the nodes those after it. */
const PORT = 17_900;
const ARRAY_JOBS = 500;
const SINGLE_JOBS = 200;
const SUBMITTERS = 8;
const WAIT_MS = 120_000;

export interface SlurmMeasured {
  readonly version: string;
  /** Cycles a second of one array, and of jobs that are submitted one by one. */
  readonly arrayCyclesPerSecond: number;
  readonly singleCyclesPerSecond: number;
}

/** Measures Slurm, or gives the reason why not. */
export async function slurmCycles(): Promise<SlurmMeasured | string> {
  const needed = ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/bin/sbatch", "/usr/sbin/munged"];
  const missing = needed.find((path) => !existsSync(path));
  if (missing !== undefined) return `not measured here: ${missing} is not installed`;
  if (process.getuid?.() !== 0) return "not measured here: it needs root";
  const folder = mkdtempSync(join(tmpdir(), "tequio-slurm-"));
  const daemons: ChildProcess[] = [];
  try {
    return await measure(folder, daemons);
  } catch (error) {
    return `not measured here: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    for (const daemon of daemons.reverse()) await ended(daemon);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function measure(folder: string, daemons: ChildProcess[]): Promise<SlurmMeasured> {
  const conf = configure(folder);
  const env = { ...process.env, SLURM_CONF: conf };
  const start = (command: string, args: readonly string[]): void => {
    daemons.push(spawn(command, args, { env, stdio: "ignore" }));
  };
  const munge = join(folder, "munge");
  const key = join(munge, "key");
  writeFileSync(key, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
  start("munged", [
    ...["--foreground", "--force", `--key-file=${key}`, `--socket=${join(munge, "socket")}`],
    ...[`--pid-file=${join(munge, "pid")}`, `--log-file=${join(munge, "log")}`],
    `--seed-file=${join(munge, "seed")}`,
  ]);
  await until(() => existsSync(join(munge, "socket")));
  start("slurmctld", ["-D", "-c", "-f", conf]);
  for (let i = 1; i <= NODES; i += 1) start("slurmd", ["-D", "-N", `bench-${i}`, "-f", conf]);
  const ask = async (command: string, args: readonly string[]): Promise<string> =>
    (await run(command, args, { env, cwd: folder })).stdout;
  const idle = async (): Promise<boolean> => {
    const said = await ask("sinfo", ["-h", "-N", "-o", "%T"]).catch(() => "");
    return said.split("\n").filter((line) => line === "idle").length === NODES;
  };
  await until(idle);
  const empty = async (): Promise<boolean> => (await ask("squeue", ["-h", "-o", "%i"])) === "";
  const common = ["--output=/dev/null", "--time=5", "--mem=64", "--wrap=true"];
  const rate = async (jobs: number, submit: () => Promise<void>): Promise<number> => {
    const startedAt = performance.now();
    await submit();
    await until(empty);
    return Math.round(jobs / ((performance.now() - startedAt) / 1_000));
  };
  const arrayCyclesPerSecond = await rate(ARRAY_JOBS, async () => {
    await ask("sbatch", [`--array=0-${ARRAY_JOBS - 1}`, ...common]);
  });
  let left = SINGLE_JOBS;
  const submitter = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask("sbatch", common);
    }
  };
  const singleCyclesPerSecond = await rate(SINGLE_JOBS, async () => {
    await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
  });
  const version = (await ask("sinfo", ["--version"])).trim();
  return { version, arrayCyclesPerSecond, singleCyclesPerSecond };
}

function configure(folder: string): string {
  for (const name of ["state", "spool", "run", "munge"]) {
    mkdirSync(join(folder, name), { mode: 0o700 });
  }
  for (let i = 1; i <= NODES; i += 1) mkdirSync(join(folder, "spool", `bench-${i}`));
  const host = hostname().split(".")[0];
  const path = join(folder, "slurm.conf");
  const lines = [
    ...["ClusterName=bench", `SlurmctldHost=${host}(127.0.0.1)`, `SlurmctldPort=${PORT}`],
    ...["AuthType=auth/munge", `AuthInfo=socket=${join(folder, "munge", "socket")}`],
    ...["CredType=cred/munge", "SlurmUser=root", "SlurmdUser=root"],
    ...[`StateSaveLocation=${folder}/state`, `SlurmdSpoolDir=${folder}/spool/%n`],
    ...[`SlurmctldPidFile=${folder}/run/ctld.pid`, `SlurmdPidFile=${folder}/run/slurmd.%n.pid`],
    ...["SlurmdParameters=config_overrides", "ProctrackType=proctrack/linuxproc"],
    ...["TaskPlugin=task/none", "MpiDefault=none", "ReturnToService=2"],
    ...["SchedulerType=sched/backfill", "SchedulerParameters=sched_interval=1,bf_interval=1,defer"],
    ...["SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory", "DefMemPerCPU=64"],
    ...["MinJobAge=300", "MaxArraySize=10001", "MaxJobCount=20000"],
    ...["JobAcctGatherType=jobacct_gather/none"],
    ...["AccountingStorageType=accounting_storage/none"],
    `NodeName=bench-[1-${NODES}] NodeHostname=${host} NodeAddr=127.0.0.1 ` +
      `Port=[${PORT + 1}-${PORT + NODES}] CPUs=16 RealMemory=64000`,
    "PartitionName=all Nodes=ALL Default=YES MaxTime=1-0 State=UP",
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "cgroup.conf"), "CgroupAutomount=no\n");
  return path;
}

async function until(ready: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS;
  while (!(await ready())) {
    if (performance.now() > giveUpAt) throw new Error("a Slurm daemon or job did not get ready");
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Ends a daemon that was started here, gently at first. */
async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((done) => daemon.once("exit", done));
  daemon.kill("SIGTERM");
  const late = setTimeout(() => daemon.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(late);
}

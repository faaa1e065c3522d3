// The local engine: leases are real processes on this machine. Each lease has a supervisor process
// (shim.ts) that outlives the agent; this file starts supervisors, speaks to them through the
// folder and reads there what became of them. It leaves limits and signals to the supervisor.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS, type Node, type Outcome, ok, refuse } from "@tequio/core/pool";
import { siteClockMs } from "../clock.ts";
import type {
  Engine,
  EngineTraits,
  LeaseStart,
  LeaseStatus,
  LogChunk,
  LogRequest,
  Measured,
  MeasureRequest,
  StopRequest,
} from "../port.ts";
import { removeGroup, taskGroup } from "./cgroup.ts";
import { keptEnvironment, taskRecords } from "./environment.ts";
import { type Fences, openFences } from "./fences.ts";
import { type Lend, type LocalInventory, takeInventory } from "./inventory.ts";
import { type Isolation, type IsolationOptions, openIsolation } from "./isolation.ts";
import { createLeaseFolder, removeLeaseFolder, removeQuietly, startShim } from "./launch.ts";
import { readBootId } from "./processes.ts";
import { readTaskLog } from "./readlog.ts";
import {
  type LeaseRecord,
  leaseFile,
  leaseFolder,
  leasesFolder,
  makeFolder,
  type RightsRecord,
  readRecord,
  rightsFile,
  stopFile,
  taskLogFile,
  writeRecord,
} from "./records.ts";
import { checkStart } from "./request.ts";
import { statusOf } from "./status.ts";

export interface LocalEngineOptions {
  /** Where leases are kept; one engine a folder. Created with access for its owner only. */
  readonly folder: string;
  /** Cores for all jobs together, e.g. 0.25 for a quarter of one; absent: no limit. */
  readonly cpuShare?: number;
  readonly lend?: Lend;
  /** Absent: the host name. */
  readonly nodeName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent: no walls, and nothing said about it. */
  readonly isolation?: IsolationOptions;
}

const TRAITS: EngineTraits = {
  name: "local",
  canPreempt: true,
  canReserve: false,
  hasOwnQueue: false,
  findsLeasesAgain: true,
  stopsByItself: true,
  limitsCpu: true,
};

/** How often leases are looked at while somebody listens for changes. */
const POLL_MS = 200;
/** A driver that comes or goes shows in the inventory so much later. */
const INVENTORY_MS = 60_000;
/** How long a lease that is replaced may take to die of SIGKILL. */
const REPLACE_MS = 5_000;
/** A measurement may take so much longer than its time until it counts as failed. */
const MEASURE_MARGIN_MS = 30_000;

/**
 * Opens the local engine on a folder, with the leases that are there already.
 * Throws what the file system throws when the folder cannot be used, and a RangeError for a
 * cpuShare that is not above 0.
 */
export function localEngine(options: LocalEngineOptions): Engine {
  if (options.cpuShare !== undefined && !(options.cpuShare > 0)) {
    throw new RangeError(`cpuShare is ${options.cpuShare} cores; it must be above 0.`);
  }
  return new LocalEngine(options);
}

class LocalEngine implements Engine {
  readonly traits = TRAITS;
  readonly #options: LocalEngineOptions;
  readonly #folder: string;
  readonly #fences: Fences;
  readonly #isolation: Isolation;
  readonly #ended = new Map<string, LeaseStatus>();
  readonly #records = new Map<string, LeaseRecord>();
  readonly #shimsEnded = new Set<string>();
  readonly #firstSeenMs = new Map<string, number>();
  readonly #listeners = new Set<(status: LeaseStatus) => void>();
  readonly #states = new Map<string, string>();
  #poll: NodeJS.Timeout | undefined;
  #inventory: { readonly atMs: number; readonly taken: Promise<LocalInventory> } | undefined;
  #starting: Promise<unknown> = Promise.resolve();
  #measures = 0;

  constructor(options: LocalEngineOptions) {
    this.#options = options;
    this.#folder = resolve(options.folder);
    makeFolder(leasesFolder(this.#folder));
    this.#isolation = openIsolation(options.isolation ?? { level: "none" }, this.#folder);
    this.#sweep();
    this.#fences = openFences(this.#folder, this.#allLeases());
    this.#writeRights(this.#rights()?.deadlineOnSiteClockMs ?? 0);
  }

  async inventory(): Promise<readonly Node[]> {
    return [(await this.#look()).node];
  }

  start(lease: LeaseStart): Promise<Outcome<void>> {
    // One after another: two starts of one job must not both pass the look at its fence.
    const started = this.#starting.then(() => this.#start(lease));
    this.#starting = started.catch(() => undefined);
    return started;
  }

  async stop(leaseId: string, request: StopRequest): Promise<void> {
    const status = this.#status(leaseId);
    if (status === undefined || status.state === "ended") return;
    const file = stopFile(leaseFolder(this.#folder, leaseId));
    const before = readRecord<StopRequest>(file);
    if (before !== undefined && before.graceMs <= request.graceMs) return;
    writeRecord(file, { graceMs: request.graceMs, why: request.why }, false);
    this.#tellChanges();
  }

  async extend(deadlineOnSiteClockMs: number): Promise<void> {
    this.#writeRights(deadlineOnSiteClockMs);
  }

  async list(): Promise<readonly LeaseStatus[]> {
    return this.#allLeases()
      .filter((lease) => lease.purpose === "lease")
      .flatMap((lease) => this.#status(lease.leaseId) ?? []);
  }

  async log(leaseId: string, request: LogRequest): Promise<Outcome<LogChunk>> {
    const lease = this.#record(leaseId);
    const status = this.#status(leaseId);
    if (lease === undefined || status === undefined) {
      return refuse("NOT_FOUND", `Lease ${leaseId} is not here.`, "List the leases of the site.");
    }
    return readTaskLog(leaseFolder(this.#folder, leaseId), lease, status, request);
  }

  async forget(leaseId: string): Promise<Outcome<void>> {
    const status = this.#status(leaseId);
    if (status === undefined) return ok(undefined);
    if (status.state !== "ended") {
      return refuse("WRONG_STATE", `Lease ${leaseId} has not ended.`, "Stop it first.");
    }
    this.#drop(leaseId);
    return ok(undefined);
  }

  async measure(request: MeasureRequest): Promise<Outcome<Measured>> {
    const { node } = await this.#look();
    this.#measures += 1;
    const leaseId = `measure-${process.pid}-${siteClockMs()}-${this.#measures}`;
    const env = { ...keptEnvironment(process.env), ...request.env };
    const record: LeaseRecord = {
      leaseId,
      jobId: leaseId,
      attempt: 1,
      fence: 0,
      walltimeMs: request.timeoutMs,
      graceMs: 0,
      logBytesMax: LIMITS.LOG_BYTES_PER_ATTEMPT_MAX,
      milliCpu: node.milliCpu,
      purpose: "measure",
      tasks: [{ taskIndex: 0, command: request.command, env }],
    };
    const folder = leaseFolder(this.#folder, leaseId);
    try {
      createLeaseFolder(this.#folder, record);
      await this.#startShim(leaseId, [{}]);
      const ended = await this.#waitForEnd(leaseId, request.timeoutMs + MEASURE_MARGIN_MS);
      if (ended === undefined) return measureFailed("it did not end");
      const stdout = readFileSync(taskLogFile(folder, 0), "utf8");
      return ok({ stdout, exitCode: ended.state === "ended" ? ended.exitCode : null });
    } catch (trouble) {
      return measureFailed(messageOf(trouble));
    } finally {
      await this.stop(leaseId, { graceMs: 0, why: "the measurement is over" });
      this.#drop(leaseId);
    }
  }

  onChange(listener: (status: LeaseStatus) => void): () => void {
    this.#listeners.add(listener);
    this.#poll ??= setInterval(() => this.#tellChanges(), POLL_MS).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopPolling();
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#stopPolling();
    await this.#isolation.close();
  }

  #stopPolling(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  async #start(lease: LeaseStart): Promise<Outcome<void>> {
    const { node, devices } = await this.#look();
    const wrong = checkStart(lease, node);
    if (wrong !== undefined) return wrong;
    if (this.#record(lease.leaseId) !== undefined) return ok(undefined);
    const seen = this.#fences.highest(lease.jobId);
    if (lease.fence <= seen) {
      const what = `Fence ${lease.fence} of job ${lease.jobId} is not above ${seen}, seen here.`;
      return refuse("LEASE_OUTDATED", what, "Take the newest lease of the job from the pool.");
    }
    const isolated = await this.#isolation.forLease();
    if (!isolated.ok) return isolated;
    try {
      if (!(await this.#replaceOlder(lease))) {
        const what = `An older lease of job ${lease.jobId} does not end.`;
        return refuse("ENGINE_FAILED", what, "Look for its processes on the machine.");
      }
      const tasks = taskRecords(lease, devices, isolated.value.sandbox, this.#folder);
      createLeaseFolder(this.#folder, {
        leaseId: lease.leaseId,
        jobId: lease.jobId,
        attempt: lease.attempt,
        fence: lease.fence,
        walltimeMs: lease.walltimeMs,
        graceMs: lease.graceMs ?? LIMITS.STOP_GRACE_MS,
        logBytesMax: Math.floor(LIMITS.LOG_BYTES_PER_ATTEMPT_MAX / lease.tasks.length),
        milliCpu: lease.tasks.reduce((sum, task) => sum + task.placement.milliCpu, 0),
        purpose: "lease",
        ...isolated.value,
        tasks,
      });
      this.#fences.see(lease.jobId, lease.fence);
      await this.#startShim(
        lease.leaseId,
        lease.tasks.map((task) => task.secretEnv ?? {}),
      );
    } catch (trouble) {
      const what = `Lease ${lease.leaseId} could not be started: ${messageOf(trouble)}`;
      return refuse("ENGINE_FAILED", what, "Look at the disk and the memory of the machine.");
    }
    return ok(undefined);
  }

  /** Kills live leases of the same job; false when one does not die. */
  async #replaceOlder(lease: LeaseStart): Promise<boolean> {
    const older = this.#allLeases().filter((other) => other.jobId === lease.jobId);
    for (const { leaseId } of older) {
      const why = `replaced by lease ${lease.leaseId}`;
      await this.stop(leaseId, { graceMs: 0, why });
      if ((await this.#waitForEnd(leaseId, REPLACE_MS)) === undefined) return false;
    }
    return true;
  }

  #startShim(
    leaseId: string,
    secretEnv: readonly Readonly<Record<string, string>>[],
  ): Promise<void> {
    return startShim(this.#folder, leaseId, secretEnv, () => {
      this.#shimsEnded.add(leaseId);
      this.#tellChanges();
    });
  }

  async #waitForEnd(leaseId: string, timeoutMs: number): Promise<LeaseStatus | undefined> {
    const untilMs = siteClockMs() + timeoutMs;
    for (;;) {
      const status = this.#status(leaseId);
      if (status === undefined || status.state === "ended") return status;
      if (siteClockMs() > untilMs) return undefined;
      await sleep(20);
    }
  }

  #tellChanges(): void {
    if (this.#listeners.size === 0) return;
    for (const lease of this.#allLeases()) {
      if (lease.purpose !== "lease") continue;
      const status = this.#status(lease.leaseId);
      if (status === undefined || this.#states.get(lease.leaseId) === status.state) continue;
      this.#states.set(lease.leaseId, status.state);
      for (const listener of this.#listeners) listener(status);
    }
  }

  #status(leaseId: string): LeaseStatus | undefined {
    const known = this.#ended.get(leaseId);
    if (known !== undefined) return known;
    const lease = this.#record(leaseId);
    if (lease === undefined) return undefined;
    const sinceMs = this.#firstSeenMs.get(leaseId) ?? siteClockMs();
    this.#firstSeenMs.set(leaseId, sinceMs);
    const pending = { sinceMs, shimEnded: this.#shimsEnded.has(leaseId) };
    const status = statusOf(leaseFolder(this.#folder, leaseId), lease, pending);
    if (status.state === "ended") this.#ended.set(leaseId, status);
    return status;
  }

  #record(leaseId: string): LeaseRecord | undefined {
    const known = this.#records.get(leaseId);
    if (known !== undefined) return known;
    const record = readRecord<LeaseRecord>(leaseFile(leaseFolder(this.#folder, leaseId)));
    if (record !== undefined) this.#records.set(leaseId, record);
    return record;
  }

  #allLeases(): readonly LeaseRecord[] {
    return readdirSync(leasesFolder(this.#folder))
      .filter((name) => !name.startsWith("."))
      .flatMap((name) => this.#record(name) ?? []);
  }

  /** Removes a lease from the disk and from memory. */
  #drop(leaseId: string): void {
    const record = this.#record(leaseId);
    const { memoryRoot, processRoot } = record?.sandbox ?? {};
    for (const { taskIndex } of record?.tasks ?? []) {
      if (memoryRoot !== undefined) removeGroup(taskGroup(memoryRoot, leaseId, taskIndex));
      if (processRoot !== undefined) removeGroup(taskGroup(processRoot, leaseId, taskIndex));
    }
    removeLeaseFolder(this.#folder, leaseId);
    for (const map of [this.#ended, this.#records, this.#firstSeenMs, this.#states]) {
      map.delete(leaseId);
    }
    this.#shimsEnded.delete(leaseId);
  }

  /** Finishes what an agent before this one left half done. */
  #sweep(): void {
    for (const name of readdirSync(leasesFolder(this.#folder))) {
      const path = join(leasesFolder(this.#folder), name);
      if (name.startsWith(".")) removeQuietly(path);
      const record = readRecord<LeaseRecord>(leaseFile(path));
      if (record?.purpose !== "measure") continue;
      if (this.#status(name)?.state === "ended") this.#drop(name);
    }
  }

  #rights(): RightsRecord | undefined {
    const record = readRecord<RightsRecord>(rightsFile(this.#folder));
    return record?.bootId === readBootId() ? record : undefined;
  }

  #writeRights(deadlineOnSiteClockMs: number): void {
    const cpuShare = this.#options.cpuShare ?? null;
    const record: RightsRecord = { bootId: readBootId(), deadlineOnSiteClockMs, cpuShare };
    writeRecord(rightsFile(this.#folder), record, false);
  }

  #look(): Promise<LocalInventory> {
    const nowMs = siteClockMs();
    if (this.#inventory === undefined || nowMs - this.#inventory.atMs > INVENTORY_MS) {
      const { lend = {}, cpuShare, nodeName, labels = {} } = this.#options;
      const kept = this.#options.isolation === undefined ? {} : this.#isolation.labels();
      const taken = Promise.resolve(kept).then((own) =>
        takeInventory({ lend, cpuShare, nodeName, labels: { ...labels, ...own } }),
      );
      this.#inventory = { atMs: nowMs, taken };
    }
    return this.#inventory.taken;
  }
}

function measureFailed(reason: string): Outcome<Measured> {
  const hint = "Look at the disk and the memory of the machine, then start the agent again.";
  return refuse("ENGINE_FAILED", `The measurement failed: ${reason}.`, hint);
}

function messageOf(trouble: unknown): string {
  return trouble instanceof Error ? trouble.message : String(trouble);
}

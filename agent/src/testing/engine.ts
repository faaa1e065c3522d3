// An engine in memory for the agent's tests: leases run until a test ends them. It obeys the port
// where the agent relies on it (fences, repeated calls, logs by offset) and starts nothing.
import { type Node, type Outcome, ok, refuse } from "@tequio/core/pool";
import type {
  EndedBy,
  Engine,
  EngineTraits,
  LeaseStart,
  LeaseStatus,
  LogChunk,
  LogRequest,
  Measured,
  MeasureRequest,
  StopRequest,
} from "@tequio/engines";

interface Held {
  readonly start: LeaseStart;
  status: LeaseStatus;
  readonly logs: Buffer[];
}

export const FAKE_NODE: Node = {
  name: "node-a",
  os: "linux",
  arch: "x64",
  milliCpu: 2_000,
  memoryMiB: 4_096,
  accelerators: [{ id: "cpu0", kind: "cpu", vendor: "Test", model: "Test CPU", memoryMiB: 4_096 }],
  labels: {},
};

export class FakeEngine implements Engine {
  readonly traits: EngineTraits = {
    name: "fake",
    canPreempt: true,
    canReserve: false,
    hasOwnQueue: false,
    findsLeasesAgain: true,
    stopsByItself: true,
    limitsCpu: false,
  };
  nodes: readonly Node[] = [FAKE_NODE];
  measured: Outcome<Measured> = ok({
    stdout: '{"gemmGflops":2.5,"memoryGBPerS":7}',
    exitCode: 0,
  });
  /** Stopping is left to the test: `stop` only notes the request. */
  ignoresStop = false;
  readonly starts: LeaseStart[] = [];
  readonly stops: { readonly leaseId: string; readonly request: StopRequest }[] = [];
  readonly deadlines: number[] = [];
  readonly forgotten: string[] = [];
  readonly measures: MeasureRequest[] = [];
  readonly #held = new Map<string, Held>();
  readonly #fences = new Map<string, number>();
  readonly #listeners = new Set<(status: LeaseStatus) => void>();

  async inventory(): Promise<readonly Node[]> {
    return this.nodes;
  }

  async start(lease: LeaseStart): Promise<Outcome<void>> {
    if (this.#held.has(lease.leaseId)) return ok(undefined);
    const seen = this.#fences.get(lease.jobId) ?? -1;
    if (lease.fence <= seen) return refuse("LEASE_OUTDATED", "A newer lease was seen.", "None.");
    for (const held of this.#held.values()) {
      if (held.start.jobId === lease.jobId) this.end(held.start.leaseId, { endedBy: "stop" });
    }
    this.#fences.set(lease.jobId, lease.fence);
    this.starts.push(lease);
    const { leaseId, jobId, attempt, fence } = lease;
    const status: LeaseStatus = { leaseId, jobId, attempt, fence, state: "running", ranMs: 1 };
    const logs = lease.tasks.map(() => Buffer.alloc(0));
    this.#held.set(leaseId, { start: lease, status, logs });
    this.#tell(status);
    return ok(undefined);
  }

  async stop(leaseId: string, request: StopRequest): Promise<void> {
    this.stops.push({ leaseId, request });
    if (!this.ignoresStop) this.end(leaseId, { endedBy: "stop", signal: "SIGTERM" });
  }

  async extend(deadlineOnSiteClockMs: number): Promise<void> {
    this.deadlines.push(deadlineOnSiteClockMs);
  }

  async list(): Promise<readonly LeaseStatus[]> {
    return [...this.#held.values()].map((held) => held.status);
  }

  async log(leaseId: string, request: LogRequest): Promise<Outcome<LogChunk>> {
    const held = this.#held.get(leaseId);
    const log = held?.logs[request.taskIndex];
    if (held === undefined || log === undefined) return refuse("NOT_FOUND", "No log.", "None.");
    const { offset, maxBytes } = request;
    if (offset > log.length) return refuse("RANGE_INVALID", "Beyond the end.", "None.");
    const bytes = log.subarray(offset, offset + maxBytes);
    const nextOffset = offset + bytes.length;
    const ended = held.status.state === "ended" && nextOffset === log.length;
    return ok({ bytes, offset, nextOffset, ended, droppedBytes: ended ? 7 : 0 });
  }

  async forget(leaseId: string): Promise<Outcome<void>> {
    const held = this.#held.get(leaseId);
    if (held !== undefined && held.status.state !== "ended") {
      return refuse("WRONG_STATE", "It runs.", "Stop it first.");
    }
    this.#held.delete(leaseId);
    this.forgotten.push(leaseId);
    return ok(undefined);
  }

  async measure(request: MeasureRequest): Promise<Outcome<Measured>> {
    this.measures.push(request);
    return this.measured;
  }

  onChange(listener: (status: LeaseStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {}

  /** For tests: leases that have not ended. */
  live(): readonly string[] {
    return [...this.#held.values()]
      .filter((held) => held.status.state !== "ended")
      .map((held) => held.start.leaseId);
  }

  /** For tests: a task writes. */
  write(leaseId: string, task: number, bytes: Buffer): void {
    const held = this.#held.get(leaseId)!;
    held.logs[task] = Buffer.concat([held.logs[task]!, bytes]);
  }

  /** For tests: a live lease ends. */
  end(
    leaseId: string,
    how: { readonly endedBy?: EndedBy; readonly exitCode?: number; readonly signal?: string },
  ): void {
    const held = this.#held.get(leaseId);
    if (held === undefined || held.status.state === "ended") return;
    const { jobId, attempt, fence, tasks } = held.start;
    const end = { exitCode: how.exitCode ?? null, signal: how.signal ?? null };
    held.status = {
      ...{ leaseId, jobId, attempt, fence, state: "ended", ...end, ranMs: 1_234 },
      endedBy: how.endedBy ?? "itself",
      message: "It ended.",
      tasks: tasks.map(({ taskIndex }) => ({ taskIndex, ...end })),
    };
    this.#tell(held.status);
  }

  /** For tests: the engine loses every trace of a lease. */
  lose(leaseId: string): void {
    this.#held.delete(leaseId);
  }

  #tell(status: LeaseStatus): void {
    for (const listener of this.#listeners) listener(status);
  }
}

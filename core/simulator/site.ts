// A site in the simulated world: an agent with an engine whose tasks only take time. It follows
// the same rules as the real agent: deadlines by its own clock from the moment a heartbeat was
// sent, no older fence, reports again and again until they are acknowledged.
import type { Order } from "../controller/index.ts";
import { LIMITS, type Node } from "../pool/index.ts";
import type { Agenda } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { Message, Network, Report } from "./network.ts";
import { SimulatedWorker } from "./worker.ts";

export interface Held {
  readonly leaseId: string;
  readonly jobId: string;
  readonly fence: number;
  readonly accelerators: readonly string[];
  readonly startedMs: number;
  readonly durationMs: number;
  readonly walltimeMs: number;
  readonly exitCode: number;
  stopAtMs: number | undefined;
  /** Present for a lease of a run, which lasts until the run is over. */
  worker: SimulatedWorker | undefined;
}

export interface SiteWatch {
  /** Tasks of a lease begin or end to really run. */
  readonly onRun: (site: SimulatedSite, held: Held) => void;
  readonly onEnd: (site: SimulatedSite, held: Held, ranMs: number, exitCode: number | null) => void;
}

/** How long the tasks of a job run and how they end: the world decides, by the job alone. */
export type Fate = (jobId: string) => { readonly durationMs: number; readonly exitCode: number };

export interface SiteWorld {
  readonly agenda: Agenda;
  readonly chance: Chance;
  readonly network: Network;
  readonly fate: Fate;
  readonly watch: SiteWatch;
  /** True while things may go wrong. */
  readonly faulty: () => boolean;
}

export interface SiteKind {
  readonly siteId: string;
  readonly nodes: readonly Node[];
  /** The site's clock runs so many times as fast as the world's. */
  readonly clockRate: number;
  /** Time that its workers take for one row of a batch, ms. */
  readonly rowMs: number;
}

const STEP_MS = 500;

export class SimulatedSite {
  readonly siteId: string;
  readonly nodes: readonly Node[];
  /** Machine is on; false after a power cut. */
  up = true;
  connected = false;
  readonly clockRate: number;
  readonly held = new Map<string, Held>();
  readonly #ended = new Set<string>();
  readonly #fences = new Map<string, number>();
  readonly #outbox = new Map<string, Report>();
  #deadlineClock = 0;
  #nextReport = 1;
  #newestSerial = 0;
  readonly #rowMs: number;
  readonly #world: SiteWorld;

  constructor({ siteId, nodes, clockRate, rowMs }: SiteKind, world: SiteWorld) {
    this.siteId = siteId;
    this.nodes = nodes;
    this.clockRate = clockRate;
    this.#rowMs = rowMs;
    this.#world = world;
    this.#run();
    this.#speak();
  }

  /** The site's own clock, ms. */
  get clockMs(): number {
    return this.#world.agenda.nowMs * this.clockRate;
  }

  /** Whether the site still has the right to run its leases. */
  mayRun(): boolean {
    return this.clockMs < this.#deadlineClock;
  }

  /** Power cut: tasks die, what is on disk stays. */
  powerOff(): void {
    this.up = false;
    this.connected = false;
    for (const held of [...this.held.values()]) this.#end(held, "lost", null);
  }

  powerOn(): void {
    this.up = true;
  }

  /** The agent process dies and is started again; tasks go on. */
  restartAgent(): void {
    this.connected = false;
  }

  receive(message: Message): void {
    if (!this.up) return;
    switch (message.type) {
      case "welcome":
        this.connected = true;
        this.#send({ type: "inventory", nodes: this.nodes });
        break;
      case "cut":
        this.connected = false;
        break;
      case "heartbeatAck":
        // Counted from when the heartbeat was sent, by this clock; an older answer is no harm.
        this.#deadlineClock = Math.max(this.#deadlineClock, message.clockMs + message.leaseForMs);
        break;
      case "orders":
        this.#obey(message.orders, message.complete && message.serial > this.#newestSerial);
        this.#newestSerial = Math.max(this.#newestSerial, message.serial);
        break;
      case "ack":
        this.#outbox.delete(message.reportId);
        break;
      case "assignment":
      case "offered":
        this.held.get(message.leaseId)?.worker?.receive(message);
        break;
      default:
        break;
    }
  }

  #obey(orders: readonly Order[], complete: boolean): void {
    for (const order of orders) {
      if (order.stop === null) this.#start(order);
      else if (this.held.has(order.lease.leaseId)) {
        this.#stop(order.lease.leaseId, order.stop.graceMs);
      } else this.#neverStarted(order);
    }
    if (!complete) return;
    const wanted = new Set(orders.map((order) => order.lease.leaseId));
    for (const leaseId of [...this.held.keys()]) if (!wanted.has(leaseId)) this.#stop(leaseId, 0);
  }

  #start({ lease, spec }: Order): void {
    const { leaseId, jobId, fence, placements, walltimeMs } = lease;
    if (this.held.has(leaseId) || this.#ended.has(leaseId)) return;
    if ((this.#fences.get(jobId) ?? 0) >= fence) {
      this.#report(leaseId, fence, { kind: "refused", code: "LEASE_OUTDATED", message: "old" });
      return;
    }
    // Without a right to run nothing starts: the order comes again after the next heartbeat.
    if (!this.mayRun()) return;
    this.#fences.set(jobId, fence);
    for (const older of [...this.held.values()]) {
      if (older.jobId === jobId) this.#end(older, "stop", null);
    }
    const { durationMs, exitCode } = this.#world.fate(jobId);
    const accelerators = placements.flatMap(({ node, acceleratorIds }) =>
      acceleratorIds.map((id) => `${this.siteId}/${node}/${id}`),
    );
    const startedMs = this.clockMs;
    const held = { leaseId, jobId, fence, accelerators, startedMs, durationMs, walltimeMs };
    const whole: Held = { ...held, exitCode, stopAtMs: undefined, worker: undefined };
    this.held.set(leaseId, whole);
    if (spec.run !== undefined) whole.worker = this.#worker(whole);
    this.#world.watch.onRun(this, whole);
    this.#report(leaseId, fence, { kind: "running" });
  }

  #worker(held: Held): SimulatedWorker {
    const { agenda, chance, network, faulty } = this.#world;
    return new SimulatedWorker(held.leaseId, {
      agenda,
      chance,
      faulty,
      rowMs: this.#rowMs,
      send: (message) => network.toPool(this.siteId, message),
      exit: (exitCode) => this.#end(held, "itself", exitCode),
    });
  }

  /** A lease that is to stop before it was ever heard of: it must not start later either. */
  #neverStarted({ lease: { leaseId, fence } }: Order): void {
    if (this.#ended.has(leaseId)) return;
    this.#ended.add(leaseId);
    const base = { kind: "ended", signal: null, message: "never started", ranMs: 0 } as const;
    this.#report(leaseId, fence, { ...base, endedBy: "stop", exitCode: null });
  }

  #stop(leaseId: string, graceMs: number): void {
    const held = this.held.get(leaseId);
    if (held === undefined) return;
    const dies = this.clockMs + this.#world.chance.next() * graceMs;
    held.stopAtMs = Math.min(held.stopAtMs ?? dies, dies);
  }

  /** What the engine does by itself, whether the agent lives or not. */
  #run(): void {
    for (const held of this.up ? [...this.held.values()] : []) {
      const ranMs = this.clockMs - held.startedMs;
      if (held.worker === undefined && ranMs >= held.durationMs)
        this.#end(held, "itself", held.exitCode);
      else if (!this.mayRun()) this.#end(held, "deadline", null);
      else if (ranMs >= held.walltimeMs) this.#end(held, "walltime", null);
      else if (held.stopAtMs !== undefined && this.clockMs >= held.stopAtMs) {
        this.#end(held, "stop", null);
      }
    }
    this.#world.agenda.after(STEP_MS, () => this.#run());
  }

  #end(
    held: Held,
    endedBy: "itself" | "stop" | "deadline" | "walltime" | "lost",
    exitCode: number | null,
  ): void {
    this.held.delete(held.leaseId);
    held.worker?.end();
    this.#ended.add(held.leaseId);
    const ranMs = Math.round(this.clockMs - held.startedMs);
    this.#world.watch.onEnd(this, held, ranMs, exitCode);
    const base = { kind: "ended", signal: null, message: "", ranMs } as const;
    this.#report(held.leaseId, held.fence, { ...base, endedBy, exitCode });
  }

  #report(leaseId: string, fence: number, what: Report["what"]): void {
    const reportId = `${this.siteId}-${this.#nextReport}`;
    this.#nextReport += 1;
    const report = { reportId, leaseId, fence, what };
    this.#outbox.set(reportId, report);
    this.#send({ type: "report", report });
  }

  /** Heartbeats, reports that nobody acknowledged, and dialling again. */
  #speak(): void {
    if (this.up) {
      if (!this.connected) this.#world.network.dial(this.siteId);
      else {
        this.#send({ type: "heartbeat", clockMs: this.clockMs });
        for (const report of this.#outbox.values()) this.#send({ type: "report", report });
      }
    }
    this.#world.agenda.after(LIMITS.HEARTBEAT_MS, () => this.#speak());
  }

  #send(message: Message): void {
    if (this.up && this.connected) this.#world.network.toPool(this.siteId, message);
  }
}

// The simulated world with faults: sites, jobs, a bad network, power cuts, crashes of the control
// plane, skewed clocks. One seed is one world. Safety is checked at all times, liveness once the
// faults have stopped.
import type { Event } from "../controller/index.ts";
import { type JobSpec, LIMITS, type Node } from "../pool/index.ts";
import { Agenda } from "./agenda.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { checkBooks, checkEvent, checkRest, RealityChecker } from "./checkers.ts";
import { type Message, Network } from "./network.ts";
import { SimulatedPool } from "./pool.ts";
import { type Held, SimulatedSite } from "./site.ts";
import { makeJob, makeNodes } from "./workload.ts";

export interface FaultReport {
  readonly seed: number;
  readonly ok: boolean;
  /** The rule that was broken, if one was. */
  readonly broken?: string;
  readonly jobs: number;
  readonly completed: number;
  readonly leases: number;
  readonly lost: number;
  readonly corrected: number;
  readonly crashes: number;
  readonly events: number;
  readonly virtualMs: number;
}

/** 2026-01-01, so that times look like times. */
const START_MS = 1_767_225_600_000;
/** Faults happen for so long; then the world gets time to come to rest. */
const FAULTS_MS = 20 * 60_000;
const REST_MS = 8 * 3_600_000;
const PAUSE_MS_MAX = 120_000;
const REFRESH_EVERY = 5;

/** Runs the world of one seed. */
export function simulateFaults(seed: number): FaultReport {
  const world = new World(seed);
  let broken: string | undefined;
  try {
    world.run();
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error);
  }
  return world.report(broken);
}

class World {
  readonly #seed: number;
  readonly #chance: Chance;
  readonly #agenda = new Agenda(START_MS);
  readonly #pool: SimulatedPool;
  readonly #network: Network;
  readonly #sites = new Map<string, SimulatedSite>();
  readonly #reality = new RealityChecker();
  /** Sites that the pool's side of the network holds for connected, and when it last heard them. */
  readonly #heardMs = new Map<string, number>();
  readonly #harsh: { readonly loss: number; readonly twice: number; readonly delayMs: number };
  readonly #crash: number;
  #serial = 1;
  #accepted = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#chance = chanceOf(seed);
    const chance = this.#chance;
    this.#harsh = {
      loss: chance.next() * 0.2,
      twice: chance.next() * 0.2,
      delayMs: chance.pick([50, 500, 5_000, 20_000]),
    };
    this.#crash = chance.pick([0, 0.001, 0.01, 0.05]);
    this.#pool = new SimulatedPool(this.#agenda, chance, () => ({
      crash: this.#faulty ? this.#crash : 0,
    }));
    this.#network = new Network(
      this.#agenda,
      chance,
      () => (this.#faulty ? this.#harsh : { loss: 0, twice: 0, delayMs: 50 }),
      {
        onDial: (siteId) => this.#dialled(siteId),
        onMessage: (siteId, message) => this.#heard(siteId, message),
        deliver: (siteId, message) => this.#sites.get(siteId)?.receive(message),
      },
    );
    this.#pool.onEvents = (events) => this.#checkEvents(events);
    this.#pool.onOrders = (siteId, orders) => {
      this.#serial += 1;
      const message = { type: "orders", orders, complete: false, serial: this.#serial } as const;
      if (this.#heardMs.has(siteId)) this.#network.toSite(siteId, message);
    };
    this.#pool.onStart = () => this.#heardMs.clear();
  }

  get #faulty(): boolean {
    return this.#agenda.nowMs < START_MS + FAULTS_MS;
  }

  run(): void {
    this.#pool.start();
    this.#insist({ type: "createPool", poolId: "p1", name: "world" }, () => this.#populate());
    this.#watchSilence();
    while (this.#agenda.advance(START_MS + FAULTS_MS + REST_MS)) {
      if (!this.#faulty && this.#atRest()) break;
    }
    checkRest(this.#pool.state);
    checkBooks(this.#pool.state, this.#reality.ranMs);
    this.#pool.assertReplay();
  }

  #atRest(): boolean {
    const { state, up } = this.#pool;
    if (!up || state.jobs.size < this.#accepted || state.queue.size > 0) return false;
    for (const site of state.sites.values()) if (site.openLeases.length > 0) return false;
    for (const job of state.jobs.values()) if (job.stage !== "ended") return false;
    return this.#accepted > 0;
  }

  /** Asks again until the control plane is up; then does what comes after. */
  #insist(input: Parameters<SimulatedPool["submit"]>[0], then: () => void): void {
    const answer = this.#pool.submit(input);
    if (answer.ok || answer.code !== "POOL_UNREACHABLE") then();
    else this.#agenda.after(1_000, () => this.#insist(input, then));
  }

  #populate(): void {
    const chance = this.#chance;
    const count = chance.whole(1, 5);
    for (let i = 0; i < count; i += 1) this.#addSite(`m${i}`, `s${i}`, makeNodes(chance, i));
    for (const [name, shares] of [["a", 3], ["b", 1]] as const) {
      this.#insist({ type: "setProject", name, parent: null, shares }, () => {});
    }
    const jobs = chance.whole(5, 40);
    for (let i = 0; i < jobs; i += 1) {
      this.#agenda.after(chance.next() * FAULTS_MS, () => this.#submit(i));
    }
    const faults = chance.whole(0, 12);
    for (let i = 0; i < faults; i += 1) {
      this.#agenda.after(chance.next() * FAULTS_MS, () => this.#strike());
    }
  }

  #addSite(member: string, siteId: string, nodes: readonly Node[], tries = 0): void {
    // An invitation whose answer was lost is made anew, with another secret.
    const secretHash = `h-${siteId}-${tries}`;
    const invited = this.#pool.submit({ type: "inviteMember", name: member, secretHash });
    if (!invited.ok) {
      this.#agenda.after(1_000, () => this.#addSite(member, siteId, nodes, tries + 1));
      return;
    }
    const join = {
      type: "joinSite",
      siteId,
      secretHash,
      publicKey: `k-${siteId}`,
      engine: "local",
    } as const;
    this.#insist(join, () => this.#startSite(siteId, nodes));
  }

  #startSite(siteId: string, nodes: readonly Node[]): void {
    // Clocks drift by up to 1 in 20.
    const clockRate = 1 + (this.#chance.next() - 0.5) / 10;
    const watch = {
      onRun: (_: SimulatedSite, held: Held) => this.#reality.onRun(held),
      onEnd: (_: SimulatedSite, held: Held, ranMs: number) => this.#reality.onEnd(held, ranMs),
    };
    const world = {
      agenda: this.#agenda,
      chance: this.#chance,
      network: this.#network,
      fate: (jobId: string) => this.#fateOf(jobId),
      watch,
    };
    this.#sites.set(siteId, new SimulatedSite({ siteId, nodes, clockRate }, world));
  }

  /** The same job runs for the same time wherever and whenever it runs. */
  #fateOf(jobId: string): { durationMs: number; exitCode: number } {
    const number = Number(jobId.replace("_", "00"));
    const chance = chanceOf(this.#seed * 7_919 + number);
    return { durationMs: chance.whole(1_000, 240_000), exitCode: chance.hits(0.1) ? 1 : 0 };
  }

  #submit(index: number): void {
    const known = [...this.#pool.state.jobs.keys()];
    const spec: JobSpec = makeJob(this.#chance, index, known);
    const array = this.#chance.hits(0.1) ? { indices: [0, 1, 2], maxRunning: 2 } : null;
    const key = { key: `key-${index}`, digest: `digest-${index}` };
    const send = (): void => {
      const answer = this.#pool.submit({ type: "submit", spec, array, key });
      if (!answer.ok && answer.code === "POOL_UNREACHABLE") {
        this.#agenda.after(2_000, send);
        return;
      }
      if (!answer.ok) return;
      this.#accepted += (answer.value as { tasks: number }).tasks;
      if (this.#chance.hits(0.15)) this.#cancelLater((answer.value as { jobId: string }).jobId);
    };
    send();
  }

  #cancelLater(jobId: string): void {
    this.#agenda.after(this.#chance.next() * 120_000, () =>
      this.#insist({ type: "cancel", jobId }, () => {}),
    );
  }

  /** One misfortune. */
  #strike(): void {
    if (this.#sites.size === 0) return;
    const site = this.#chance.pick([...this.#sites.values()]);
    const pauseMs = this.#chance.whole(1_000, PAUSE_MS_MAX);
    const member = `m${site.siteId.slice(1)}`;
    const kind = this.#chance.pick(["power", "agent", "cut", "recall", "drain"] as const);
    if (kind === "power") {
      site.powerOff();
      this.#agenda.after(pauseMs, () => site.powerOn());
    } else if (kind === "agent") site.restartAgent();
    else if (kind === "cut") {
      this.#network.setCut(site.siteId, true);
      this.#agenda.after(pauseMs, () => this.#network.setCut(site.siteId, false));
    } else {
      const change = { type: "changeMember", name: member, graceMs: 5_000 } as const;
      this.#insist({ ...change, action: kind }, () =>
        this.#agenda.after(pauseMs, () =>
          this.#insist({ ...change, action: "resume" }, () => {}),
        ),
      );
    }
  }

  // The pool's end of the gateway.

  #dialled(siteId: string): void {
    if (!this.#pool.submit({ type: "siteHere", siteId, agentVersion: "sim" }).ok) return;
    this.#heardMs.set(siteId, this.#agenda.nowMs);
    this.#network.toSite(siteId, { type: "welcome" });
    this.#sendAll(siteId);
  }

  #sendAll(siteId: string): void {
    this.#serial += 1;
    const orders = this.#pool.ordersFor(siteId);
    const message = { type: "orders", orders, complete: true, serial: this.#serial } as const;
    this.#network.toSite(siteId, message);
  }

  #heard(siteId: string, message: Message): void {
    if (!this.#heardMs.has(siteId)) {
      // A connection that the pool does not know (it was restarted): the agent dials again.
      this.#network.toSite(siteId, { type: "cut" });
      return;
    }
    this.#heardMs.set(siteId, this.#agenda.nowMs);
    if (message.type === "inventory") {
      this.#pool.submit({ type: "inventory", siteId, nodes: message.nodes });
    } else if (message.type === "heartbeat") {
      const leaseForMs = this.#pool.heartbeat(siteId);
      if (leaseForMs === undefined) return;
      const { clockMs } = message;
      this.#network.toSite(siteId, { type: "heartbeatAck", clockMs, leaseForMs });
      if (this.#chance.whole(1, REFRESH_EVERY) === 1) this.#sendAll(siteId);
    } else if (message.type === "report") {
      const { reportId, leaseId, fence, what } = message.report;
      const answer = this.#pool.submit({ type: "report", siteId, leaseId, fence, report: what });
      if (!answer.ok && answer.code === "POOL_UNREACHABLE") return;
      this.#network.toSite(siteId, { type: "ack", reportId });
    }
  }

  #watchSilence(): void {
    this.#agenda.after(1_000, () => {
      for (const [siteId, heardMs] of [...this.#heardMs]) {
        if (this.#agenda.nowMs - heardMs <= LIMITS.SITE_SILENT_MS) continue;
        this.#heardMs.delete(siteId);
        this.#pool.submit({ type: "siteAway", siteId, reason: "silent" });
      }
      this.#watchSilence();
    });
  }

  #checkEvents(events: readonly Event[]): void {
    for (const event of events) checkEvent(this.#pool.state, event);
  }

  report(broken: string | undefined): FaultReport {
    const { state, journal, crashes } = this.#pool;
    const jobs = [...state.jobs.values()];
    const leases = [...state.leases.values()];
    return {
      seed: this.#seed,
      ok: broken === undefined,
      ...(broken === undefined ? {} : { broken }),
      jobs: jobs.length,
      completed: jobs.filter((job) => job.outcome === "completed").length,
      leases: leases.length,
      lost: leases.filter((lease) => lease.end?.outcome === "lost").length,
      corrected: journal.filter(({ event }) => event.type === "lease.corrected").length,
      crashes,
      events: journal.length,
      virtualMs: this.#agenda.nowMs - START_MS,
    };
  }
}

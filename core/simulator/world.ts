// The simulated world with faults: sites, jobs, spanning runs, a bad network, power cuts, crashes
// of the control plane, skewed clocks. One seed is one world. Safety is checked at all times,
// liveness once the faults have stopped. What is reported of it is up to faults.ts.
import { type JobSpec, LIMITS, type Node } from "../pool/index.ts";
import { Agenda } from "./agenda.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { checkBooks, checkEvent, checkRest, RealityChecker } from "./checkers.ts";
import { checkGrant, ownerWish, RecallChecker } from "./lending.ts";
import { type Message, Network } from "./network.ts";
import { type CrashPoint, type Decide, SimulatedPool } from "./pool.ts";
import { RunChecker } from "./run-checker.ts";
import { type Scale, WHOLE } from "./scale.ts";
import { type Held, SimulatedSite, type SiteKind, type SiteWorld } from "./site.ts";
import { SimulatedTraining } from "./training.ts";
import { makeJob, makeNodes, makeRun } from "./workload.ts";

export interface WorldOptions {
  readonly scale?: Scale;
  readonly crashAt?: CrashPoint;
  /** Tests hand in a controller or a site that breaks a rule, to see that it is found out. */
  readonly decide?: Decide;
  readonly makeSite?: (kind: SiteKind, world: SiteWorld) => SimulatedSite;
}

/** 2026-01-01, so that times look like times. */
const START_MS = 1_767_225_600_000;
const REST_MS = 8 * 3_600_000;
const PAUSE_MS_MAX = 120_000;
const REFRESH_EVERY = 5;
/** A wall clock is wrong by so much at most. */
const CLOCK_MS_MAX = 3_600_000;
/** A run's workers fail so often in a row before its job fails; see controller/runs.ts. */
const WORKER_FAILURES_MAX = 3;

const KINDS_OF_STRIKE = ["power", "agent", "cut", "recall", "drain", "owner", "owner"] as const;

export class World {
  readonly #seed: number;
  readonly #options: WorldOptions;
  readonly #scale: Scale;
  readonly #chance: Chance;
  readonly #agenda = new Agenda(START_MS);
  readonly #pool: SimulatedPool;
  readonly #training: SimulatedTraining;
  readonly #runs = new RunChecker();
  readonly #recalls = new RecallChecker();
  readonly #network: Network;
  readonly #sites = new Map<string, SimulatedSite>();
  readonly #reality = new RealityChecker();
  /** Sites that the pool's side of the network holds for connected, and when it last heard them. */
  readonly #workerFailures = new Map<string, number>();
  readonly #heardMs = new Map<string, number>();
  readonly #harsh: { readonly loss: number; readonly twice: number; readonly delayMs: number };
  readonly #crash: number;
  #serial = 1;
  #accepted = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    this.#seed = seed;
    this.#options = options;
    this.#scale = options.scale ?? WHOLE;
    this.#chance = chanceOf(seed);
    const chance = this.#chance;
    const agenda = this.#agenda;
    this.#harsh = {
      loss: chance.next() * 0.2,
      twice: chance.next() * 0.2,
      delayMs: chance.pick([50, 500, 5_000, 20_000]),
    };
    this.#crash = chance.pick([0, 0.001, 0.01, 0.05]);
    const clockMs = chance.hits(0.3) ? CLOCK_MS_MAX : 0;
    const { decide, crashAt } = options;
    this.#pool = new SimulatedPool(agenda, chance, {
      faults: () => (this.#noisy ? { crash: this.#crash, clockMs } : { crash: 0, clockMs: 0 }),
      ...(decide === undefined ? {} : { decide }),
      ...(crashAt === undefined ? {} : { crashAt }),
    });
    const faulty = (): boolean => this.#faulty;
    this.#training = new SimulatedTraining({ pool: this.#pool, agenda, chance, faulty });
    this.#network = new Network(
      agenda,
      chance,
      () => (this.#noisy ? this.#harsh : { loss: 0, twice: 0, delayMs: 50 }),
      {
        onDial: (siteId) => this.#dialled(siteId),
        onMessage: (siteId, message) => this.#heard(siteId, message),
        deliver: (siteId, message) => this.#sites.get(siteId)?.receive(message),
      },
    );
    this.#listen();
  }

  #listen(): void {
    this.#pool.onEvents = (events) => {
      for (const event of events) {
        checkEvent(this.#pool.state, event);
        checkGrant(this.#pool.state, event);
        if (!this.#scale.noise) this.#recalls.onEvent(event, this.#agenda.nowMs);
        this.#runs.onEvent(event);
      }
      this.#training.onEvents(events);
    };
    this.#pool.onOrders = (siteId, orders) => {
      this.#serial += 1;
      const message = { type: "orders", orders, complete: false, serial: this.#serial } as const;
      if (this.#heardMs.has(siteId)) this.#network.toSite(siteId, message);
    };
    this.#pool.onStart = () => {
      this.#heardMs.clear();
      this.#training.onStart();
    };
  }

  get #faulty(): boolean {
    return this.#agenda.nowMs < START_MS + this.#scale.faultsMs;
  }

  get #noisy(): boolean {
    return this.#faulty && this.#scale.noise;
  }

  /** Inputs that changed something. */
  get inputs(): number {
    return this.#pool.inputs;
  }

  run(): void {
    this.#pool.start();
    this.#pool.insist({ type: "createPool", poolId: "p1", name: "world" }, () => this.#populate());
    this.#watchSilence();
    while (this.#agenda.advance(START_MS + this.#scale.faultsMs + REST_MS)) {
      if (!this.#faulty && this.#atRest()) break;
    }
    checkRest(this.#pool.state);
    checkBooks(this.#pool.state, this.#reality.ranMs);
    const { clockJumps } = this.#pool;
    this.#runs.check(this.#pool.state, { failedRuns: this.#training.failed, clockJumps });
    this.#pool.assertReplay();
  }

  #atRest(): boolean {
    const { state, up } = this.#pool;
    if (!up || state.jobs.size < this.#accepted || state.queue.size > 0) return false;
    for (const site of state.sites.values()) if (site.openLeases.length > 0) return false;
    for (const job of state.jobs.values()) if (job.stage !== "ended") return false;
    return this.#accepted > 0;
  }

  #populate(): void {
    const chance = this.#chance;
    const { faultsMs, sitesMax, jobsMin, jobsMax, runsMin, runsMax, strikesMax } = this.#scale;
    const count = chance.whole(1, sitesMax);
    for (let i = 0; i < count; i += 1) this.#addSite(`m${i}`, `s${i}`, makeNodes(chance, i));
    for (const [name, shares] of [
      ["a", 3],
      ["b", 1],
    ] as const) {
      this.#pool.insist({ type: "setProject", name, parent: null, shares });
    }
    const jobs = chance.whole(jobsMin, jobsMax);
    for (let i = 0; i < jobs; i += 1) {
      this.#agenda.after(chance.next() * faultsMs, () => this.#submit(i));
    }
    const runs = chance.whole(runsMin, runsMax);
    for (let i = 0; i < runs; i += 1) {
      this.#agenda.after((chance.next() * faultsMs) / 2, () => this.#submitRun(jobs + i));
    }
    const strikes = chance.whole(0, strikesMax);
    for (let i = 0; i < strikes; i += 1) {
      this.#agenda.after(chance.next() * faultsMs, () => this.#strike());
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
    this.#pool.insist(join, () => this.#startSite(siteId, nodes));
  }

  #startSite(siteId: string, nodes: readonly Node[]): void {
    // Clocks drift by up to 1 in 20.
    const clockRate = 1 + (this.#chance.next() - 0.5) / 10;
    const rowMs = this.#chance.whole(20, 200);
    const kind: SiteKind = { siteId, nodes, clockRate, rowMs };
    const world: SiteWorld = {
      agenda: this.#agenda,
      chance: this.#chance,
      network: this.#network,
      fate: (jobId) => this.#fateOf(jobId),
      watch: {
        onRun: (site, held) => this.#reality.onRun(site.siteId, held),
        onEnd: (site, held, ranMs, exitCode) => {
          this.#reality.onEnd(site.siteId, held, ranMs);
          this.#recalls.onEnd(held.leaseId, this.#agenda.nowMs);
          this.#ended(held, exitCode);
        },
      },
      faulty: () => this.#faulty,
    };
    const make = this.#options.makeSite ?? ((one, around) => new SimulatedSite(one, around));
    this.#sites.set(siteId, make(kind, world));
  }

  #ended(held: Held, exitCode: number | null): void {
    if (held.worker === undefined || exitCode !== 1) return;
    const failures = (this.#workerFailures.get(held.jobId) ?? 0) + 1;
    this.#workerFailures.set(held.jobId, failures);
    if (failures >= WORKER_FAILURES_MAX) this.#training.failed.add(held.jobId);
  }

  /** The same job runs for the same time wherever and whenever it runs. */
  #fateOf(jobId: string): { durationMs: number; exitCode: number } {
    const number = Number(jobId.replace("_", "00"));
    const chance = chanceOf(this.#seed * 7_919 + number);
    return {
      durationMs: chance.whole(1_000, this.#scale.taskMsMax),
      exitCode: chance.hits(0.1) ? 1 : 0,
    };
  }

  #submit(index: number): void {
    const spec = makeJob(this.#chance, index, [...this.#pool.state.jobs.keys()]);
    const array = this.#chance.hits(0.1) ? { indices: [0, 1, 2], maxRunning: 2 } : null;
    this.#send(index, spec, array);
  }

  #submitRun(index: number): void {
    this.#send(index, makeRun(this.#chance, index, !this.#scale.noise), null);
  }

  #send(index: number, spec: JobSpec, array: { indices: number[]; maxRunning: number } | null) {
    const key = { key: `key-${index}`, digest: `digest-${index}` };
    this.#pool.insist({ type: "submit", spec, array, key }, (answer) => {
      if (!answer.ok) return;
      const { jobId, tasks } = answer.value as { jobId: string; tasks: number };
      this.#accepted += tasks;
      if (this.#chance.hits(0.15)) this.#cancelLater(jobId);
    });
  }

  #cancelLater(jobId: string): void {
    this.#agenda.after(this.#chance.next() * 120_000, () =>
      this.#pool.insist({ type: "cancel", jobId }),
    );
  }

  /** One misfortune. */
  #strike(): void {
    if (this.#sites.size === 0) return;
    const site = this.#chance.pick([...this.#sites.values()]);
    const pauseMs = this.#chance.whole(1_000, PAUSE_MS_MAX);
    const member = `m${site.siteId.slice(1)}`;
    const kind = this.#chance.pick(KINDS_OF_STRIKE);
    if (kind === "power") {
      site.powerOff();
      this.#agenda.after(pauseMs, () => site.powerOn());
    } else if (kind === "agent") site.restartAgent();
    else if (kind === "cut") {
      this.#network.setCut(site.siteId, true);
      this.#agenda.after(pauseMs, () => this.#network.setCut(site.siteId, false));
    } else if (kind === "owner") {
      const { does, undoes } = ownerWish(this.#chance, member, this.#agenda.nowMs);
      this.#pool.insist(does, () => this.#agenda.after(pauseMs, () => this.#pool.insist(undoes)));
    } else {
      const change = { type: "changeMember", name: member, graceMs: 5_000 } as const;
      this.#pool.insist({ ...change, action: kind }, () =>
        this.#agenda.after(pauseMs, () => this.#pool.insist({ ...change, action: "resume" })),
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
    if (message.type === "ask" || message.type === "offer") {
      this.#heardWorker(siteId, message);
      return;
    }
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

  /** Workers speak to the API by themselves, whether their agent is connected or not. */
  #heardWorker(siteId: string, message: Extract<Message, { type: "ask" | "offer" }>): void {
    const { leaseId } = message;
    const answer =
      message.type === "ask"
        ? this.#training.ask(siteId, leaseId)
        : this.#training.offer(siteId, leaseId, message.offer);
    if (answer !== undefined) this.#network.toSite(siteId, answer);
  }

  /** What the control plane wrote down. */
  get journal(): SimulatedPool["journal"] {
    return this.#pool.journal;
  }

  /** What there was in this world. */
  counts() {
    const { state, journal, crashes } = this.#pool;
    const jobs = [...state.jobs.values()];
    const leases = [...state.leases.values()];
    const rounds = [...state.runs.values()].reduce((sum, run) => sum + run.rounds.length, 0);
    return {
      jobs: jobs.length,
      completed: jobs.filter((job) => job.outcome === "completed").length,
      runs: state.runs.size,
      rounds,
      leases: leases.length,
      lost: leases.filter((lease) => lease.end?.outcome === "lost").length,
      corrected: journal.filter(({ type }) => type === "lease.corrected").length,
      crashes,
      recalled: this.#recalls.kept,
      events: journal.length,
      virtualMs: this.#agenda.nowMs - START_MS,
    };
  }
}

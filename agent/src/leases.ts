// Keeps the leases of the site as the pool wants them: takes orders, asks plan.ts what to do, does
// it through the engine, and puts what became of it into the outbox. One comparison runs at a
// time, and every change asks for another one.
import type { LeaseOrder, LeaseReport } from "@tequio/contract";
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Engine, LeaseStart, LeaseStatus, TaskStart } from "@tequio/engines";
import type { LogPump } from "./logs.ts";
import type { Outbox } from "./outbox.ts";
import { type Action, clip, planLeases } from "./plan.ts";
import { type Say, whyOf } from "./say.ts";
import type { Outside, Terms } from "./terms.ts";

export interface KeeperOptions {
  readonly engine: Engine;
  readonly outbox: Outbox;
  readonly logs: LogPump;
  readonly terms: Terms;
  readonly builtins: Readonly<Record<string, readonly string[]>>;
  /** What every task is told of its place. */
  readonly taskEnv: Readonly<Record<string, string>>;
  /** What tasks that run our own programs are told besides; it may hold passwords. */
  readonly ownEnv: Readonly<Record<string, string>>;
  readonly siteClockMs: () => number;
  readonly reconcileMs: number;
  readonly say: Say;
  /** New reports lie in the outbox. */
  readonly onReports: (reports: readonly LeaseReport[]) => void;
}

/** While an agent stops with its leases, it looks this often whether they have ended. */
const STOP_LOOK_MS = 100;
/** Beyond the grace, for the engine to kill and to notice. */
const STOP_EXTRA_MS = 10_000;

export class LeaseKeeper {
  readonly #options: KeeperOptions;
  readonly #orders = new Map<string, LeaseOrder>();
  /** Shortest grace that was asked of the engine for each lease. */
  readonly #stopping = new Map<string, number>();
  #complete = false;
  /** What the pool allows, and what of it the engine has taken. */
  #promisedMs = Number.NEGATIVE_INFINITY;
  #rightUntilMs = Number.NEGATIVE_INFINITY;
  #extending: Promise<void> | undefined;
  /** No lease is started any more. */
  #closing = false;
  #closed = false;
  #dirty = false;
  #running: Promise<void> | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #unlisten: () => void;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), options.reconcileMs);
    this.#unlisten = options.engine.onChange(() => this.look());
  }

  /** Takes orders of the pool; the newest order for a lease counts. */
  order(orders: readonly LeaseOrder[], complete: boolean): void {
    if (complete) this.#orders.clear();
    this.#complete ||= complete;
    const repeated: LeaseReport[] = [];
    for (const order of orders) {
      const before = this.#orders.get(order.leaseId);
      // A lease that was ordered to stop never runs again; such an order was overtaken.
      if (!(before?.want === "stop" && order.want === "run")) {
        this.#orders.set(order.leaseId, order);
      }
      const final = this.#options.outbox.repeat(order.leaseId);
      if (final !== undefined) repeated.push(final);
    }
    if (repeated.length > 0) this.#options.onReports(repeated);
    this.look();
  }

  /** The connection broke: what the pool wants is unknown until it says so again. */
  forgetOrders(): void {
    this.#orders.clear();
    this.#complete = false;
  }

  /** The site may run its leases until this time on the site clock, never shorter than before. */
  extend(untilMs: number): void {
    this.#promisedMs = Math.max(untilMs, this.#promisedMs);
    this.#extending ??= this.#passOn().finally(() => {
      this.#extending = undefined;
    });
  }

  /** One call of the engine at a time, always with the newest promise: a slow disk must not make
   * deadlines queue up. */
  async #passOn(): Promise<void> {
    const { engine, say } = this.#options;
    while (this.#promisedMs > this.#rightUntilMs) {
      const untilMs = this.#promisedMs;
      const hadRight = this.#mayRun();
      try {
        await engine.extend(untilMs);
      } catch (error) {
        say("error", "The engine did not take the new deadline.", { why: whyOf(error) });
        return; // the next heartbeat's answer tries again
      }
      this.#rightUntilMs = untilMs;
      if (!hadRight) this.look();
    }
  }

  /** Compares soon, and once more if something changes meanwhile. */
  look(): void {
    if (this.#closed) return;
    this.#dirty = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
  }

  /** Stops every lease and waits for their ends; false if some did not end in time. */
  async stopAll(why: string): Promise<boolean> {
    this.#closing = true;
    const { engine } = this.#options;
    const untilMs = performance.now() + LIMITS.STOP_GRACE_MS + STOP_EXTRA_MS;
    for (let first = true; ; first = false) {
      const live = (await engine.list()).filter((lease) => lease.state !== "ended");
      for (const { leaseId } of first ? live : []) {
        await this.#stop(leaseId, LIMITS.STOP_GRACE_MS, why);
      }
      this.look();
      if (live.length === 0 || performance.now() > untilMs) {
        await this.#running;
        return live.length === 0;
      }
      await new Promise((done) => setTimeout(done, STOP_LOOK_MS));
    }
  }

  /** Ends the looking. Leases go on running. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unlisten();
    await this.#extending;
    await this.#running;
  }

  #mayRun(): boolean {
    return this.#options.siteClockMs() < this.#rightUntilMs;
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      try {
        await this.#compare();
      } catch (error) {
        // The engine could not be asked. The timer looks again.
        this.#options.say("error", "The engine failed.", { why: whyOf(error) });
      }
    }
  }

  async #compare(): Promise<void> {
    const { engine, outbox, logs, terms } = this.#options;
    if (terms.needsNodes) terms.knowNodes(await engine.inventory());
    const statuses = await engine.list();
    const here = new Set(statuses.map((status) => status.leaseId));
    logs.keepOnly(here);
    terms.keepOnly(here);
    for (const status of statuses) this.#follow(status);
    this.#dropSettledOrders(here);
    const actions = planLeases({
      orders: this.#orders,
      complete: this.#complete,
      statuses,
      memoryOf: (leaseId) => outbox.lease(leaseId),
      unfinished: outbox.unfinished(),
      mayStart: this.#mayRun() && !this.#closing,
      refuses: (order) => terms.refuses(order),
      outside: (leaseId) => this.#outside(statuses, leaseId),
      isSettled: (leaseId) => !outbox.isPending(leaseId) && logs.isDone(leaseId),
    });
    for (const action of actions) await this.#act(action);
  }

  #outside(statuses: readonly LeaseStatus[], leaseId: string): Outside | undefined {
    const { terms } = this.#options;
    const status = statuses.find((one) => one.leaseId === leaseId);
    if (status === undefined || status.state === "ended") return terms.wasOutside(leaseId);
    const ranMs = status.state === "starting" ? 0 : status.ranMs;
    return terms.outside({ leaseId, order: this.#orders.get(leaseId), ranMs });
  }

  /** Orders for leases that are over and of which the pool knows so. */
  #dropSettledOrders(here: ReadonlySet<string>): void {
    const { outbox } = this.#options;
    for (const leaseId of [...this.#orders.keys()]) {
      const over = outbox.lease(leaseId)?.final !== undefined && !here.has(leaseId);
      if (over && !outbox.isPending(leaseId)) this.#orders.delete(leaseId);
    }
    for (const leaseId of [...this.#stopping.keys()]) {
      if (!here.has(leaseId)) this.#stopping.delete(leaseId);
    }
  }

  #follow(status: LeaseStatus): void {
    const { outbox, logs } = this.#options;
    const { leaseId } = status;
    const ended = status.state === "ended";
    const known = outbox.lease(leaseId)?.tasks || this.#orders.get(leaseId)?.start?.tasks.length;
    const tasks = ended ? Math.max(known ?? 0, status.tasks.length) : (known ?? 0);
    logs.follow(leaseId, tasks, ended);
  }

  async #act(action: Action): Promise<void> {
    const { engine, logs, say } = this.#options;
    switch (action.do) {
      case "start":
        return this.#start(action.order);
      case "stop":
        return this.#stop(action.leaseId, action.graceMs, action.why);
      case "report":
        return this.#report(action);
      case "forget": {
        const forgotten = await engine.forget(action.leaseId);
        if (!forgotten.ok) say("warn", forgotten.message, { lease: action.leaseId });
        if (forgotten.ok) logs.drop(action.leaseId);
        return;
      }
      default:
        return action satisfies never;
    }
  }

  async #start(order: LeaseOrder): Promise<void> {
    const { engine, outbox, say } = this.#options;
    const { leaseId, jobId, fence } = order;
    // Orders may have changed while an earlier action was done.
    if (this.#orders.get(leaseId)?.want !== "run" || !this.#mayRun() || this.#closing) return;
    const made = this.#leaseStart(order);
    if (made.ok) {
      outbox.accept({ leaseId, jobId, fence, tasks: made.value.tasks.length });
    }
    const started = made.ok ? await engine.start(made.value) : made;
    if (started.ok) {
      const facts = { lease: leaseId, job: jobId, attempt: order.attempt, fence };
      say("info", "Lease started.", { ...facts, user: order.start?.user });
      this.#report({ do: "report", leaseId, fence, event: { kind: "starting" } });
    } else {
      const event = {
        kind: "refused",
        code: started.code,
        message: clip(started.message),
      } as const;
      this.#report({ do: "report", leaseId, fence, event });
    }
    this.look();
  }

  async #stop(leaseId: string, graceMs: number, why: string): Promise<void> {
    const before = this.#stopping.get(leaseId);
    if (before !== undefined && before <= graceMs) return;
    this.#stopping.set(leaseId, graceMs);
    this.#options.say("info", "Stopping a lease.", { lease: leaseId, graceMs, why });
    await this.#options.engine.stop(leaseId, { graceMs, why });
  }

  #report(action: Extract<Action, { do: "report" }>): void {
    const { outbox, say, onReports } = this.#options;
    const { leaseId, fence, event } = action;
    const report = outbox.report(leaseId, fence, event);
    if (event.kind === "ended") {
      const { endedBy, exitCode, signal, ranMs, message } = event;
      const how = { by: endedBy, exitCode: exitCode ?? undefined, signal: signal ?? undefined };
      say("info", "Lease ended.", { lease: leaseId, ...how, ranMs, message });
    } else if (event.kind === "refused") {
      say("warn", "Lease refused.", { lease: leaseId, code: event.code, message: event.message });
    }
    onReports([report]);
  }

  #leaseStart(order: LeaseOrder): Outcome<LeaseStart> {
    const { leaseId, jobId, attempt, fence, start } = order;
    if (start === undefined) {
      const message = `The order for lease ${leaseId} does not say what to start.`;
      return refuse("INVALID_REQUEST", message, "Bring agent and pool to the same version.");
    }
    const tasks: TaskStart[] = [];
    const { bandwidth } = this.#options.terms;
    const bounds: Readonly<Record<string, string>> =
      bandwidth.length === 0 ? {} : { TEQUIO_BANDWIDTH: JSON.stringify(bandwidth) };
    for (const [taskIndex, task] of start.tasks.entries()) {
      const command = this.#commandOf(task.command);
      if (!command.ok) return command;
      tasks.push({
        taskIndex,
        command: command.value,
        env: { ...task.env, ...this.#options.taskEnv, ...bounds, TEQUIO_JOB_ID: jobId },
        secretEnv: { ...this.#secretsOf(task.command), TEQUIO_TOKEN: start.taskToken },
        placement: task.placement,
        ...(task.limits === undefined ? {} : { limits: task.limits }),
      });
    }
    const { walltimeMs } = start;
    return ok({ leaseId, jobId, attempt, fence, taskCount: tasks.length, walltimeMs, tasks });
  }

  /** What only our own programs may know. */
  #secretsOf([program]: readonly string[]): Readonly<Record<string, string>> {
    return program?.startsWith("tequio:") ? this.#options.ownEnv : {};
  }

  #commandOf(command: readonly string[]): Outcome<readonly string[]> {
    const program = command[0];
    if (!program?.startsWith("tequio:")) return ok(command);
    const { builtins } = this.#options;
    const instead = Object.hasOwn(builtins, program) ? builtins[program] : undefined;
    if (instead !== undefined) return ok([...instead, ...command.slice(1)]);
    const message = `This agent has no program \`${program}\`.`;
    return refuse("INVALID_REQUEST", message, "Bring the agent to the pool's version.");
  }
}

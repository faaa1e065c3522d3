// A browser tab as a site: joins with the link's token, dials the gateway, says what it lends, and
// holds the leases of training that it is given. It runs nothing else: a job's own command is
// refused. What is shown of it is the page's.
import {
  GATEWAY_PROTOCOL,
  type LeaseOrder,
  type LeaseReport,
  type SiteNews,
  ToAgent,
  type ToPool,
  TRAINER_COMMAND,
} from "@tequio/contract";
import { type Identity, identityOf, signFarewell, signHello } from "./identity.ts";
import { type ComputeWorker, type Counted, TabLease } from "./lease.ts";
import { TabLog } from "./log.ts";
import { measureTab } from "./measure.ts";
import { nodesOf } from "./nodes.ts";
import { TabTerms } from "./terms.ts";

/** Pause before the gateway is dialled again. */
const REDIAL_MS = 2_000;
const VERSION = "browser";
const PAUSED = "the person at the browser paused";

type Ended = Extract<LeaseReport["event"], { kind: "ended" }>;

export interface BrowserSiteOptions {
  readonly poolUrl: string;
  readonly joinToken: string;
  /** Threads that the person at the machine allows. */
  readonly threads: number;
  readonly openWorker: () => ComputeWorker;
  readonly onNews: (news: SiteNews) => void;
}

const NOTHING: SiteNews = {
  phase: "joining",
  connected: false,
  ...{ rounds: 0, tokens: 0, tokensPerSecond: 0, bytesUp: 0, bytesDown: 0, deviceMs: 0 },
};

export class BrowserSite {
  readonly #options: BrowserSiteOptions;
  #news: SiteNews = NOTHING;
  #identity: Identity | undefined;
  #socket: WebSocket | undefined;
  #welcomed = false;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #redial: ReturnType<typeof setTimeout> | undefined;
  /** Until when the site may compute, on the clock of `performance.now`. */
  #rightUntilMs = 0;
  #lease: { readonly order: LeaseOrder; readonly tab: TabLease } | undefined;
  /** An order that came before the right to run, or before the last lease was over. */
  #early: LeaseOrder | undefined;
  /** Leases that are over here: an order for one of them is only late. */
  readonly #over = new Set<string>();
  readonly #reports = new Map<string, LeaseReport>();
  readonly #logs = new Map<string, TabLog>();
  readonly #terms = new TabTerms(() => performance.now());
  #paused = false;
  #stopped = false;
  #measured = false;
  #deviceMs = 0;

  constructor(options: BrowserSiteOptions) {
    this.#options = options;
    setInterval(() => this.#second(), 1_000);
    void this.#join();
  }

  /** Gives back what is leased and lends nothing until `resume`. */
  pause(): void {
    if (this.#stopped) return;
    this.#paused = true;
    this.#give(PAUSED);
    this.#send({ type: "inventory", nodes: [] });
    this.#tell({ phase: "paused" });
  }

  resume(): void {
    if (!this.#paused || this.#stopped) return;
    this.#paused = false;
    this.#tell({ phase: "waiting" });
    this.#lend();
  }

  /** The same for good. */
  stop(): void {
    this.pause();
    this.#stopped = true;
    clearTimeout(this.#redial);
    clearInterval(this.#heartbeat);
    this.#socket?.close(1_000, "the tab stops");
    this.#tell({ phase: "stopped", connected: false });
  }

  async #join(): Promise<void> {
    const { poolUrl, joinToken } = this.#options;
    const identity = await identityOf(poolUrl, joinToken);
    if (!identity.ok) return this.#tell({ phase: "refused", why: identity.message });
    this.#identity = identity.value;
    const { member, siteId } = identity.value;
    this.#tell({ member, siteId });
    this.#dial();
  }

  #dial(): void {
    const socket = new WebSocket(`${this.#options.poolUrl.replace(/^http/, "ws")}/v1/gateway`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => void this.#receive(String(data));
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#welcomed = false;
      clearInterval(this.#heartbeat);
      this.#tell({ connected: false });
      if (!this.#stopped) this.#redial = setTimeout(() => this.#dial(), REDIAL_MS);
    };
  }

  /** Answers whether there is a connection; what must arrive is kept until it is answered. */
  #send(message: ToPool): boolean {
    if (!this.#welcomed || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  async #receive(text: string): Promise<void> {
    const parsed = ToAgent.safeParse(JSON.parse(text));
    // A message of a newer pool that this page does not know.
    if (!parsed.success || this.#stopped) return;
    const message = parsed.data;
    switch (message.type) {
      case "challenge":
        return this.#hello(message.nonce);
      case "welcome":
        return this.#welcome(message.heartbeatMs, message.siteToken);
      case "heartbeatAck":
        this.#rightUntilMs = Math.max(this.#rightUntilMs, message.clockMs + message.leaseForMs);
        return this.#takeEarly();
      case "leases":
        return this.#ordered(message.orders, message.complete);
      case "ack":
        for (const id of message.reportIds) this.#reports.delete(id);
        return;
      case "refused":
        return this.#refused(message.message);
      case "terms":
        this.#terms.take(message);
        return this.#tell({ limits: this.#terms.limits() });
      case "logAck":
        return this.#logTaken(message.leaseId, message.nextOffset);
      case "keyTaken":
        return; // a tab has one key for good
      default:
        return message satisfies never;
    }
  }

  async #hello(nonce: string): Promise<void> {
    const identity = this.#identity!;
    const signature = await signHello(identity, nonce);
    const { siteId } = identity;
    const hello = { type: "hello", protocol: GATEWAY_PROTOCOL, siteId, signature } as const;
    this.#socket?.send(JSON.stringify({ ...hello, agentVersion: VERSION } satisfies ToPool));
    this.#tell({ farewell: await signFarewell(identity, nonce) });
  }

  #welcome(heartbeatMs: number, siteToken: string): void {
    this.#welcomed = true;
    const beat = () => this.#send({ type: "heartbeat", clockMs: performance.now() });
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(beat, heartbeatMs);
    beat();
    this.#resend();
    for (const log of this.#logs.values()) log.connected();
    const phase = this.#paused ? "paused" : this.#lease === undefined ? "waiting" : "training";
    this.#tell({ connected: true, phase });
    this.#lend();
    if (!this.#measured) void this.#measure(siteToken);
  }

  #lend(): void {
    const nodes = this.#paused ? [] : nodesOf(this.#identity!.siteId, this.#options.threads);
    this.#send({ type: "inventory", nodes });
  }

  async #measure(siteToken: string): Promise<void> {
    const calibration = await measureTab(this.#options.poolUrl, siteToken).catch(() => undefined);
    if (calibration === undefined) return;
    this.#measured = true;
    this.#send({ type: "calibration", calibration });
  }

  /** The pool will not have this tab: its link was taken back, or it never was one of its sites. */
  #refused(why: string): void {
    this.#lease?.tab.stop();
    this.#lease = undefined;
    this.#stopped = true;
    this.#socket?.close();
    clearInterval(this.#heartbeat);
    this.#tell({ phase: "refused", why, connected: false });
  }

  /** The pool says each order once: one that could not start yet is looked at again. */
  #takeEarly(): void {
    const order = this.#early;
    this.#early = undefined;
    if (order !== undefined && !this.#over.has(order.leaseId)) this.#take(order);
  }

  #ordered(orders: readonly LeaseOrder[], complete: boolean): void {
    if (complete) this.#early = undefined;
    const held = this.#lease?.order.leaseId;
    if (complete && held !== undefined && !orders.some(({ leaseId }) => leaseId === held)) {
      this.#end("stop", "The pool wants it no more.");
    }
    for (const order of orders) {
      const isHeld = order.leaseId === this.#lease?.order.leaseId;
      if (order.want === "stop" && isHeld) {
        this.#end("stop", order.stop?.reason ?? "The pool asked for it.");
      } else if (order.want === "stop" && !this.#over.has(order.leaseId)) {
        this.#over.add(order.leaseId);
        this.#report(order, ended("stop", 0, "It was stopped before it started."));
      } else if (order.want === "run" && !isHeld && !this.#over.has(order.leaseId)) {
        this.#take(order);
      }
    }
    this.#resend();
  }

  #take(order: LeaseOrder): void {
    const { start } = order;
    const [task, second] = start?.tasks ?? [];
    const isTraining = task?.command.length === 1 && task.command[0] === TRAINER_COMMAND;
    if (this.#paused) {
      // It was on its way when the person paused: no refusal, which would keep the pool away.
      this.#over.add(order.leaseId);
      this.#report(order, ended("offer", 0, PAUSED));
      return;
    }
    if (start === undefined || !isTraining || second !== undefined) {
      const message = "A browser tab trains runs and runs nothing else.";
      this.#over.add(order.leaseId);
      this.#report(order, { kind: "refused", code: "OUTSIDE_OFFER", message });
      return;
    }
    const closed = this.#terms.closed();
    if (closed !== undefined) {
      this.#over.add(order.leaseId);
      this.#report(order, { kind: "refused", code: "OUTSIDE_OFFER", message: closed });
      return;
    }
    if (this.#lease !== undefined || performance.now() >= this.#rightUntilMs) {
      this.#early = order;
      return;
    }
    const tab = this.#open({ ...order, start });
    this.#lease = { order, tab };
    this.#report(order, { kind: "starting" });
    this.#report(order, { kind: "running" });
    this.#tell({ phase: "training", why: undefined, limits: this.#terms.limits() });
  }

  #open(order: LeaseOrder & { readonly start: NonNullable<LeaseOrder["start"]> }): TabLease {
    const { poolUrl, openWorker, threads } = this.#options;
    const { leaseId, start } = order;
    const log = new TabLog(leaseId, (chunk) => this.#send(chunk));
    this.#logs.set(leaseId, log);
    return new TabLease({
      ...{ poolUrl, order, openWorker, threads, bandwidth: this.#terms.bandwidth },
      onLine: (line) => log.line(`${new Date().toISOString()} ${line}`),
      onEngine: (engine) => this.#tell({ engine }),
      onCounted: (counted) => this.#counted(order, start.jobName, counted),
      onBytes: (up, down) => {
        const { bytesUp, bytesDown } = this.#news;
        this.#tell({ bytesUp: bytesUp + up, bytesDown: bytesDown + down });
      },
      onOver: (error) => this.#end("itself", error ?? "The run has no more for this tab.", error),
    });
  }

  #logTaken(leaseId: string, nextOffset: number): void {
    const log = this.#logs.get(leaseId);
    log?.ack(nextOffset);
    if (log?.done === true) this.#logs.delete(leaseId);
  }

  #counted({ jobId }: LeaseOrder, name: string, counted: Counted): void {
    const { tokens, tokensPerSecond, round, loss, parameters } = counted;
    this.#tell({
      run: { jobId, name, parameters, round, loss },
      rounds: this.#news.rounds + 1,
      tokens: this.#news.tokens + tokens,
      tokensPerSecond,
    });
  }

  /** Ends the lease by the person's wish: the work until the last contribution stays counted. */
  #give(why: string): void {
    if (this.#lease !== undefined) this.#end("offer", why);
  }

  #end(endedBy: Ended["endedBy"], message: string, error?: string): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    lease.tab.stop();
    const log = this.#logs.get(lease.order.leaseId);
    log?.line(`${new Date().toISOString()} ${error === undefined ? "over" : "failed"}: ${message}`);
    log?.end();
    this.#deviceMs += lease.tab.ranMs;
    this.#over.add(lease.order.leaseId);
    const event = ended(endedBy, lease.tab.ranMs, message.slice(0, 2_000));
    this.#report(lease.order, endedBy === "itself" ? { ...event, exitCode: error ? 1 : 0 } : event);
    this.#tell({ phase: "waiting", why: error });
  }

  #report({ leaseId, fence }: LeaseOrder, event: LeaseReport["event"]): void {
    const report = { reportId: crypto.randomUUID(), leaseId, fence, event };
    this.#reports.set(report.reportId, report);
    this.#send({ type: "reports", reports: [report] });
  }

  #resend(): void {
    const reports = [...this.#reports.values()];
    if (reports.length > 0) this.#send({ type: "reports", reports });
  }

  /** The right to compute ends with the last answered heartbeat, whatever the network does. */
  #second(): void {
    if (this.#lease === undefined) return;
    if (performance.now() >= this.#rightUntilMs) {
      this.#end("deadline", "The tab has not reached its pool for too long.");
      return;
    }
    const closed = this.#terms.closed();
    if (closed === undefined) this.#tell({});
    else this.#give(closed);
  }

  #tell(change: Partial<SiteNews>): void {
    const deviceMs = this.#deviceMs + (this.#lease?.tab.ranMs ?? 0);
    this.#news = { ...this.#news, ...change, deviceMs };
    this.#options.onNews(this.#news);
  }
}

const ended = (endedBy: Ended["endedBy"], ranMs: number, message: string): Ended => ({
  ...{ kind: "ended", exitCode: null, signal: null, ranMs, endedBy, message },
});

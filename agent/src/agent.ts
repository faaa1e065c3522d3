// One running site: wires the connection, the leases, the logs and the measuring together. Who the
// site is was decided before (join.ts); run.ts owns the folder's lock and the public handle.
import type { KeyObject } from "node:crypto";
import type { LeaseReport, ToAgent } from "@tequio/contract/agent";
import { type Node, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { Engine } from "@tequio/engines";
import { addressesOf } from "./addresses.ts";
import { readCalibration, type SiteRecord, writeCalibration } from "./folder.ts";
import { Gateway, type Welcome } from "./gateway.ts";
import type { GenerationEngine } from "./generation.ts";
import { LeaseKeeper } from "./leases.ts";
import { LogPump } from "./logs.ts";
import { measureSite } from "./measure.ts";
import type { AgentOptions, AgentTiming } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import { openProxyEnvironment, proxyEnvironment } from "./proxy.ts";
import { isKeyDue, proposeNextKey, takeNextKey } from "./rotation.ts";
import { type Say, sayRefusal, whyOf } from "./say.ts";
import { Terms } from "./terms.ts";

export interface SiteAgentOptions {
  readonly options: AgentOptions;
  readonly site: SiteRecord;
  readonly key: KeyObject;
  readonly generation: GenerationEngine;
  readonly outbox: Outbox;
  readonly timing: AgentTiming;
  readonly siteClockMs: () => number;
  readonly say: Say;
  /** The pool will never have this site again. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** Reports of one message: 100 of at most 2 kB stay far below LIMITS.MESSAGE_BYTES_MAX. */
const REPORTS_PER_MESSAGE = 100;
/** Heartbeats whose answer is accepted; older ones would give no right that is left. */
const HEARTBEATS_KEPT = 100;
/** After a measuring that failed, and while leases run, the next try waits for this long. */
const CALIBRATE_AGAIN_MS = 600_000;
/** A stop waits this long for the pool to acknowledge the last reports. */
const LAST_ACK_MS = 3_000;

export class SiteAgent {
  readonly #given: SiteAgentOptions;
  readonly #engine: Engine;
  readonly #poolUrl: string;
  readonly #gateway: Gateway;
  readonly #keeper: LeaseKeeper;
  readonly #logs: LogPump;
  readonly #terms: Terms;
  #siteToken = "";
  /** Clock values of the heartbeats of this connection. */
  readonly #sent = new Set<number>();
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #slow: readonly NodeJS.Timeout[];
  #inventory = "";
  #calibrating: Promise<Outcome<void>> | undefined;
  #calibrateAfter = 0;
  /** Aborted when the agent ends. */
  readonly #ending = new AbortController();

  constructor(given: SiteAgentOptions) {
    this.#given = given;
    this.#engine = given.generation.engine;
    const { options, site, key, outbox, timing, say, siteClockMs } = given;
    this.#terms = new Terms(options.folder, () => this.#nowMs(), say);
    this.#poolUrl = (options.poolUrl ?? site.poolUrl).replace(/\/+$/, "");
    const logs = new LogPump({
      ...{ engine: this.#engine, timing, say },
      send: (message) => this.#gateway.send(message),
      onDone: () => this.#keeper.look(),
    });
    this.#logs = logs;
    this.#keeper = new LeaseKeeper({
      ...{ engine: this.#engine, outbox, logs, terms: this.#terms, siteClockMs, say },
      builtins: options.builtins,
      reconcileMs: timing.reconcileMs,
      ownEnv: proxyEnvironment(process.env),
      taskEnv: {
        ...openProxyEnvironment(process.env),
        TEQUIO_URL: addressesOf(this.#poolUrl)[0] ?? "",
        TEQUIO_SITE: site.siteId,
        TEQUIO_MEMBER: site.member,
        ...(site.certificate === undefined ? {} : { TEQUIO_CA: site.certificate }),
      },
      onReports: (reports) => this.#send(reports),
    });
    this.#gateway = new Gateway({
      ...{ poolUrl: this.#poolUrl, poolId: site.poolId, siteId: site.siteId, key, timing, say },
      version: options.version,
      ...{ random: options.random ?? Math.random, tls: options.tls },
      onWelcome: (welcome) => this.#welcome(welcome),
      onMessage: (message) => this.#receive(message),
      onCut: () => this.#cut(),
      onRefused: given.onRefused,
    });
    this.#slow = [
      setInterval(() => void this.#minute(), timing.inventoryMs),
      setInterval(() => this.#send(outbox.pending), timing.resendMs),
    ];
    this.#keeper.look();
  }

  get connected(): boolean {
    return this.#gateway.connected;
  }

  /** Measures the site now and tells the pool. Refusals: as `measureSite`. */
  calibrate(): Promise<Outcome<void>> {
    this.#calibrating ??= this.#measure().finally(() => {
      this.#calibrating = undefined;
    });
    return this.#calibrating;
  }

  /** Ends the agent; with `keepJobs` its leases go on running for the next one. */
  async stop(keepJobs: boolean): Promise<void> {
    const { outbox, say } = this.#given;
    if (!keepJobs) {
      const all = await this.#keeper.stopAll("The agent stops.").catch((error: unknown) => {
        say("error", "The engine failed.", { why: whyOf(error) });
        return false;
      });
      if (!all) say("warn", "Some leases did not end in time; their deadline ends them.");
      const untilMs = performance.now() + LAST_ACK_MS;
      while (outbox.pending.length > 0 && this.connected && performance.now() < untilMs) {
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    this.#ending.abort();
    for (const timer of this.#slow) clearInterval(timer);
    clearInterval(this.#heartbeat);
    await this.#gateway.close();
    await this.#keeper.close();
    await this.#logs.close();
  }

  #welcome(welcome: Welcome): void {
    const { say, site, outbox } = this.#given;
    say("info", "Connected to the pool.", { site: site.siteId, url: this.#gateway.url });
    this.#siteToken = welcome.siteToken;
    this.#sent.clear();
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.#beat(), welcome.heartbeatMs);
    this.#beat();
    this.#send(outbox.pending);
    this.#inventory = "";
    this.#logs.connected();
    const kept = readCalibration(this.#given.options.folder, site.siteId);
    if (kept !== undefined) {
      this.#gateway.send({ type: "calibration", calibration: kept.calibration });
    }
    void this.#minute();
  }

  #receive(message: ToAgent): void {
    switch (message.type) {
      case "heartbeatAck":
        this.#acknowledged(message.clockMs, message.leaseForMs);
        break;
      case "leases":
        this.#keeper.order(message.orders, message.complete);
        break;
      case "ack":
        this.#given.outbox.ack(message.reportIds);
        this.#keeper.look();
        break;
      case "logAck":
        this.#logs.ack(message.leaseId, message.task, message.nextOffset);
        break;
      case "keyTaken":
        this.#keyTaken(message.publicKey);
        break;
      case "terms":
        this.#terms.take(message);
        this.#keeper.look();
        break;
      case "challenge":
      case "welcome":
      case "refused":
        break; // the gateway's own
      default:
        message satisfies never;
    }
  }

  #cut(): void {
    clearInterval(this.#heartbeat);
    this.#sent.clear();
    this.#logs.disconnected();
    this.#keeper.forgetOrders();
  }

  #beat(): void {
    const clockMs = this.#given.siteClockMs();
    this.#sent.add(clockMs);
    for (const oldest of this.#sent) {
      if (this.#sent.size <= HEARTBEATS_KEPT) break;
      this.#sent.delete(oldest);
    }
    this.#gateway.send({ type: "heartbeat", clockMs });
  }

  /** The right counts from when the heartbeat was sent, so it ends before the pool thinks so.
   * A time that this agent did not send on this connection could lie in the future. */
  #acknowledged(clockMs: number, leaseForMs: number): void {
    if (!this.#sent.has(clockMs)) return;
    this.#keeper.extend(clockMs + leaseForMs);
  }

  #send(reports: readonly LeaseReport[]): void {
    for (let from = 0; from < reports.length; from += REPORTS_PER_MESSAGE) {
      const some = reports.slice(from, from + REPORTS_PER_MESSAGE);
      if (!this.#gateway.send({ type: "reports", reports: some })) return;
    }
  }

  /** What is looked at now and then: what the site has, and how fast it is. */
  async #minute(): Promise<void> {
    const { say, generation, timing, options, site } = this.#given;
    try {
      this.#renewKey();
      await generation.clearEarlier();
      const nodes = await this.#engine.inventory();
      this.#terms.knowNodes(nodes);
      const text = JSON.stringify(nodes);
      if (text !== this.#inventory) {
        if (this.#gateway.send({ type: "inventory", nodes: nodes.map(toWire) })) {
          this.#inventory = text;
        }
      }
      if (!this.connected || performance.now() < this.#calibrateAfter) return;
      const nowMs = this.#nowMs();
      const kept = readCalibration(options.folder, site.siteId);
      const ageMs = kept === undefined ? undefined : Math.abs(nowMs - kept.measuredAtMs);
      if (ageMs !== undefined && ageMs < timing.calibrateEveryMs) return;
      const leases = await this.#engine.list();
      // Beside a running lease only the rest of the machine would be measured.
      if (ageMs !== undefined && leases.some((lease) => lease.state !== "ended")) return;
      this.#calibrateAfter = performance.now() + CALIBRATE_AGAIN_MS;
      const measured = await this.calibrate();
      if (measured.ok) this.#calibrateAfter = 0;
    } catch (error) {
      say("error", "The engine failed.", { why: whyOf(error) });
    }
  }

  /** Proposes a new key when one is due; asked again until the pool has answered. */
  #renewKey(): void {
    const { options, site } = this.#given;
    if (!this.connected || !isKeyDue(options.folder, this.#nowMs())) return;
    this.#gateway.send(proposeNextKey(options.folder, site));
  }

  #keyTaken(publicKey: string): void {
    const key = takeNextKey(this.#given.options.folder, publicKey);
    if (key === undefined) return;
    this.#given.say("info", "The site has a new key.", { site: this.#given.site.siteId });
    this.#gateway.useKey(key);
  }

  async #measure(): Promise<Outcome<void>> {
    const { options, timing, say, site } = this.#given;
    const measured = await measureSite({
      ...{ engine: this.#engine, timing, poolUrl: this.#gateway.url, siteToken: this.#siteToken },
      calibrationCommand: options.calibrationCommand,
      ...{ probeCommand: options.probeCommand, tls: options.tls },
      roundTripMs: () => this.#gateway.roundTripMs(),
      signal: this.#ending.signal,
    });
    if (!measured.ok) {
      if (!this.#ending.signal.aborted) sayRefusal(say, "warn", measured);
      return measured;
    }
    const calibration = measured.value;
    const { siteId } = site;
    writeCalibration(options.folder, { siteId, measuredAtMs: this.#nowMs(), calibration });
    this.#gateway.send({ type: "calibration", calibration });
    const { gemmGflops, memoryGBPerS, link } = calibration;
    say("info", "Measured the site.", {
      gemmGflops: gemmGflops.toFixed(2),
      memoryGBPerS: memoryGBPerS.toFixed(2),
      rttMs: link.rttMs.toFixed(2),
      upMbitPerS: link.upMbitPerS.toFixed(1),
      downMbitPerS: link.downMbitPerS.toFixed(1),
    });
    return ok(undefined);
  }

  #nowMs(): number {
    return this.#given.options.nowMs?.() ?? Date.now();
  }
}

const toWire = (node: Node) => ({
  ...node,
  accelerators: node.accelerators.map((accelerator) => ({ ...accelerator })),
  labels: { ...node.labels },
});

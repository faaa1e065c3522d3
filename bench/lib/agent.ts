// A simulated member: joins with a key of its own, speaks to the gateway over a real WebSocket as
// an agent does, but runs nothing: a lease is over after the time that its run takes by `runMs`.
// Messages are not validated again here, so that the benchmarked side is what costs.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  helloText,
  type LeaseOrder,
  type LeaseReport,
  makeClient,
  type ToAgent,
  type ToPool,
} from "@tequio/contract";
import type { Node } from "@tequio/core/pool";
import WebSocket from "ws";

export interface SimAgentOptions {
  readonly url: string;
  /** The operator's token: the member is invited with it. */
  readonly token: string;
  readonly member: string;
  readonly nodes: readonly Node[];
  /** Milliseconds that a lease runs, or undefined to run until it is told to stop. */
  readonly runMs: (order: LeaseOrder) => number | undefined;
  /** Told of every order to run that was new, before it is reported as running. */
  readonly onStart?: (order: LeaseOrder) => void;
  /** Told when what a lease ran has ended, before it is reported. */
  readonly onOver?: (jobId: string) => void;
  /** Told when the pool has made durable that a lease ended. */
  readonly onEnded?: (jobId: string, leaseId: string) => void;
}

interface Running {
  readonly order: LeaseOrder;
  timer: NodeJS.Timeout | undefined;
  ended: boolean;
}

/** A node with `accelerators` devices of a model and `cores` cores. */
export function simNode(name: string, accelerators: number, cores = 64, model = "A100"): Node {
  return {
    ...{ name, os: "linux", arch: "x64", milliCpu: cores * 1_000, memoryMiB: cores * 4_096 },
    accelerators: Array.from({ length: accelerators }, (_, i) => ({
      ...{ id: `gpu${i}`, kind: "gpu" as const, vendor: "NVIDIA", model, memoryMiB: 40_960 },
    })),
    labels: {},
  };
}

export class SimAgent {
  readonly siteId: string;
  /** Orders to stop, and reports that the pool acknowledged. */
  stops = 0;
  acked = 0;
  /** Milliseconds from each heartbeat to its answer, newest last. */
  readonly heartbeatMs: number[] = [];
  readonly #options: SimAgentOptions;
  readonly #key: KeyObject;
  readonly #running = new Map<string, Running>();
  /** End reports on their way: report id -> job and lease. */
  readonly #ends = new Map<string, { readonly jobId: string; readonly leaseId: string }>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #reports: LeaseReport[] = [];
  #flushing = false;
  #nextReport = 1;
  #socket: WebSocket | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  private constructor(options: SimAgentOptions, siteId: string, key: KeyObject) {
    this.#options = options;
    this.siteId = siteId;
    this.#key = key;
  }

  /** Invites the member, joins, connects and reports its nodes; resolves when it is welcomed. */
  static async start(options: SimAgentOptions): Promise<SimAgent> {
    const { url, token, member } = options;
    const client = makeClient({ url, token });
    const invited = await client.call("inviteMember", { body: { name: member } });
    if (!invited.ok) throw new Error(`${invited.code}: ${invited.message}`);
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64");
    const { joinToken } = invited.value;
    const joined = await makeClient({ url }).call("joinPool", {
      body: { joinToken, publicKey: spki, engine: "local" },
    });
    if (!joined.ok) throw new Error(`${joined.code}: ${joined.message}`);
    const agent = new SimAgent(options, joined.value.siteId, privateKey);
    await agent.connect();
    return agent;
  }

  /** Dials, says hello and reports the nodes; resolves with the welcome. */
  connect(): Promise<void> {
    const socket = new WebSocket(`${this.#options.url.replace("http", "ws")}/v1/gateway`, {
      perMessageDeflate: false,
    });
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => clearInterval(this.#heartbeat));
      socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as ToAgent;
        if (message.type === "welcome") {
          this.#welcomed(message.heartbeatMs);
          resolve();
        } else this.#take(message, reject);
      });
    });
  }

  /** Cuts the connection without a goodbye, as a lost machine does. */
  cut(): void {
    clearInterval(this.#heartbeat);
    this.#socket?.terminate();
  }

  /** Says nothing more and hears nothing, with the connection open: a machine that lost power. */
  silence(): void {
    clearInterval(this.#heartbeat);
    this.#socket?.pause();
  }

  /** Ends the member: nothing of it is left in this process. */
  close(): void {
    this.cut();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #send(message: ToPool): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #welcomed(heartbeatMs: number): void {
    this.#send({ type: "inventory", nodes: structuredClone(this.#options.nodes) as never });
    const beat = (): void => this.#send({ type: "heartbeat", clockMs: performance.now() });
    beat();
    this.#heartbeat = setInterval(beat, heartbeatMs);
  }

  #take(message: ToAgent, reject: (why: Error) => void): void {
    switch (message.type) {
      case "challenge":
        this.#hello(message.poolId, message.nonce);
        break;
      case "heartbeatAck":
        this.heartbeatMs.push(performance.now() - message.clockMs);
        break;
      case "leases":
        for (const order of message.orders) this.#order(order);
        break;
      case "ack":
        for (const id of message.reportIds) this.#ack(id);
        break;
      case "refused":
        reject(new Error(`${this.#options.member}: ${message.code}: ${message.message}`));
        break;
      default:
        break;
    }
  }

  #hello(poolId: string, nonce: string): void {
    const text = Buffer.from(helloText(poolId, this.siteId, nonce));
    const signature = sign(null, text, this.#key).toString("base64");
    const { siteId } = this;
    this.#send({ type: "hello", protocol: 1, siteId, signature, agentVersion: "sim" });
  }

  #order(order: LeaseOrder): void {
    const known = this.#running.get(order.leaseId);
    if (order.want === "stop") {
      this.stops += 1;
      if (known !== undefined && !known.ended) this.#end(known, "stop");
      return;
    }
    if (known !== undefined) return;
    const running: Running = { order, timer: undefined, ended: false };
    this.#running.set(order.leaseId, running);
    this.#options.onStart?.(order);
    this.#report(order, { kind: "starting" });
    this.#report(order, { kind: "running" });
    const ms = this.#options.runMs(order);
    if (ms === undefined) return;
    if (ms <= 0) {
      this.#end(running, "itself");
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!running.ended) this.#end(running, "itself");
    }, ms);
    this.#timers.add(timer);
    running.timer = timer;
  }

  #end(running: Running, endedBy: "itself" | "stop"): void {
    this.#options.onOver?.(running.order.jobId);
    const { order, timer } = running;
    clearTimeout(timer);
    if (timer !== undefined) this.#timers.delete(timer);
    running.ended = true;
    const ranMs = this.#options.runMs(order) ?? 0;
    const exitCode = endedBy === "itself" ? 0 : null;
    const id = this.#report(order, {
      ...{ kind: "ended", exitCode, signal: null, ranMs, endedBy, message: "" },
    });
    this.#ends.set(id, { jobId: order.jobId, leaseId: order.leaseId });
  }

  #ack(reportId: string): void {
    this.acked += 1;
    const end = this.#ends.get(reportId);
    if (end === undefined) return;
    this.#ends.delete(reportId);
    this.#running.delete(end.leaseId);
    this.#options.onEnded?.(end.jobId, end.leaseId);
  }

  /** Reports of one turn of the event loop travel together. */
  #report({ leaseId, fence }: LeaseOrder, event: LeaseReport["event"]): string {
    const reportId = `r${this.#nextReport}`;
    this.#nextReport += 1;
    this.#reports.push({ reportId, leaseId, fence, event });
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        const reports = this.#reports;
        this.#reports = [];
        this.#send({ type: "reports", reports });
      });
    }
    return reportId;
  }
}

// A small pool for the agent's tests: a real HTTP and WebSocket server on a free port that speaks
// the contract and checks every message of the agent by it. It schedules nothing; tests say what
// it wants, and cut it, delay it or let it say everything twice.
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  decodeJoinToken,
  encodeJoinToken,
  helloText,
  JoinRequest,
  type LeaseOrder,
  type LeaseReport,
  type TermsMessage,
  type ToAgent,
  ToPool,
} from "@tequio/contract";
import { CODES, type Code } from "@tequio/core/pool";
import { type WebSocket, WebSocketServer } from "ws";

/** What the pool keeps of one log. */
interface KeptLog {
  bytes: Buffer;
  ended: boolean;
  droppedBytes: number;
}

export class FakePool {
  readonly poolId: string;
  readonly siteToken = "site-token-for-tests";
  /** Public keys of the sites, SPKI DER base64. */
  readonly sites = new Map<string, string>();
  /** Secrets of good join tokens; other answers by code. */
  readonly secrets = new Map<string, "good" | Code>();
  readonly received: ToPool[] = [];
  readonly reports: LeaseReport[] = [];
  readonly logs = new Map<string, KeptLog>();
  /** Wrong offsets that were corrected. */
  corrected = 0;
  /** What the pool wants; told in full at every welcome. */
  orders: LeaseOrder[] = [];
  /** What the site is told of its offer at the welcome. */
  terms: TermsMessage | undefined;
  leaseForMs = 45_000;
  heartbeatMs = 20;
  acksReports = true;
  acksLogs = true;
  acksHeartbeats = true;
  tellsOrders = true;
  twice = false;
  /** A connection that starts is refused with this. */
  refuses: { readonly code: string; readonly message: string } | undefined;
  /** The connection is cut when this says so of a message, instead of hearing it. */
  cutsAt: ((message: ToPool) => boolean) | undefined;
  dials = 0;
  joins = 0;
  probes = 0;
  /** Milliseconds that every transfer for probing takes. */
  probeTakesMs = 0;
  #port = 0;
  #server: Server | undefined;
  #sockets: WebSocketServer | undefined;

  constructor(poolId = `pool-${randomBytes(4).toString("hex")}`) {
    this.poolId = poolId;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens on the port it had before, or on a free one. */
  async open(): Promise<this> {
    const server = createServer((request, reply) => {
      // A request that its sender gives up needs no answer.
      this.#answer(request, reply).catch(() => reply.destroy());
    });
    const sockets = new WebSocketServer({ server, path: "/v1/gateway" });
    sockets.on("connection", (socket) => this.#connect(socket));
    await new Promise<void>((done) => server.listen(this.#port, "127.0.0.1", done));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#sockets = sockets;
    return this;
  }

  async close(): Promise<void> {
    this.cut();
    this.#sockets?.close();
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server === undefined ? done(0) : this.#server.close(done)));
  }

  /** A token that joins this pool once for each key. */
  invite(answer: "good" | Code = "good"): string {
    const secret = randomBytes(16).toString("hex");
    this.secrets.set(secret, answer);
    return encodeJoinToken({ url: this.url, secret });
  }

  cut(): void {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
  }

  get connections(): number {
    return this.#sockets?.clients.size ?? 0;
  }

  /** Says something to the site. */
  say(message: ToAgent): void {
    for (const socket of this.#sockets?.clients ?? []) this.#send(socket, message);
  }

  /** Changes what the pool wants and says so, as an increment. */
  want(...orders: LeaseOrder[]): void {
    const changed = new Set(orders.map((order) => order.leaseId));
    this.orders = [...this.orders.filter((order) => !changed.has(order.leaseId)), ...orders];
    this.say({ type: "leases", complete: false, orders });
  }

  /** Kinds of the reports of one lease, without repetitions of one report. */
  kindsOf(leaseId: string): readonly string[] {
    const own = this.reports.filter((report) => report.leaseId === leaseId);
    return [...new Map(own.map((report) => [report.reportId, report.event.kind])).values()];
  }

  endOf(leaseId: string) {
    const report = this.reports.find(
      (one) => one.leaseId === leaseId && one.event.kind === "ended",
    );
    return report?.event.kind === "ended" ? report.event : undefined;
  }

  logOf(leaseId: string, task = 0): KeptLog {
    const key = `${leaseId}/${task}`;
    const kept = this.logs.get(key) ?? { bytes: Buffer.alloc(0), ended: false, droppedBytes: 0 };
    this.logs.set(key, kept);
    return kept;
  }

  #send(socket: WebSocket, message: ToAgent): void {
    for (let time = this.twice ? 2 : 1; time > 0; time -= 1) socket.send(JSON.stringify(message));
  }

  #connect(socket: WebSocket): void {
    this.dials += 1;
    socket.on("error", () => {});
    if (this.refuses !== undefined) {
      this.#send(socket, { type: "refused", ...this.refuses });
      return;
    }
    const nonce = randomBytes(16).toString("base64url");
    this.#send(socket, { type: "challenge", nonce, poolId: this.poolId });
    socket.on("message", (data) => {
      const message = ToPool.parse(JSON.parse(String(data)));
      if (this.cutsAt?.(message) === true) {
        this.cutsAt = undefined;
        socket.terminate();
        return;
      }
      this.received.push(message);
      this.#hear(socket, message, nonce);
    });
  }

  #hear(socket: WebSocket, message: ToPool, nonce: string): void {
    if (message.type === "hello") this.#welcome(socket, message, nonce);
    if (message.type === "heartbeat" && this.acksHeartbeats) {
      const { leaseForMs } = this;
      this.#send(socket, { type: "heartbeatAck", clockMs: message.clockMs, leaseForMs });
    }
    if (message.type === "reports") {
      this.reports.push(...message.reports);
      const reportIds = message.reports.map((report) => report.reportId);
      if (this.acksReports) this.#send(socket, { type: "ack", reportIds });
    }
    if (message.type === "log") {
      const { leaseId, task, offset, ended, droppedBytes } = message;
      const log = this.logOf(leaseId, task);
      if (offset === log.bytes.length) {
        log.bytes = Buffer.concat([log.bytes, Buffer.from(message.data, "base64")]);
        if (ended) Object.assign(log, { ended, droppedBytes });
      } else this.corrected += 1;
      const nextOffset = log.bytes.length;
      if (this.acksLogs) this.#send(socket, { type: "logAck", leaseId, task, nextOffset });
    }
  }

  #welcome(socket: WebSocket, hello: Extract<ToPool, { type: "hello" }>, nonce: string): void {
    const { siteId } = hello;
    const refused = (code: Code): void => {
      this.#send(socket, { type: "refused", code, message: CODES[code].means });
    };
    const key = this.sites.get(siteId);
    if (key === undefined) {
      refused("SITE_UNKNOWN");
      return;
    }
    const publicKey = createPublicKey({
      key: Buffer.from(key, "base64"),
      format: "der",
      type: "spki",
    });
    const text = Buffer.from(helloText(this.poolId, siteId, nonce));
    const good = verify(null, text, publicKey, Buffer.from(hello.signature, "base64"));
    if (!good) {
      refused("SIGNATURE_INVALID");
      return;
    }
    const { siteToken, heartbeatMs } = this;
    this.#send(socket, {
      ...{ type: "welcome", siteId, member: "alice", heartbeatMs, siteToken },
    });
    if (this.terms !== undefined) this.#send(socket, this.terms);
    if (this.tellsOrders) {
      this.#send(socket, { type: "leases", complete: true, orders: this.orders });
    }
  }

  async #answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", this.url);
    const json = (status: number, body: unknown) =>
      reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/v1/join") {
      const body = JoinRequest.parse(JSON.parse(String(Buffer.concat(chunks))));
      this.joins += 1;
      const token = decodeJoinToken(body.joinToken);
      const answer = (token.ok && this.secrets.get(token.value.secret)) || "UNAUTHENTICATED";
      if (answer !== "good") {
        const { status, means } = CODES[answer];
        json(status, { code: answer, message: means, hint: "Ask for a new token." });
        return;
      }
      const siteId = `alice-${this.sites.size + 1}`;
      this.sites.set(siteId, body.publicKey);
      json(201, { siteId, member: "alice", poolId: this.poolId });
      return;
    }
    if (url.pathname !== "/v1/probe") return void json(404, {});
    if (request.headers.authorization !== `Bearer ${this.siteToken}`) return void json(401, {});
    this.probes += 1;
    await new Promise((done) => setTimeout(done, this.probeTakesMs));
    reply.end(Buffer.alloc(Number(url.searchParams.get("bytes") ?? 0)));
  }
}

// The gateway: all connections of agents. At most one per site, the newest. It tells each site
// what leases it should hold (all of them after the welcome, then what changes) and tells the pump
// when a site has gone silent.
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { leaveText, type TabFarewell } from "@tequio/contract";
import { ordersAfter } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import { WebSocketServer } from "ws";
import type { Context } from "../context.ts";
import type { Committed } from "../pump.ts";
import { tracedOrder } from "../traces/job-life.ts";
import { spanNowMs } from "../traces/traces.ts";
import { Connection, type ConnectionEvents, signedBy } from "./connection.ts";
import { DurableLeases } from "./durable-leases.ts";
import { orderWire } from "./order-wire.ts";
import { sitesWithNewTerms, termsOf } from "./terms.ts";

/** A connection that broke is often back at once: the site does not count as away until then. */
const RECONNECT_MS = 3_000;
/** How often silence is looked for. */
const WATCH_MS = 1_000;
/** Connections that have not said hello yet. Each costs a few kilobytes and ten seconds. */
const STRANGERS_MAX = 1_000;
/** How a browser closes the connections of a page that goes (RFC 6455, 7.4.1: going away). */
const GOING_AWAY = 1_001;
const TAB_CLOSED = "its tab was closed";

export interface Gateway {
  /** Tells the sites what durable events ask of them. */
  readonly take: (events: readonly Committed[]) => void;
  /** When a site was last heard, ms since 1970. */
  readonly lastSeen: (siteId: string) => number | undefined;
  /**
   * Ends what a closed tab held, at once; false when the tab is back under another connection, or
   * has left before. Refuses SITE_UNKNOWN, SIGNATURE_INVALID, WRONG_STATE (no tab).
   */
  readonly farewell: (said: TabFarewell) => Promise<Outcome<boolean>>;
  readonly close: () => void;
}

/** Opens the gateway on the server's upgrade requests to `/v1/gateway`. */
export function openGateway(server: Server, context: Context): Gateway {
  const gateway = new SiteGateway(context);
  server.on("upgrade", gateway.upgrade);
  return gateway;
}

class SiteGateway implements Gateway, ConnectionEvents {
  readonly #context: Context;
  readonly #leases: DurableLeases;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LIMITS.MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
  });
  readonly #sites = new Map<string, Connection>();
  readonly #strangers = new Set<Connection>();
  readonly #leaving = new Map<string, NodeJS.Timeout>();
  readonly #seenMs = new Map<string, number>();
  /** Of each site's newest connection; a farewell names the one that it ends. */
  readonly #nonces = new Map<string, string>();
  readonly #watch: NodeJS.Timeout;

  constructor(context: Context) {
    this.#context = context;
    this.#leases = new DurableLeases(context.pump.state);
    this.#watch = setInterval(() => this.#findSilent(), WATCH_MS);
  }

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = (request.url ?? "").split("?")[0];
    const following = this.#context.role.following();
    if (path === "/v1/gateway" && following !== undefined) {
      // The agent dials the leader then.
      const to =
        following.leaderUrl === undefined ? "" : `tequio-leader: ${following.leaderUrl}\r\n`;
      const status = "421 Misdirected Request";
      socket.end(`HTTP/1.1 ${status}\r\n${to}connection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const full = this.#strangers.size >= STRANGERS_MAX;
    if (path !== "/v1/gateway" || full || this.#context.closing.aborted) {
      const status = path === "/v1/gateway" ? "503 Service Unavailable" : "404 Not Found";
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      this.#strangers.add(new Connection(this.#context, opened, request.socket, this));
    });
  };

  readonly lastSeen = (siteId: string): number | undefined => this.#seenMs.get(siteId);

  readonly onHeard = (siteId: string): void => {
    this.#seenMs.set(siteId, this.#context.now());
  };

  readonly onHello = (connection: Connection, siteId: string): void => {
    this.#strangers.delete(connection);
    clearTimeout(this.#leaving.get(siteId));
    this.#leaving.delete(siteId);
    const older = this.#sites.get(siteId);
    this.#sites.set(siteId, connection);
    this.#nonces.set(siteId, connection.nonce);
    older?.replaced();
  };

  readonly onWelcome = (connection: Connection, siteId: string): void => {
    const { pump, signer } = this.#context;
    connection.send(termsOf(pump.state, pump.state.sites.get(siteId)!, this.#context.now()));
    const orders = this.#leases.ordersOf(pump.state, siteId);
    connection.send({
      type: "leases",
      complete: true,
      orders: orders.map((order) => tracedOrder(orderWire(order, signer))),
    });
  };

  readonly onClose = (connection: Connection, code: number): void => {
    this.#strangers.delete(connection);
    const { siteId } = connection;
    if (siteId === undefined || this.#sites.get(siteId) !== connection) return;
    this.#sites.delete(siteId);
    if (this.#context.closing.aborted) return;
    // Where no farewell comes, as from a tab that the system ended, the browser's code says it.
    const isTab = this.#context.pump.state.sites.get(siteId)?.engine === "browser";
    const leave = (): void => {
      if (isTab && code === GOING_AWAY) void this.#left(siteId);
      else this.#away(siteId, "its connection was closed");
    };
    this.#leaving.set(siteId, setTimeout(leave, RECONNECT_MS));
  };

  readonly farewell = async (said: TabFarewell): Promise<Outcome<boolean>> => {
    const { siteId, nonce, signature } = said;
    const { state } = this.#context.pump;
    const site = state.sites.get(siteId);
    if (site === undefined) {
      const message = `The site ${siteId} is not known.`;
      return refuse("SITE_UNKNOWN", message, "Open the link again.");
    }
    if (!signedBy(site.publicKey, leaveText(state.poolId, siteId, nonce), signature)) {
      const hint = "Send what the worker of the page has signed.";
      return refuse("SIGNATURE_INVALID", `The signature is not that of ${siteId}.`, hint);
    }
    if (this.#nonces.get(siteId) !== nonce) return ok(false);
    const left = await this.#left(siteId);
    return left.ok ? ok(true) : left;
  };

  /** A tab was closed: nothing more is heard of its connection, and what it held is over. */
  #left(siteId: string): Promise<Outcome<unknown>> {
    clearTimeout(this.#leaving.get(siteId));
    this.#leaving.delete(siteId);
    this.#nonces.delete(siteId);
    const connection = this.#sites.get(siteId);
    this.#sites.delete(siteId);
    connection?.left();
    return this.#context.pump.submit({ type: "siteLeft", siteId, reason: TAB_CLOSED });
  }

  readonly take = (events: readonly Committed[]): void => {
    this.#leases.take(events);
    const { pump, signer } = this.#context;
    for (const { event } of events) if (event.type === "site.revoked") this.#cut(event.siteId);
    this.#tellTerms(events.map(({ event }) => event));
    const known = events.map(({ event }) => event).filter((event) => isKnown(pump.state, event));
    for (const [siteId, orders] of ordersAfter(pump.state, known)) {
      const connection = this.#sites.get(siteId);
      // One that is not welcomed yet gets all its orders with the welcome.
      if (connection?.welcomed !== true) continue;
      const durable = orders.flatMap((order) => this.#leases.only(order));
      if (durable.length === 0) continue;
      const wires = durable.map((order) => tracedOrder(orderWire(order, signer)));
      const sinceMs = this.#context.traces.on ? spanNowMs() : 0;
      connection.send({ type: "leases", complete: false, orders: wires });
      if (this.#context.traces.on) this.#context.lives.ordered(wires, siteId, sinceMs);
    }
  };

  /** Terms go out before the orders of the same moment: an agent refuses by what it knows. */
  #tellTerms(events: readonly Event[]): void {
    const { pump } = this.#context;
    for (const siteId of sitesWithNewTerms(pump.state, events)) {
      const connection = this.#sites.get(siteId);
      if (connection?.welcomed !== true) continue;
      connection.send(termsOf(pump.state, pump.state.sites.get(siteId)!, this.#context.now()));
    }
  }

  readonly close = (): void => {
    clearInterval(this.#watch);
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    for (const connection of [...this.#strangers, ...this.#sites.values()]) connection.close();
    this.#sockets.close();
  };

  #cut(siteId: string): void {
    const connection = this.#sites.get(siteId);
    this.#sites.delete(siteId);
    connection?.revoked(siteId);
  }

  #findSilent(): void {
    if (this.#context.role.following() !== undefined) return; // The leader looks for them.
    for (const [siteId, connection] of this.#sites) {
      if (connection.silentMs < LIMITS.SITE_SILENT_MS) continue;
      this.#sites.delete(siteId);
      connection.silent();
      this.#away(siteId, `nothing was heard of it for ${LIMITS.SITE_SILENT_MS / 1_000} s`);
    }
    // Made up for here: that a site is away could not be kept, e.g. on a full disk.
    for (const { siteId, state } of this.#context.pump.state.sites.values()) {
      if (state !== "here" || this.#sites.has(siteId) || this.#leaving.has(siteId)) continue;
      this.#away(siteId, "it has no connection");
    }
  }

  #away(siteId: string, reason: string): void {
    this.#leaving.delete(siteId);
    void this.#context.pump.submit({ type: "siteAway", siteId, reason });
  }
}

type Event = Committed["event"];

/** After a failed append the state may be behind what is being told; never the other way round. */
function isKnown(state: Context["pump"]["state"], event: Event): boolean {
  if (event.type === "lease.granted") return state.leases.has(event.lease.leaseId);
  if (event.type === "lease.stopping") return state.leases.has(event.leaseId);
  return false;
}

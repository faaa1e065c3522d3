// The one connection of a site: the agent dials the pool's WebSocket, proves who it is, and dials
// again for ever when it breaks. It knows nothing of leases: messages go up to agent.ts.
import { type KeyObject, sign } from "node:crypto";
import { globalAgent } from "node:https";
import { GATEWAY_PROTOCOL, helloText, type ToAgent, type ToPool } from "@tequio/contract/agent";
import { CODES, type Code, LIMITS, type Refusal, refuse } from "@tequio/core/pool";
import WebSocket from "ws";
import { PoolAddresses } from "./addresses.ts";
import { type Identity, readIdentity } from "./identity.ts";
import type { AgentTiming, TlsFiles } from "./options.ts";
import { PARSERS } from "./parsers.ts";
import { proxyFor } from "./proxy.ts";
import { type Say, sayRefusal, whyOf } from "./say.ts";

export type Welcome = Extract<ToAgent, { type: "welcome" }>;

export interface GatewayOptions {
  readonly poolUrl: string;
  readonly poolId: string;
  readonly siteId: string;
  readonly key: KeyObject;
  readonly version: string;
  /** Read at every dial; undefined: no certificate is shown. */
  readonly tls: TlsFiles | undefined;
  readonly timing: AgentTiming;
  readonly random: () => number;
  readonly say: Say;
  readonly onWelcome: (welcome: Welcome) => void;
  /** Every message after the welcome. */
  readonly onMessage: (message: ToAgent) => void;
  /** A connection that was welcomed broke; the gateway dials again by itself. */
  readonly onCut: () => void;
  /** The pool will never have this site; the gateway has closed for good. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** Refusals that another try would not change. All others are tried again, ever more slowly. */
const FINAL: ReadonlySet<string> = new Set([
  "SITE_UNKNOWN",
  "SIGNATURE_INVALID",
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "TOKEN_REVOKED",
  "FORBIDDEN",
]);

/** Pings of one round-trip measurement; the middle one counts, so that one slow ping does not. */
const PINGS = 5;
/** Status of a gateway that is not the leader's: 421, Misdirected Request. */
const NOT_HERE = 421;
/** A ping without an answer for this long makes the connection count as broken. */
const PING_WAIT_MS = 5_000;

/** Left alone, a socket opens its own connection past the proxy. Proxies tunnel https only. */
const isProxied = (url: string): boolean =>
  url.startsWith("https:") && proxyFor(url, process.env) !== undefined;

/** Address of the gateway: the pool's own with `ws` for `http`, and a path behind it. */
export const gatewayUrl = (poolUrl: string): string =>
  `${poolUrl.replace(/\/+$/, "").replace(/^http/, "ws")}/v1/gateway`;

/** Dials at once; see `GatewayOptions` for what happens then. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #addresses: PoolAddresses;
  #socket: WebSocket | undefined;
  #welcomed = false;
  #closed = false;
  #failures = 0;
  #key: KeyObject;
  #heardAt = 0;
  /** Redial, end of the handshake, or look for silence: never two of them at one time. */
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#key = options.key;
    this.#addresses = new PoolAddresses(options.poolUrl);
    this.#dial();
  }

  /** The address that is dialled or connected. */
  get url(): string {
    return this.#addresses.current;
  }

  get connected(): boolean {
    return this.#welcomed;
  }

  /** Sends if welcomed; false otherwise. What must arrive is kept by the sender until answered. */
  send(message: ToPool): boolean {
    if (!this.#welcomed || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Goes on with another key, and proves it to the pool at once by dialling again. */
  useKey(key: KeyObject): void {
    this.#key = key;
    this.#socket?.close(1_000, "the site has a new key");
  }

  /** Middle round-trip of some pings in milliseconds; undefined when the connection breaks. */
  async roundTripMs(): Promise<number | undefined> {
    const times: number[] = [];
    for (let ping = 0; ping < PINGS; ping += 1) {
      const socket = this.#socket;
      if (!this.#welcomed || socket === undefined) return undefined;
      const startedAt = performance.now();
      if (!(await pong(socket))) return undefined;
      times.push(performance.now() - startedAt);
    }
    return times.sort((a, b) => a - b)[Math.floor(PINGS / 2)];
  }

  /** Says goodbye, waits for what was sent to leave, and never dials again. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#welcomed = false;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((done) => {
      const timer = setTimeout(() => socket.terminate(), 1_000);
      socket.once("close", () => {
        clearTimeout(timer);
        done();
      });
      socket.close(1_000, "the agent stops");
    });
  }

  #dial(): void {
    const { timing, say } = this.#options;
    let leader = false;
    const socket = new WebSocket(gatewayUrl(this.url), {
      handshakeTimeout: timing.handshakeMs,
      maxPayload: LIMITS.MESSAGE_BYTES_MAX,
      // Log text hardly gains from it over a WebSocket, and it costs memory on both sides.
      perMessageDeflate: false,
      ...(isProxied(this.url) ? { agent: globalAgent } : {}),
      ...this.#identity(),
    });
    this.#socket = socket;
    let why = "the connection was closed";
    this.#timer = setTimeout(() => {
      why = "the pool did not finish the handshake";
      socket.terminate();
    }, timing.handshakeMs);
    socket.on("error", (error) => {
      why = whyOf(error);
    });
    socket.on("unexpected-response", (_request, { statusCode, headers }) => {
      // A control plane that follows says where the leader is.
      const named = statusCode === NOT_HERE ? headers["tequio-leader"] : undefined;
      leader = this.#addresses.named(typeof named === "string" ? named : undefined);
      why = `the pool answered ${statusCode}`;
      socket.terminate();
    });
    socket.on("message", (data) => {
      this.#heardAt = performance.now();
      if (socket === this.#socket) this.#receive(String(data));
    });
    socket.on("pong", () => {
      this.#heardAt = performance.now();
    });
    socket.on("close", (code, reason) => {
      if (socket !== this.#socket) return;
      if (reason.length > 0) why = `${why}: ${String(reason)} (${code})`;
      const wasWelcomed = this.#welcomed;
      if (!wasWelcomed && !leader) this.#addresses.failed();
      this.#drop();
      if (this.#closed) return;
      const pauseMs = this.#pauseMs();
      this.#timer = setTimeout(() => this.#dial(), pauseMs);
      if (wasWelcomed) this.#options.onCut();
      const level = this.#failures > 1 ? "info" : "warn";
      say(level, "No connection to the pool; dialling again.", { why, inMs: Math.round(pauseMs) });
    });
  }

  /** The certificate to show. Without one that can be used the pool says what it wants. */
  #identity(): Identity | undefined {
    const { tls, say } = this.#options;
    const identity = tls && readIdentity(tls);
    if (identity?.ok === false) sayRefusal(say, "warn", identity);
    return identity?.ok === true ? identity.value : undefined;
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#socket = undefined;
    this.#welcomed = false;
  }

  /** Doubles up to a cap; half of it is chance, so that sites do not come back all at once. */
  #pauseMs(): number {
    const { timing, random } = this.#options;
    const fullMs = Math.min(timing.redialMaxMs, timing.redialFirstMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return fullMs * (0.5 + random() / 2);
  }

  #receive(text: string): void {
    const { say } = this.#options;
    const message = parse(text);
    if (message === undefined) {
      say("warn", "Ignored a message of the pool that this version does not understand.");
      return;
    }
    if (message.type === "challenge") this.#hello(message.nonce, message.poolId);
    else if (message.type === "welcome") this.#enter(message);
    else if (message.type === "refused") this.#refused(message.code, message.message);
    else if (this.#welcomed) this.#options.onMessage(message);
  }

  #hello(nonce: string, poolId: string): void {
    const { siteId, version } = this.#options;
    if (poolId !== this.#options.poolId) {
      // Nothing is signed for a pool that the owner never joined.
      this.#end(
        refuse(
          "SITE_UNKNOWN",
          `At ${this.url} is the pool ${poolId}, but this site belongs to ${this.#options.poolId}.`,
          "Give the right address with --url, or join this pool with a new token.",
        ),
      );
      return;
    }
    const signature = sign(null, Buffer.from(helloText(poolId, siteId, nonce)), this.#key);
    const hello: ToPool = {
      type: "hello",
      protocol: GATEWAY_PROTOCOL,
      siteId,
      signature: signature.toString("base64"),
      agentVersion: version,
    };
    this.#socket?.send(JSON.stringify(hello));
  }

  #enter(welcome: Welcome): void {
    if (this.#welcomed) return; // said twice
    this.#welcomed = true;
    this.#failures = 0;
    clearTimeout(this.#timer);
    // Every heartbeat is answered; three lost answers may be chance.
    this.#watch(Math.max(this.#options.timing.silentMs, 4 * welcome.heartbeatMs));
    this.#options.onWelcome(welcome);
  }

  /** A cut that no packet tells of, as behind a NAT, shows only as silence. */
  #watch(silentMs: number): void {
    const leftMs = this.#heardAt + silentMs - performance.now();
    if (leftMs <= 0) this.#socket?.terminate();
    else this.#timer = setTimeout(() => this.#watch(silentMs), leftMs + 1);
  }

  #refused(code: string, message: string): void {
    const final = FINAL.has(code) || (code === "INVALID_REQUEST" && !this.#welcomed);
    if (!final) {
      this.#options.say("warn", "The pool refused.", { code, message });
      if (!this.#welcomed) this.#socket?.close();
      return;
    }
    const known = Object.hasOwn(CODES, code) ? (code as Code) : "INTERNAL";
    const hint =
      code === "INVALID_REQUEST"
        ? "Bring the agent and the pool to the same version."
        : "Ask the pool's operator for a new join token and join again with --join.";
    this.#end(refuse(known, message, hint));
  }

  #end(refusal: Refusal): void {
    this.#closed = true;
    const socket = this.#socket;
    this.#drop();
    socket?.terminate();
    this.#options.onRefused(refusal);
  }
}

function parse(text: string): ToAgent | undefined {
  try {
    return PARSERS.toAgent(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function pong(socket: WebSocket): Promise<boolean> {
  return new Promise((done) => {
    const finish = (answered: boolean) => {
      clearTimeout(timer);
      socket.off("pong", yes).off("close", no);
      done(answered);
    };
    const yes = () => finish(true);
    const no = () => finish(false);
    const timer = setTimeout(no, PING_WAIT_MS);
    socket.once("pong", yes).once("close", no);
    socket.ping();
  });
}

// One connection of an agent: the handshake, then its messages. Every message is parsed by the
// contract; nothing of its order, number or size is trusted. What leases the site should hold is
// told by gateway.ts, which also decides when a site counts as away.
import { createPublicKey, randomBytes, verify } from "node:crypto";
import type { Socket } from "node:net";
import {
  GATEWAY_PROTOCOL,
  helloText,
  type LeaseReport,
  newKeyText,
  type ToAgent,
  ToPool,
} from "@tequio/contract";
import { refuseRevoked, type SiteCertificate } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { RawData, WebSocket } from "ws";
import type { Context } from "../context.ts";
import { certificateOf, refuseMismatch } from "../tls-clients.ts";

/** From the connection to the hello. An agent answers at once. */
const HANDSHAKE_MS = 10_000;
/** Messages under work on one connection before it is read no further: the agent has to wait. */
const WORKING_MAX = 256;
/** Bytes that may wait for a slow agent before it is cut; it comes back and gets all orders. */
const BUFFER_BYTES_MAX = 16_777_216;
/** A site is measured once a day; what comes faster than this is thrown away. */
const CALIBRATION_MIN_MS = 1_000;
const NONCE_BYTES = 32;
/** An agent answers a goodbye within a round trip. */
const GOODBYE_MS = 1_000;

/** Close codes of our own, as RFC 6455 leaves 4000 to 4999 to applications. */
const CLOSE = { refused: 4_000, replaced: 4_001, silent: 4_002 } as const;

type Hello = Extract<ToPool, { type: "hello" }>;
type LogMessage = Extract<ToPool, { type: "log" }>;

export interface ConnectionEvents {
  /** The site has proved who it is; answers when it may be welcomed. */
  readonly onHello: (connection: Connection, siteId: string) => void;
  readonly onWelcome: (connection: Connection, siteId: string) => void;
  /** `code` is what the other end gave as its reason, after RFC 6455. */
  readonly onClose: (connection: Connection, code: number) => void;
  readonly onHeard: (siteId: string) => void;
}

export class Connection {
  readonly #context: Context;
  readonly #socket: WebSocket;
  readonly #events: ConnectionEvents;
  /** What the agent has shown, where the pool asks for it. */
  readonly #certificate: Outcome<SiteCertificate | undefined>;
  readonly #nonce = randomBytes(NONCE_BYTES).toString("base64url");
  readonly #handshake: NodeJS.Timeout;
  #siteId: string | undefined;
  #welcomed = false;
  #working = 0;
  #left = false;
  #heardAt = performance.now();
  #calibratedAt = Number.NEGATIVE_INFINITY;

  constructor(context: Context, socket: WebSocket, wire: Socket, events: ConnectionEvents) {
    this.#context = context;
    this.#certificate =
      context.tlsClients === undefined ? ok(undefined) : certificateOf(wire, context.now());
    this.#socket = socket;
    this.#events = events;
    this.#handshake = setTimeout(() => socket.terminate(), HANDSHAKE_MS);
    socket.on("error", () => socket.terminate());
    socket.on("close", (code) => {
      clearTimeout(this.#handshake);
      events.onClose(this, code);
    });
    socket.on("ping", () => this.#heard());
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    this.send({ type: "challenge", nonce: this.#nonce, poolId: context.pump.state.poolId });
  }

  /** The site, once it has proved to be it. */
  get siteId(): string | undefined {
    return this.#siteId;
  }

  get welcomed(): boolean {
    return this.#welcomed;
  }

  /** Milliseconds since the agent was last heard. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  send(message: ToAgent): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > BUFFER_BYTES_MAX) this.#socket.terminate();
    else this.#socket.send(JSON.stringify(message));
  }

  /** What its challenge asked to sign. */
  get nonce(): string {
    return this.#nonce;
  }

  /** The tab behind it was closed: what is still on the way from it counts no more. */
  left(): void {
    this.#left = true;
    this.#socket.terminate();
  }

  replaced(): void {
    this.#socket.close(CLOSE.replaced, "a newer connection of this site");
  }

  silent(): void {
    this.#socket.close(CLOSE.silent, "nothing was heard for too long");
    this.#socket.terminate();
  }

  /** An operator took the site's right to connect away. */
  revoked(siteId: string): void {
    this.#refuse(refuseRevoked(siteId));
    setTimeout(() => this.#socket.terminate(), GOODBYE_MS).unref();
  }

  /** The control plane stops: an agent that does not answer is not waited for. */
  close(): void {
    this.#socket.close(1_001, "the control plane stops");
    setTimeout(() => this.#socket.terminate(), GOODBYE_MS).unref();
  }

  #heard(): void {
    this.#heardAt = performance.now();
    if (this.#siteId !== undefined) this.#events.onHeard(this.#siteId);
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#left) return;
    this.#heard();
    const message = isBinary ? undefined : parse(String(data));
    if (message === undefined) {
      this.#refuse(refuse("INVALID_REQUEST", "A message could not be read.", "Update the agent."));
      return;
    }
    this.#working += 1;
    if (this.#working > WORKING_MAX) this.#socket.pause();
    // Taken in order: each message reaches the pump before the next one is looked at.
    this.#take(message)
      .catch((error: unknown) => {
        this.#context.say("error", "A message of an agent met a bug.", { why: String(error) });
        this.#refuse(refuse("INTERNAL", "The message met a bug.", "Look at the pool's log."));
      })
      .finally(() => {
        this.#working -= 1;
        if (this.#working <= WORKING_MAX / 2) this.#socket.resume();
      });
  }

  async #take(message: ToPool): Promise<void> {
    if (message.type === "hello") return this.#hello(message);
    const siteId = this.#siteId;
    if (siteId === undefined) {
      const hint = "Say hello first.";
      return this.#refuse(refuse("UNAUTHENTICATED", "The site has not said hello.", hint));
    }
    const { pump } = this.#context;
    switch (message.type) {
      case "newKey":
        return this.#newKey(siteId, message.publicKey, message.signature);
      case "inventory":
        return this.#tell(await pump.submit({ ...message, siteId }));
      case "calibration": {
        if (performance.now() - this.#calibratedAt < CALIBRATION_MIN_MS) return;
        this.#calibratedAt = performance.now();
        return this.#tell(await pump.submit({ ...message, siteId }));
      }
      case "heartbeat": {
        const answer = await pump.submit({ type: "heartbeat", siteId });
        // No answer is the safe answer: the site's leases end when its right to run does.
        if (!answer.ok) return this.#tell(answer);
        const { leaseForMs } = answer.value as { leaseForMs: number };
        return this.send({ type: "heartbeatAck", clockMs: message.clockMs, leaseForMs });
      }
      case "reports":
        return this.#reports(siteId, message.reports);
      case "log":
        return this.#log(siteId, message);
      default:
        return message satisfies never;
    }
  }

  async #hello(hello: Hello): Promise<void> {
    const context = this.#context;
    if (this.#siteId !== undefined) return; // Said twice.
    const known = checkHello(context, hello, this.#nonce, this.#certificate);
    if (!known.ok) return this.#refuse(known);
    clearTimeout(this.#handshake);
    const { siteId } = hello;
    this.#siteId = siteId;
    this.#events.onHello(this, siteId);
    if (known.value.withNextKey) await context.pump.submit({ type: "changeKey", siteId });
    const { agentVersion } = hello;
    const { certificate } = known.value;
    const here = await context.pump.submit({
      ...{ type: "siteHere", siteId, agentVersion },
      ...(certificate === undefined ? {} : { certificate }),
    });
    if (!here.ok) return this.#refuse(here);
    this.send({
      type: "welcome",
      siteId,
      member: known.value.member,
      heartbeatMs: LIMITS.HEARTBEAT_MS,
      siteToken: context.signer.siteToken(siteId, context.now()),
    });
    this.#welcomed = true;
    this.#events.onHeard(siteId);
    this.#events.onWelcome(this, siteId);
  }

  /** The site wants to go on with another key. */
  async #newKey(siteId: string, publicKey: string, signature: string): Promise<void> {
    const { pump } = this.#context;
    if (!signedBy(publicKey, newKeyText(pump.state.poolId, siteId, publicKey), signature)) {
      const hint = "Sign with the key that is proposed.";
      return this.#tell(refuse("SIGNATURE_INVALID", "The new key has not signed.", hint));
    }
    const proposed = await pump.submit({ type: "proposeKey", siteId, publicKey });
    if (!proposed.ok) return this.#tell(proposed);
    this.send({ type: "keyTaken", publicKey });
  }

  /** Reports go to the pump in their order and become durable together. */
  async #reports(siteId: string, reports: readonly LeaseReport[]): Promise<void> {
    const answers = await Promise.all(
      reports.map(({ leaseId, fence, event }) =>
        this.#context.pump.submit({ type: "report", siteId, leaseId, fence, report: event }),
      ),
    );
    // One that the pool does not know is acknowledged too: it will never be of use. One that could
    // not be kept now comes again.
    const done = reports.filter((_, i) => !comesAgain(answers[i]!));
    if (done.length > 0) {
      this.send({ type: "ack", reportIds: done.map((report) => report.reportId) });
    }
  }

  async #log(siteId: string, message: LogMessage): Promise<void> {
    const { leaseId, task, offset, ended, droppedBytes } = message;
    const data = Buffer.from(message.data, "base64");
    const lease = this.#context.pump.state.leases.get(leaseId)?.lease;
    const wanted = lease?.siteId === siteId && task < lease.placements.length;
    // A log that nobody will ask for is taken and thrown away, so that the agent forgets it.
    const nextOffset = wanted
      ? await this.#context.logs.append({ leaseId, task, offset, data, ended, droppedBytes })
      : offset + data.length;
    if (nextOffset !== undefined) this.send({ type: "logAck", leaseId, task, nextOffset });
  }

  /** Tells the agent's operator what could not be taken; the connection stays. */
  #tell(outcome: Outcome<unknown>): void {
    if (outcome.ok) return;
    const { code, message } = outcome;
    this.send({ type: "refused", code, message });
  }

  #refuse({ code, message }: Refusal): void {
    this.send({ type: "refused", code, message });
    this.#socket.close(CLOSE.refused, code);
  }
}

const comesAgain = (outcome: Outcome<unknown>): boolean =>
  !outcome.ok && outcome.code !== "NOT_FOUND" && outcome.code !== "LEASE_OUTDATED";

function parse(text: string): ToPool | undefined {
  try {
    const parsed = ToPool.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

interface Known {
  readonly member: string;
  readonly withNextKey: boolean;
  readonly certificate: SiteCertificate | undefined;
}

/** The site that has signed this connection's nonce, and shown what the pool wants to see. */
function checkHello(
  { pump, tlsClients }: Context,
  hello: Hello,
  nonce: string,
  shown: Outcome<SiteCertificate | undefined>,
): Outcome<Known> {
  if (!shown.ok) return shown;
  if (hello.protocol !== GATEWAY_PROTOCOL) {
    const message = `The agent speaks protocol ${hello.protocol}, the pool ${GATEWAY_PROTOCOL}.`;
    return refuse("INVALID_REQUEST", message, "Bring both to the same version.");
  }
  const site = pump.state.sites.get(hello.siteId);
  if (site === undefined) {
    const message = `The site ${hello.siteId.slice(0, 80)} is not known.`;
    return refuse("SITE_UNKNOWN", message, "Join again with a token.");
  }
  if (site.revoked === true) return refuseRevoked(hello.siteId);
  const { member, publicKey, nextKey } = site;
  const text = helloText(pump.state.poolId, hello.siteId, nonce);
  const withNextKey = nextKey !== undefined && signedBy(nextKey, text, hello.signature);
  if (withNextKey || signedBy(publicKey, text, hello.signature)) {
    const certificate = shown.value;
    const { siteId } = hello;
    const other =
      certificate !== undefined && tlsClients?.names === "match"
        ? refuseMismatch(certificate, { siteId, member })
        : undefined;
    return other ?? ok({ member, withNextKey, certificate });
  }
  const hint = "Start the agent in the folder with the site's key.";
  return refuse("SIGNATURE_INVALID", `The signature is not that of ${hello.siteId}.`, hint);
}

/** Whether a key (SPKI, DER, base64) has signed a text; a key that cannot be read has not. */
export function signedBy(publicKey: string, text: string, signature: string): boolean {
  try {
    const der = Buffer.from(publicKey, "base64");
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    if (key.asymmetricKeyType !== "ed25519") return false;
    return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

// The journal as a live stream of server-sent events: first what the client missed, read from the
// store, then what happens, without a gap and without a repeat. The id of an event is its place in
// the journal, so a client that comes back says where it was. Left out are hashes of
// secrets, and what the reader may not see.
import type { ServerResponse } from "node:http";
import { EventsQuery, type EventWire, nearest, parseWith } from "@tequio/contract";
import {
  EVENT_TYPES,
  type Event,
  holds,
  type Principal,
  principalOf,
} from "@tequio/core/controller";
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { type Committed, eventOf } from "../pump.ts";
import { credentialOf } from "../signin/cookies.ts";
import { withoutValues } from "../views/private.ts";
import { callerOf } from "./caller.ts";
import { mayReadInside, maySee, refuseUnless } from "./may.ts";
import { sendProblem } from "./problem.ts";

/** A line that keeps proxies from closing a quiet stream. */
const HEARTBEAT_MS = 15_000;
/** Bytes that may wait for a slow client. Beyond this it is dropped, and comes back by itself. */
const BUFFER_BYTES_MAX = 4_194_304;
const PAGE_RECORDS = 500;
/** A client that takes nothing of the backlog for so long is gone. */
const DRAIN_MS = 30_000;

/** What an event shows to readers of the stream. */
export function eventWire({ seq, atMs, event }: Committed): EventWire {
  const { type, ...data } = event;
  return { seq, atMs, type, data: withoutSecrets(type, data) };
}

function withoutSecrets(type: Event["type"], data: object): object {
  if (type === "token.issued") return { ...data, hash: undefined };
  if (type === "user.set") return { ...data, subjectHash: undefined };
  if (type === "member.invited" || type === "site.joined") {
    return { ...data, secretHash: undefined };
  }
  return data;
}

interface Wish {
  /** Undefined: only what happens from now on. */
  readonly after: number | undefined;
  readonly types: ReadonlySet<string> | undefined;
}

function wishOf(request: FastifyRequest): Outcome<Wish> {
  const query = parseWith(EventsQuery, request.query);
  if (!query.ok) return query;
  const types = query.value.types?.split(",").filter((type) => type !== "");
  for (const type of types ?? []) {
    if ((EVENT_TYPES as readonly string[]).includes(type)) continue;
    const near = nearest(type, EVENT_TYPES);
    const hint = near === undefined ? `Known: ${EVENT_TYPES.join(", ")}.` : `Did you mean ${near}?`;
    return refuse("INVALID_REQUEST", `There is no event type ${type}.`, hint, "types");
  }
  // After a cut, browsers send the id of the last event that they saw.
  const last = Number(request.headers["last-event-id"] ?? Number.NaN);
  const after = Number.isSafeInteger(last) && last >= 0 ? last : query.value.after;
  return ok({ after, types: types === undefined ? undefined : new Set(types) });
}

/** The open streams. `take` is called with every batch of durable events. */
export interface EventStreams {
  readonly take: (events: readonly Committed[]) => void;
  readonly count: () => number;
  readonly close: () => void;
}

/** Why no further stream may be opened with this token; undefined if one may. */
function fullFor(streams: ReadonlySet<EventStream>, tokenId: string): Refusal | undefined {
  const hint = "Close one, or try again later.";
  if (streams.size >= LIMITS.STREAMS_MAX) {
    return refuse("TOO_MANY", `${streams.size} streams are open.`, hint);
  }
  const own = [...streams].filter((stream) => stream.tokenId === tokenId).length;
  if (own < LIMITS.STREAMS_PER_TOKEN_MAX) return undefined;
  return refuse("TOO_MANY", `${own} streams are open with this token.`, hint);
}

/** Adds `GET /v1/events`. */
export function registerEvents(app: FastifyInstance, context: Context): EventStreams {
  const streams = new Set<EventStream>();
  let lastSeq = context.pump.state.seq;
  app.get("/v1/events", (request, reply) => {
    const caller = callerOf(context, credentialOf(context, request), ["person"]);
    const wish = caller.ok ? wishOf(request) : caller;
    if (!caller.ok) return sendProblem(request, reply, caller);
    const refused = refuseUnless(context, caller.value, "pool.read");
    if (refused !== undefined) return sendProblem(request, reply, refused);
    if (!wish.ok) return sendProblem(request, reply, wish);
    const tokenId = caller.value.kind === "person" ? caller.value.tokenId : "";
    const full = fullFor(streams, tokenId);
    if (full !== undefined) return sendProblem(request, reply, full);
    reply.hijack();
    // A place that this journal has not reached is one of another pool: nothing was missed.
    const after = Math.min(wish.value.after ?? lastSeq, lastSeq);
    const { types } = wish.value;
    const headers = { ...reply.getHeaders(), ...STREAM_HEADERS } as Record<string, string>;
    const stream = new EventStream(context, reply.raw, { after, types, tokenId });
    streams.add(stream);
    reply.raw.once("close", () => {
      streams.delete(stream);
      stream.end();
    });
    reply.raw.writeHead(200, headers);
    void stream.start(() => lastSeq);
    return reply;
  });
  return {
    take(events) {
      lastSeq = events.at(-1)?.seq ?? lastSeq;
      for (const stream of streams) stream.live(events);
    },
    count: () => streams.size,
    close() {
      for (const stream of streams) stream.end();
    },
  };
}

const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
} as const;

interface StreamOptions {
  readonly after: number;
  readonly types: ReadonlySet<string> | undefined;
  readonly tokenId: string;
}

class EventStream {
  readonly #context: Context;
  readonly #reply: ServerResponse;
  readonly #options: StreamOptions;
  readonly #heartbeat: NodeJS.Timeout;
  /** Place of the last event that was looked at, sent or not. */
  #seq: number;
  #isLive = false;

  constructor(context: Context, reply: ServerResponse, options: StreamOptions) {
    this.#context = context;
    this.#reply = reply;
    this.#options = options;
    this.#seq = options.after;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  get tokenId(): string {
    return this.#options.tokenId;
  }

  /** Sends the backlog; turns live in the moment in which nothing is missing. */
  async start(lastSeq: () => number): Promise<void> {
    this.#write("retry: 1000\n: the journal follows\n\n");
    for (;;) {
      if (this.#reply.destroyed) return;
      if (this.#seq >= lastSeq()) break;
      const page = await this.#context.store.journal.read({
        afterSeq: this.#seq,
        limit: PAGE_RECORDS,
      });
      if (!page.ok || page.value.length === 0) return this.end();
      const who = this.#who();
      if (who === undefined) return this.end();
      for (const record of page.value) {
        // What is read may be ahead of what was announced; the live part skips it then.
        this.#send({ seq: record.seq, atMs: record.atMs, event: eventOf(record) }, who);
      }
      if (!(await this.#drained())) {
        this.#reply.destroy();
        return;
      }
    }
    this.#isLive = true;
  }

  /** Takes a batch of new events, if the backlog is through. */
  live(events: readonly Committed[]): void {
    const who = this.#who();
    for (const committed of events) {
      if (this.#isLive) this.#send(committed, who);
      const { event } = committed;
      if (event.type === "token.revoked" && event.tokenId === this.#options.tokenId) this.end();
    }
    // The right to read ends with the token, and with the last role.
    if (who === undefined) this.end();
    // A client that does not read is cut; it comes back with the id of what it has.
    if (this.#reply.writableLength > BUFFER_BYTES_MAX) this.#reply.destroy();
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#isLive = false;
    if (!this.#reply.writableEnded) this.#reply.end();
  }

  /** The reader with the rights of this moment; undefined when it has none left. */
  #who(): Principal | undefined {
    const { pump, now } = this.#context;
    const token = pump.state.tokens.get(this.#options.tokenId);
    if (token === undefined || token.revoked) return undefined;
    if (token.expiresAtMs !== null && token.expiresAtMs <= now()) return undefined;
    const who = principalOf(pump.state, token);
    return holds(who, "pool.read") ? who : undefined;
  }

  #beat(): void {
    if (this.#who() === undefined) this.end();
    else this.#write(": still here\n\n");
  }

  #send(committed: Committed, who: Principal | undefined): void {
    if (committed.seq <= this.#seq) return;
    this.#seq = committed.seq;
    const { types } = this.#options;
    const { event } = committed;
    if (types !== undefined && !types.has(event.type)) return;
    const { state } = this.#context.pump;
    if (who === undefined || !maySee(state, who, event)) return;
    const hides = "spec" in event && !mayReadInside(state, who, event);
    const wire = eventWire(hides ? { ...committed, event: withoutValues(event) } : committed);
    const data = JSON.stringify(wire);
    this.#write(`id: ${wire.seq}\nevent: ${wire.type}\ndata: ${data}\n\n`);
  }

  #write(text: string): void {
    if (!this.#reply.writableEnded && !this.#reply.destroyed) this.#reply.write(text);
  }

  /** Waits until the client took the page; false if it does not. */
  async #drained(): Promise<boolean> {
    if (!this.#reply.writableNeedDrain) return true;
    return new Promise((resolve) => {
      const finish = (drained: boolean): void => {
        clearTimeout(timer);
        this.#reply.off("drain", yes).off("close", no);
        resolve(drained);
      };
      const yes = (): void => finish(true);
      const no = (): void => finish(false);
      const timer = setTimeout(no, DRAIN_MS);
      this.#reply.once("drain", yes).once("close", no);
    });
  }
}

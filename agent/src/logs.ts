// Brings the logs of the leases to the pool: reads the engine's log from the byte that the pool
// wants next, sends one chunk, and goes on when the pool answered. The pool's answer is the only
// memory of how far it is, so a restart of either side needs no file here.
import type { ToPool } from "@tequio/contract";
import type { Engine } from "@tequio/engines";
import type { AgentTiming } from "./options.ts";
import { type Say, whyOf } from "./say.ts";

export interface LogPumpOptions {
  readonly engine: Engine;
  readonly timing: AgentTiming;
  readonly say: Say;
  /** Sends, or says that there is no connection. */
  readonly send: (message: ToPool) => boolean;
  /** All logs of a lease have been delivered. */
  readonly onDone: (leaseId: string) => void;
}

/** Bytes of one message: small enough not to hold up a heartbeat on a slow link. */
const CHUNK_BYTES_MAX = 65_536;
/** Chunks without an answer, over all leases: bounds what a slow link has to hold. */
const CHUNKS_FLYING_MAX = 4;

interface Stream {
  readonly leaseId: string;
  readonly task: number;
  /** The next byte that the pool wants, as far as is known. */
  offset: number;
  /** The chunk that waits for an answer. */
  flying: { readonly end: number; readonly ended: boolean; readonly sentAt: number } | undefined;
  /** The pool last took something then; for giving up. */
  movedAt: number;
  leaseEnded: boolean;
  done: boolean;
}

const keyOf = (leaseId: string, task: number): string => `${task} ${leaseId}`;

export class LogPump {
  readonly #options: LogPumpOptions;
  readonly #streams = new Map<string, Stream>();
  /** Leases that are followed, with their number of logs. */
  readonly #leases = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #pumping: Promise<void> | undefined;
  #again = false;
  #connected = false;
  #closed = false;

  constructor(options: LogPumpOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#pump(), options.timing.logPollMs);
  }

  /** Follows the logs of a lease from now on; saying it again is free. */
  follow(leaseId: string, tasks: number, ended: boolean): void {
    if (tasks > 0 || ended) this.#leases.set(leaseId, tasks);
    for (let task = 0; task < tasks; task += 1) {
      const key = keyOf(leaseId, task);
      const stream = this.#streams.get(key);
      if (stream !== undefined) stream.leaseEnded = ended;
      else {
        const movedAt = performance.now();
        const fresh = { leaseId, task, offset: 0, flying: undefined, movedAt, done: false };
        this.#streams.set(key, { ...fresh, leaseEnded: ended });
      }
    }
  }

  /** All logs of a lease that was followed are delivered, or given up. */
  isDone(leaseId: string): boolean {
    const tasks = this.#leases.get(leaseId);
    if (tasks === undefined) return false;
    for (let task = 0; task < tasks; task += 1) {
      if (this.#streams.get(keyOf(leaseId, task))?.done !== true) return false;
    }
    return true;
  }

  /** Ends the following of a lease that the engine has forgotten. */
  drop(leaseId: string): void {
    for (let task = 0; task < (this.#leases.get(leaseId) ?? 0); task += 1) {
      this.#streams.delete(keyOf(leaseId, task));
    }
    this.#leases.delete(leaseId);
  }

  /** Ends the following of leases that the engine does not have. */
  keepOnly(leaseIds: ReadonlySet<string>): void {
    for (const leaseId of [...this.#leases.keys()]) if (!leaseIds.has(leaseId)) this.drop(leaseId);
  }

  /** A new connection: what flew is lost, the waiting for it begins anew. */
  connected(): void {
    this.#connected = true;
    for (const stream of this.#streams.values()) {
      stream.flying = undefined;
      stream.movedAt = performance.now();
    }
    this.#pump();
  }

  disconnected(): void {
    this.#connected = false;
  }

  /** The pool's answer to a chunk: the byte that it wants next. */
  ack(leaseId: string, task: number, nextOffset: number): void {
    const stream = this.#streams.get(keyOf(leaseId, task));
    if (stream?.flying === undefined || stream.done) return;
    const { end, ended } = stream.flying;
    stream.flying = undefined;
    stream.movedAt = performance.now();
    stream.offset = nextOffset;
    if (ended && nextOffset === end) this.#finish(stream);
    this.#pump();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#pumping;
  }

  #finish(stream: Stream): void {
    stream.done = true;
    if (this.isDone(stream.leaseId)) this.#options.onDone(stream.leaseId);
  }

  #pump(): void {
    if (!this.#connected || this.#closed) return;
    this.#again = true;
    this.#pumping ??= this.#loop().finally(() => {
      this.#pumping = undefined;
    });
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      // Streams that got their turn go to the end, so that a busy log does not starve the others.
      for (const [key, stream] of [...this.#streams]) {
        if (this.#flyingCount() >= CHUNKS_FLYING_MAX) break;
        if (stream.done || stream.flying !== undefined) continue;
        if (!(await this.#sendNext(stream))) continue;
        if (this.#streams.delete(key)) this.#streams.set(key, stream);
      }
    }
  }

  #flyingCount(): number {
    const now = performance.now();
    let count = 0;
    for (const stream of this.#streams.values()) {
      if (stream.flying === undefined) continue;
      if (now - stream.flying.sentAt > this.#options.timing.resendMs) stream.flying = undefined;
      else count += 1;
      this.#giveUpIfStuck(stream, now);
    }
    return count;
  }

  #giveUpIfStuck(stream: Stream, now: number): void {
    const { timing, say } = this.#options;
    if (!stream.leaseEnded || now - stream.movedAt < timing.logGiveUpMs) return;
    stream.flying = undefined;
    const { leaseId, task, offset } = stream;
    say("warn", "The pool does not take the log; gave it up.", { lease: leaseId, task, offset });
    this.#finish(stream);
  }

  /** Reads and sends one chunk; false when there is nothing to send. */
  async #sendNext(stream: Stream): Promise<boolean> {
    const { engine, send, say } = this.#options;
    const { leaseId, task, offset } = stream;
    const request = { taskIndex: task, offset, maxBytes: CHUNK_BYTES_MAX };
    const read = await engine.log(leaseId, request).catch((error: unknown) => whyOf(error));
    if (typeof read === "string") {
      say("warn", "A log cannot be read now.", { lease: leaseId, task, why: read });
      return false;
    }
    if (!read.ok) {
      // A lease that has just started has no log yet. After its end there is nothing more to come;
      // a pool that has more than the engine is ahead of a folder that was replaced.
      if (stream.leaseEnded) this.#finish(stream);
      return false;
    }
    const { bytes, nextOffset, ended, droppedBytes } = read.value;
    if (bytes.length === 0 && !ended) {
      stream.movedAt = performance.now();
      return false;
    }
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
    // While the engine was asked, an answer may have come on a new connection.
    if (stream.offset !== offset || stream.flying !== undefined) return false;
    const sent = send({ type: "log", leaseId, task, offset, data, ended, droppedBytes });
    if (sent) stream.flying = { end: nextOffset, ended, sentAt: performance.now() };
    return sent;
  }
}

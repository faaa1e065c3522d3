// The log of one lease of a tab, in memory: lines go in, chunks go to the pool, and what the pool
// has taken is forgotten. The pool's answer is the only memory of how far it is, as with agents.
import type { ToPool } from "@tequio/contract";

type Chunk = Extract<ToPool, { type: "log" }>;

/** Bytes that wait for the pool at most; a round writes some hundred, so this is hours away. */
export const LOG_BYTES_MAX = 262_144;
/** Bytes of one message, small enough not to hold up a heartbeat. */
const CHUNK_BYTES_MAX = 65_536;

/** One byte is one character of what `btoa` takes. */
const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

export class TabLog {
  readonly #leaseId: string;
  readonly #send: (chunk: Chunk) => boolean;
  #waiting = new Uint8Array(0);
  /** Offset of the first byte that waits. */
  #from = 0;
  #sentTo: number | undefined;
  #droppedBytes = 0;
  #ended = false;
  /** What is on its way says that the log is over. */
  #saidEnd = false;
  #done = false;

  /** `send` answers whether there is a connection. */
  constructor(leaseId: string, send: (chunk: Chunk) => boolean) {
    this.#leaseId = leaseId;
    this.#send = send;
  }

  /** True when the pool has all of it, or would have what was thrown away. */
  get done(): boolean {
    return this.#done;
  }

  /** Adds a line; one that does not fit any more is counted and thrown away. */
  line(text: string): void {
    if (this.#ended) return;
    const bytes = new TextEncoder().encode(`${text}\n`);
    if (this.#waiting.length + bytes.length > LOG_BYTES_MAX) {
      this.#droppedBytes += bytes.length;
      return;
    }
    const all = new Uint8Array(this.#waiting.length + bytes.length);
    all.set(this.#waiting);
    all.set(bytes, this.#waiting.length);
    this.#waiting = all;
    this.#pump();
  }

  /** The lease is over: nothing follows. */
  end(): void {
    this.#ended = true;
    this.#pump();
  }

  /** A new connection: what was on its way is sent again. */
  connected(): void {
    this.#sentTo = undefined;
    this.#saidEnd = false;
    this.#pump();
  }

  /** The pool wants this byte next. */
  ack(nextOffset: number): void {
    if (this.#sentTo === undefined || this.#done) return;
    // Past what was sent, a page before this one wrote to the same log: these lines come after.
    const taken = nextOffset > this.#sentTo ? 0 : Math.max(0, nextOffset - this.#from);
    this.#done = this.#saidEnd && nextOffset === this.#sentTo;
    this.#waiting = this.#waiting.slice(taken);
    this.#from = nextOffset;
    this.#sentTo = undefined;
    this.#saidEnd = false;
    this.#pump();
  }

  #pump(): void {
    const nothing = this.#waiting.length === 0 && !this.#ended;
    if (this.#done || this.#sentTo !== undefined || nothing) return;
    const data = this.#waiting.subarray(0, CHUNK_BYTES_MAX);
    const ended = this.#ended && data.length === this.#waiting.length;
    const sent = this.#send({
      ...{ type: "log", leaseId: this.#leaseId, task: 0, offset: this.#from, ended },
      ...{ data: toBase64(data), droppedBytes: this.#droppedBytes },
    });
    if (!sent) return;
    this.#sentTo = this.#from + data.length;
    this.#saidEnd = ended;
  }
}

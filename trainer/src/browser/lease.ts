// One lease of a tab: starts the computing worker, carries its questions to the pool, and counts
// what came of them. Whether the lease may run is site.ts's to know.
import { type LeaseOrder, makeClient } from "@tequio/contract";
import type { BandwidthRule } from "@tequio/core/pool";
import { type BlobClient, blobClient, readPaced } from "../site/blob-client.ts";
import { Exchange, type Exchanged } from "../site/exchange.ts";
import { Throttle } from "../site/throttle.ts";
import type { Text } from "../windows.ts";
import type { Ask, Question } from "./calls.ts";
import type { ComputeNews, ComputeOrder } from "./messages.ts";

/** What a worker of the browser has that is used here. */
export interface ComputeWorker {
  onmessage: ((event: { readonly data: ComputeNews }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(order: ComputeOrder): void;
  terminate(): void;
}

/** What is known after each contribution that the pool took. */
export interface Counted {
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly round: number;
  readonly loss: number;
  readonly parameters: number;
}

export interface LeaseOptions {
  readonly poolUrl: string;
  readonly order: LeaseOrder & { readonly start: NonNullable<LeaseOrder["start"]> };
  readonly openWorker: () => ComputeWorker;
  readonly threads: number;
  /** What the owner lets this lease use of the link. */
  readonly bandwidth: readonly BandwidthRule[];
  /** A line for the run's log. */
  readonly onLine: (line: string) => void;
  readonly onEngine: (name: string) => void;
  readonly onCounted: (counted: Counted) => void;
  readonly onBytes: (up: number, down: number) => void;
  /** Once, when the worker ends by itself. */
  readonly onOver: (error: string | undefined) => void;
}

export class TabLease {
  readonly #options: LeaseOptions;
  readonly #worker: ComputeWorker;
  readonly #exchange: Exchange;
  readonly #down: Throttle;
  #stopped = false;
  readonly startedMs = performance.now();

  constructor(options: LeaseOptions) {
    this.#options = options;
    const { poolUrl, order, bandwidth, threads } = options;
    const { taskToken } = order.start;
    this.#down = new Throttle(bandwidth, "downMbitPerS");
    const blobs = blobClient(poolUrl, taskToken, bandwidth, this.#down);
    this.#exchange = new Exchange({
      client: makeClient({ url: poolUrl, token: taskToken }),
      blobs: counting(blobs, options.onBytes),
      runId: order.jobId,
      log: options.onLine,
      stopped: () => this.#stopped,
    });
    this.#worker = options.openWorker();
    this.#worker.onmessage = ({ data }) => this.#news(data);
    this.#worker.onerror = ({ message }) => this.#over(message ?? "The engine did not load.");
    this.#worker.postMessage({ kind: "start", engineUrl: `${poolUrl}/engine/`, threads });
  }

  /** Milliseconds that the lease has been held. */
  get ranMs(): number {
    return Math.round(performance.now() - this.startedMs);
  }

  /** Ends it at once: what is under way is given up, what the pool has taken stays counted. */
  stop(): void {
    this.#stopped = true;
    this.#worker.terminate();
  }

  #over(error: string | undefined): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.onOver(error);
  }

  #news(news: ComputeNews): void {
    if (news.kind === "engine") this.#options.onEngine(news.name);
    else if (news.kind === "question") void this.#answer(news);
    else if (news.kind === "over") this.#over(news.error);
    else this.#options.onLine(news.line);
  }

  async #answer({ id, ask }: Question): Promise<void> {
    let answer: ComputeOrder;
    try {
      answer = { kind: "answer", id, value: await this.#value(ask) };
    } catch (error) {
      answer = { kind: "answer", id, error: error instanceof Error ? error.message : `${error}` };
    }
    if (!this.#stopped) this.#worker.postMessage(answer);
  }

  #value(ask: Ask): Promise<unknown> {
    switch (ask.ask) {
      case "first":
        return this.#exchange.first();
      case "exchange":
        return this.#exchanged(ask.done);
      case "moments":
        return this.#exchange.moments(ask.digest);
      case "text":
        return this.#text();
      case "engine":
        return this.#warm(ask.files);
      default:
        return ask satisfies never;
    }
  }

  /** Counts what the pool has taken, once the next round has come. */
  async #exchanged(done: Extract<Ask, { ask: "exchange" }>["done"]): Promise<Exchanged> {
    const exchanged = await this.#exchange.exchange(done);
    if (exchanged.accepted) {
      const { tokens, elapsedMs, meanLoss: loss, parameters } = done.result;
      const tokensPerSecond = Math.round((tokens * 1_000) / Math.max(1, elapsedMs));
      const { round } = done.assignment;
      this.#options.onCounted({
        tokens,
        tokensPerSecond,
        round,
        loss,
        parameters: parameters.length,
      });
    }
    return exchanged;
  }

  /** The run's text, in one transfer. Throws when the pool does not give it. */
  async #text(): Promise<Text> {
    const { poolUrl, order, onBytes } = this.#options;
    const reply = await fetch(`${poolUrl}/v1/runs/${encodeURIComponent(order.jobId)}/text`, {
      headers: { authorization: `Bearer ${order.start.taskToken}` },
    });
    if (!reply.ok) throw new Error(`The pool did not give the run's text: ${reply.status}`);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    await readPaced(reply.body!, this.#down, (piece) => {
      pieces.push(piece as Uint8Array<ArrayBuffer>);
      onBytes(0, piece.length);
    });
    const buffer = await new Blob(pieces).arrayBuffer();
    const wide = reply.headers.get("tequio-token-bytes") === "2";
    return { tokens: wide ? new Uint16Array(buffer) : new Uint8Array(buffer) };
  }

  /** Brings the engine into the browser's cache at the owner's pace; unbounded, it comes by itself.
   * What is cached is not paced again, and a browser without that question loads it as it can. */
  async #warm(files: readonly string[]): Promise<void> {
    const { poolUrl, bandwidth } = this.#options;
    if (bandwidth.length === 0) return;
    for (const file of files) {
      const url = `${poolUrl}/engine/${file}`;
      const settings = { cache: "only-if-cached", mode: "same-origin" } as RequestInit;
      const cached = await fetch(url, settings).catch(() => undefined);
      await cached?.body?.cancel();
      if (cached?.ok === true) continue;
      const reply = await fetch(url);
      if (reply.body !== null) await readPaced(reply.body, this.#down, () => {});
    }
  }
}

function counting(blobs: BlobClient, onBytes: LeaseOptions["onBytes"]): BlobClient {
  return {
    digestOf: blobs.digestOf,
    async put(bytes) {
      const digest = await blobs.put(bytes);
      onBytes(bytes.length, 0);
      return digest;
    },
    async get(digest) {
      const bytes = await blobs.get(digest);
      onBytes(0, bytes.length);
      return bytes;
    },
  };
}

/**
 * A replica: the embedded engine on a member's node that writes texts with the models of a run. It
 * asks the pool for work and sends what it has written, so nothing dials in. Which replica gets
 * which text, and who goes on when one goes away, is decided by the pool; the process around this
 * is worker.ts.
 */
import type {
  Client,
  ReplicaWork,
  ServedModelWire,
  TextOrder,
  WrittenPart,
} from "@tequio/contract";
import type { BlobClient } from "../site/blob-client.ts";
import type { TextService } from "./service.ts";

/** Longest wait for work. The pool answers sooner when there is some. */
const WORK_WAIT_MS = 20_000;
const RETRY_MS = 500;
/** Tokens by which a replica measures itself with a new model. */
const TRIAL_TOKENS = 8;
/** New models are fetched at most so often: rounds of a second would fill the line. */
const FETCH_EVERY_MS = 5_000;
/** As many as the thread of the engine keeps. */
const MODELS_MAX = 3;
/** Refusals after which asking again is of no use. */
const FINAL = new Set(["TOKEN_EXPIRED", "UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND"]);

export interface ReplicaOptions {
  readonly client: Client;
  readonly blobs: Pick<BlobClient, "get">;
  readonly texts: TextService;
  readonly log: (line: string) => void;
  /** Ends the replica. */
  readonly signal: AbortSignal;
}

type Shape = NonNullable<ReplicaWork["shape"]>;

/** Serves until there is nothing left to serve, the lease ends, or the signal aborts. */
export async function serveTexts(options: ReplicaOptions): Promise<string> {
  return new ReplicaLoop(options).run();
}

class ReplicaLoop {
  readonly #options: ReplicaOptions;
  readonly #mouth: Mouth;
  /** Texts under way, and how to end each. */
  readonly #active = new Map<string, AbortController>();
  /** Digests that the engine keeps, the one used last at the end. */
  #holds: string[] = [];
  #newest: { readonly model: ServedModelWire; readonly shape: Shape } | undefined;
  #fetching = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#mouth = new Mouth(options);
  }

  async run(): Promise<string> {
    const { client, signal, log } = this.#options;
    let after = 0;
    try {
      while (!signal.aborted) {
        const body = { after, waitMs: WORK_WAIT_MS };
        const asked = await client.call("takeTexts", { body, signal });
        if (signal.aborted) break;
        if (!asked.ok) {
          if (FINAL.has(asked.code)) return asked.message;
          log(`the pool does not answer: ${asked.message}`);
          await pause(RETRY_MS, signal);
          continue;
        }
        if (asked.value.state === "stop") return asked.value.reason;
        after = asked.value.version;
        this.#take(asked.value);
      }
      return "it was asked to stop";
    } finally {
      for (const one of this.#active.values()) one.abort();
    }
  }

  #take({ shape, newest, texts, wanted }: ReplicaWork): void {
    const still = new Set(wanted);
    for (const [id, one] of this.#active) if (!still.has(id)) one.abort();
    if (shape === undefined) return;
    for (const order of texts) if (!this.#active.has(order.id)) void this.#write(order, shape);
    if (newest === undefined) return;
    this.#newest = { model: newest, shape };
    if (!this.#fetching) void this.#keepUp();
  }

  /** Fetches the newest model, and measures how fast this machine writes with it. */
  async #keepUp(): Promise<void> {
    const { texts, signal, log } = this.#options;
    this.#fetching = true;
    try {
      while (!signal.aborted && this.#newest !== undefined) {
        const { model, shape } = this.#newest;
        if (this.#holds.includes(model.digest)) return;
        const wish = { prompt: [], tokens: TRIAL_TOKENS, temperature: 0, topP: 1, seed: 0 };
        const request = { ...this.#requestOf(model, shape), wish };
        let firstMs = 0;
        let count = 0;
        for await (const _ of texts.generate(request, signal)) {
          // The first token waits for the model and for the graph; it tells nothing of the speed.
          if (count === 0) firstMs = performance.now();
          count += 1;
        }
        if (signal.aborted) return;
        const ms = Math.max(1, performance.now() - firstMs);
        const speed = (1_000 * Math.max(1, count - 1)) / ms;
        log(`holds round ${model.round}, ${speed.toFixed(1)} tokens/s alone`);
        this.#hold(model.digest);
        // Beside other texts a trial is slow for their sake: that is no speed of this machine.
        if (this.#active.size === 0) this.#mouth.claim(speed);
        await pause(FETCH_EVERY_MS, signal);
      }
    } catch (error) {
      log(`the newest model could not be had: ${messageOf(error)}`);
      await pause(FETCH_EVERY_MS, signal);
    } finally {
      this.#fetching = false;
    }
    // A newer one may have been told of between the last look and now.
    const { model } = this.#newest ?? {};
    if (signal.aborted || model === undefined || this.#holds.includes(model.digest)) return;
    void this.#keepUp();
  }

  #requestOf(model: ServedModelWire, shape: Shape) {
    const { digest, blob, at, parameters } = model;
    const fetched = async (): Promise<Float32Array> => {
      const bytes = await this.#options.blobs.get(blob);
      return new Float32Array(bytes.slice(at, at + 4 * parameters).buffer);
    };
    return { shape, digest, parameters: fetched };
  }

  #hold(digest: string): void {
    const others = this.#holds.filter((one) => one !== digest);
    this.#holds = [...others, digest].slice(-MODELS_MAX);
    this.#mouth.hold(this.#holds);
  }

  async #write(order: TextOrder, shape: Shape): Promise<void> {
    const { id, model, prompt, written, tokens, temperature, topP, seed } = order;
    const leaving = new AbortController();
    this.#active.set(id, leaving);
    const signal = AbortSignal.any([leaving.signal, this.#options.signal]);
    const wish = { prompt, written, tokens, temperature, topP, seed };
    try {
      const request = { ...this.#requestOf(model, shape), wish };
      for await (const token of this.#options.texts.generate(request, signal)) {
        this.#mouth.token(id, token);
      }
      if (!signal.aborted) {
        this.#hold(model.digest);
        this.#mouth.over(id);
      }
    } catch (error) {
      this.#mouth.over(id, messageOf(error));
    } finally {
      this.#active.delete(id);
      if (signal.aborted) this.#mouth.forget(id);
    }
  }
}

interface Said {
  /** Tokens of this text that the pool has taken. */
  sent: number;
  readonly tokens: number[];
  over: boolean;
  error: string | undefined;
}

/**
 * Sends what was written: one request at a time, each with all that came meanwhile. A request
 * whose answer is lost is sent again; the pool counts each token once.
 */
class Mouth {
  readonly #options: Pick<ReplicaOptions, "client" | "log" | "signal">;
  readonly #texts = new Map<string, Said>();
  #news: { holds?: readonly string[]; tokensPerSecond?: number } = {};
  #sending = false;

  constructor(options: Pick<ReplicaOptions, "client" | "log" | "signal">) {
    this.#options = options;
  }

  token(id: string, token: number): void {
    this.#said(id).tokens.push(token);
    this.#send();
  }

  over(id: string, error?: string): void {
    const said = this.#said(id);
    said.over = true;
    said.error = error;
    this.#send();
  }

  /** Nobody waits for the text any more. */
  forget(id: string): void {
    this.#texts.delete(id);
  }

  hold(holds: readonly string[]): void {
    this.#news = { ...this.#news, holds };
    this.#send();
  }

  claim(tokensPerSecond: number): void {
    this.#news = { ...this.#news, tokensPerSecond };
    this.#send();
  }

  #said(id: string): Said {
    const said = this.#texts.get(id) ?? { sent: 0, tokens: [], over: false, error: undefined };
    this.#texts.set(id, said);
    return said;
  }

  #send(): void {
    if (this.#sending) return;
    this.#sending = true;
    // Texts that get their tokens in the same turn go out together.
    setImmediate(() => {
      void this.#sendAll().then((goesOn) => {
        this.#sending = false;
        // Something may have come between the last look and now.
        if (goesOn && this.#hasNews()) this.#send();
      });
    });
  }

  #hasNews(): boolean {
    const unsaid = [...this.#texts].some(([id, said]) => !isEmpty(partOf(id, said)));
    return unsaid || Object.keys(this.#news).length > 0;
  }

  /** Sends until all is said; false when the pool wants to hear no more. */
  async #sendAll(): Promise<boolean> {
    const { client, log, signal } = this.#options;
    while (!signal.aborted) {
      if (!this.#hasNews()) return true;
      const parts = [...this.#texts].map(([id, said]) => partOf(id, said));
      const news = this.#news;
      const texts = parts.filter((part) => !isEmpty(part));
      const body = { ...news, holds: news.holds && [...news.holds], texts };
      const reply = await client.call("sayTexts", { body, signal });
      if (reply.ok) this.#taken(texts, news);
      else if (FINAL.has(reply.code)) return false;
      else {
        log(`what was written did not arrive: ${reply.message}`);
        await pause(RETRY_MS, signal);
      }
    }
    return false;
  }

  #taken(texts: readonly WrittenPart[], news: object): void {
    if (this.#news === news) this.#news = {};
    for (const { id, tokens, over } of texts) {
      const said = this.#texts.get(id);
      if (said === undefined) continue;
      said.sent += tokens.length;
      said.tokens.splice(0, tokens.length);
      if (over === true) this.#texts.delete(id);
    }
  }
}

function partOf(id: string, { sent, tokens, over, error }: Said): WrittenPart {
  const end = over ? { over } : {};
  // The pool takes 500 characters.
  return {
    id,
    from: sent,
    tokens: [...tokens],
    ...end,
    ...(error && { error: error.slice(0, 500) }),
  };
}

const isEmpty = ({ tokens, over }: WrittenPart): boolean => tokens.length === 0 && over !== true;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** Waits, or less when the signal aborts. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });

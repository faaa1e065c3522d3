// The control plane's own engine for texts: a thread that is started with the first request, so
// that a pool that serves nobody holds no memory for it, and that rounds never wait for a text.
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { ModelShape } from "@tequio/core/pool";
import type { TextWish } from "./generator.ts";
import type { FromThread, ToThread } from "./thread.ts";

/** Longest wait for the thread to end its token; a token of a large model takes a second. */
const CLOSE_MS_MAX = 3_000;

/** A text that somebody wants of a model. */
export interface TextRequest {
  readonly shape: ModelShape;
  /** Digest of the model: the thread keeps the last few. */
  readonly digest: string;
  /** The model's values; asked for when the thread does not have them. */
  readonly parameters: () => Promise<Float32Array>;
  readonly wish: TextWish;
}

export interface TextService {
  /** The tokens that the model adds; ends early, without an error, when the signal aborts. */
  generate(request: TextRequest, signal: AbortSignal): AsyncGenerator<number, undefined>;
  close(): Promise<void>;
}

/** What one request has received and not yet handed on. */
interface Inbox {
  readonly tokens: number[];
  readonly request: TextRequest;
  over: boolean;
  error: Error | undefined;
  wake: () => void;
}

/** A service whose thread is not there yet. `threads` is for the arithmetic itself. */
export function openTextService(options: { readonly threads: number }): TextService {
  const desk = new Desk(options);
  return {
    generate: (request, signal) => desk.generate(request, signal),
    close: () => desk.close(),
  };
}

function end(inbox: Inbox, error?: Error): void {
  inbox.over = true;
  inbox.error = error;
  inbox.wake();
}

/** Hands requests to the thread, and its tokens to those who asked. */
class Desk {
  readonly #options: { readonly threads: number };
  readonly #inboxes = new Map<number, Inbox>();
  #thread: Worker | undefined;
  #next = 1;

  constructor(options: { readonly threads: number }) {
    this.#options = options;
  }

  async *generate(request: TextRequest, signal: AbortSignal): AsyncGenerator<number, undefined> {
    if (signal.aborted) return undefined;
    const id = this.#next;
    this.#next += 1;
    const inbox: Inbox = { tokens: [], request, over: false, error: undefined, wake: () => {} };
    this.#inboxes.set(id, inbox);
    const onAbort = (): void => end(inbox);
    signal.addEventListener("abort", onAbort);
    try {
      const { shape, digest, wish } = request;
      this.#tell({ kind: "start", id, shape, digest, wish });
      for (;;) {
        const token = inbox.tokens.shift();
        if (token !== undefined && !signal.aborted) yield token;
        else if (inbox.error !== undefined) throw inbox.error;
        else if (inbox.over) return undefined;
        else {
          await new Promise<void>((resolve) => {
            inbox.wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#inboxes.delete(id);
      this.#thread?.postMessage({ kind: "cancel", id } satisfies ToThread);
    }
  }

  async close(): Promise<void> {
    const running = this.#thread;
    this.#thread = undefined;
    if (running === undefined) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.ref();
    running.postMessage({ kind: "close" } satisfies ToThread);
    // A thread that is ended in the middle of a graph takes the whole process with it.
    await Promise.race([ended, pause(CLOSE_MS_MAX, undefined, { ref: false })]);
    await running.terminate();
  }

  #tell(message: ToThread): void {
    this.#thread ??= this.#start();
    this.#thread.postMessage(message);
  }

  #start(): Worker {
    const made = new Worker(new URL("./thread.ts", import.meta.url), {
      ...{ workerData: this.#options, execArgv: [] },
    });
    made.on("message", (message: FromThread) => this.#take(message));
    made.on("error", (error) => this.#failAll(error));
    made.on("exit", (code) =>
      this.#failAll(new Error(`The engine for texts ended with code ${code}.`)),
    );
    made.unref();
    return made;
  }

  #failAll(error: Error): void {
    this.#thread = undefined;
    for (const inbox of this.#inboxes.values()) end(inbox, error);
  }

  #take(message: FromThread): void {
    const inbox = this.#inboxes.get(message.id);
    if (inbox === undefined) return;
    const { id } = message;
    if (message.kind === "token") {
      inbox.tokens.push(message.token);
      inbox.wake();
    } else if (message.kind === "over") {
      end(inbox, message.error === undefined ? undefined : new Error(message.error));
    } else {
      inbox.request.parameters().then(
        (parameters) => this.#tell({ kind: "model", id, parameters }),
        (error: unknown) => {
          this.#tell({ kind: "cancel", id });
          end(inbox, error instanceof Error ? error : new Error(String(error)));
        },
      );
    }
  }
}

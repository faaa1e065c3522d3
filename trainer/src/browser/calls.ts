// Calls from the computing worker to the site's worker of a tab: a question with a number, and its
// answer. The arithmetic holds its own thread, so transfers must not stand in it.

import type { Exchanged, ExchangePort, Next } from "../site/exchange.ts";
import type { OptimiserState } from "../stretch.ts";
import type { Text } from "../windows.ts";

export type Ask =
  | { readonly ask: "first" }
  | { readonly ask: "exchange"; readonly done: Parameters<ExchangePort["exchange"]>[0] }
  | { readonly ask: "moments"; readonly digest: string }
  | { readonly ask: "text" }
  /** Brings files of the engine into the browser's cache, as fast as the owner allows. */
  | { readonly ask: "engine"; readonly files: readonly string[] };

export interface Question {
  readonly kind: "question";
  readonly id: number;
  readonly ask: Ask;
}

export interface Answer {
  readonly kind: "answer";
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The asking end; `post` sends a question. */
export class Calls implements ExchangePort {
  readonly #post: (question: Question) => void;
  readonly #pending = new Map<number, Pending>();
  #next = 1;

  constructor(post: (question: Question) => void) {
    this.#post = post;
  }

  /** Takes an answer; one to a question that nobody asked is ignored. */
  take({ id, value, error }: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(value);
    else pending?.reject(new Error(error));
  }

  first(): Promise<Next | undefined> {
    return this.#ask({ ask: "first" }) as Promise<Next | undefined>;
  }

  exchange(done: Parameters<ExchangePort["exchange"]>[0]): Promise<Exchanged> {
    return this.#ask({ ask: "exchange", done }) as Promise<Exchanged>;
  }

  moments(digest: string): Promise<OptimiserState | undefined> {
    return this.#ask({ ask: "moments", digest }) as Promise<OptimiserState | undefined>;
  }

  text(): Promise<Text> {
    return this.#ask({ ask: "text" }) as Promise<Text>;
  }

  async engine(files: readonly string[]): Promise<void> {
    await this.#ask({ ask: "engine", files });
  }

  #ask(ask: Ask): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#post({ kind: "question", id, ask });
    });
  }
}

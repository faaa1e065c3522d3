// One text that a replica writes: its tokens as they arrive, and how they are handed on. The parts
// of a replica may come twice or overlap after a broken connection; each token counts once.
import type { TextOrder, WrittenPart } from "@tequio/contract";

export class ReplicaText {
  readonly order: TextOrder;
  /** The replica is told of it together with this version. */
  readonly version: number;
  readonly #vocab: number;
  readonly #inbox: number[] = [];
  #came = 0;
  #over = false;
  #trouble: string | undefined;
  #wake = (): void => {};

  constructor(order: TextOrder, version: number, vocab: number) {
    this.order = order;
    this.version = version;
    this.#vocab = vocab;
  }

  /** Tokens that are still to come. */
  get rest(): number {
    return Math.max(0, this.order.tokens - this.order.written.length - this.#came);
  }

  /** Takes a part; gives the number of tokens that are new. */
  take({ from, tokens, over, error }: WrittenPart): number {
    if (this.#over || this.#trouble !== undefined) return 0;
    if (from > this.#came) return this.#fail("tokens between two parts are missing");
    const fresh = tokens.slice(this.#came - from).slice(0, this.rest);
    if (fresh.some((token) => token >= this.#vocab)) return this.#fail("a token does not exist");
    this.#inbox.push(...fresh);
    this.#came += fresh.length;
    if (this.rest === 0) this.#over = true;
    else if (error !== undefined) this.fail(error);
    else if (over === true) this.fail("it ended before its last token");
    this.#wake();
    return fresh.length;
  }

  /** Whoever reads hears of it after the tokens that have come. */
  fail(why: string): void {
    this.#fail(why);
  }

  #fail(why: string): number {
    if (!this.#over) this.#trouble ??= why;
    this.#wake();
    return 0;
  }

  /** The tokens as they come. Throws when the replica cannot go on; ends when the signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<number, undefined> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const token = this.#inbox.shift();
        if (token !== undefined) yield token;
        else if (this.#over) return undefined;
        else if (this.#trouble !== undefined) throw new Error(this.#trouble);
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
      return undefined;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

// From tokens to text: bytes become characters as soon as they are whole, and a text ends where one
// of its stops begins, no part of which is ever sent. Pure, but for the decoder it keeps.

/** Takes tokens, gives text that is sure to belong to the answer. */
export class TextStream {
  readonly #stops: readonly string[];
  readonly #decoder = new TextDecoder();
  /** Text that may be the beginning of a stop. */
  #held = "";
  #stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** True once a stop has come: nothing follows. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The text that is now certain; often empty. `bytes` are those of the next token. */
  take(bytes: Uint8Array): string {
    return this.#add(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What was still held back when no token comes any more. */
  end(): string {
    const rest = this.#add(this.#decoder.decode());
    const held = this.#held;
    this.#held = "";
    return rest + held;
  }

  #add(text: string): string {
    if (this.#stopped) return "";
    const whole = this.#held + text;
    const places = this.#stops.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
    if (places.length > 0) {
      this.#stopped = true;
      this.#held = "";
      return whole.slice(0, Math.min(...places));
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(whole, stop)));
    this.#held = whole.slice(whole.length - keep);
    return whole.slice(0, whole.length - keep);
  }
}

/** Length of the longest end of the text with which the stop begins. */
function overlap(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !text.endsWith(stop.slice(0, length))) length -= 1;
  return length;
}

// Where the pool may be: a pool with several control planes has several addresses, of which one
// leads, and those that follow say which. It only chooses; dialling is left to gateway.ts.

/** Reads `https://a,https://b`: one address, or several between commas. */
export const addressesOf = (text: string): readonly string[] =>
  text
    .split(",")
    .map((one) => one.trim().replace(/\/+$/, ""))
    .filter((one) => one !== "");

/** Goes round the addresses until one leads. */
export class PoolAddresses {
  readonly #known: readonly string[];
  #place = 0;
  /** Named by one that follows; good for one try. */
  #leader: string | undefined;

  constructor(text: string) {
    this.#known = addressesOf(text);
  }

  /** The address to dial now. */
  get current(): string {
    return this.#leader ?? this.#known[this.#place % this.#known.length] ?? "";
  }

  /** One that follows has named the leader; true if that one is dialled next. */
  named(leader: string | undefined): boolean {
    const from = this.current;
    const url = leader?.replace(/\/+$/, "");
    if (url === undefined || !/^https?:\/\//.test(url) || url === from) return false;
    // A token and a key must not leave the encryption that the owner has chosen.
    if (from.startsWith("https:") && !url.startsWith("https:")) return false;
    this.#leader = url;
    return true;
  }

  /** The current one could not be used: the next one is dialled. */
  failed(): void {
    if (this.#leader === undefined) this.#place += 1;
    this.#leader = undefined;
  }
}

// Sign-ins under way: what was begun, is not finished, and may be finished once. Kept in memory
// only; whoever is interrupted by a restart begins again.
import { LIMITS } from "@tequio/core/pool";
import { newSecret } from "../secrets.ts";

export class Flows<T> {
  readonly #now: () => number;
  readonly #max: number;
  readonly #flows = new Map<string, { readonly value: T; readonly endsAtMs: number }>();

  constructor(now: () => number, max: number = LIMITS.SIGN_INS_MAX) {
    this.#now = now;
    this.#max = max;
  }

  /** Begins one; the key is a secret that cannot be guessed, unless the caller has one. */
  begin(value: T, key: string = newSecret()): string {
    this.#flows.set(key, { value, endsAtMs: this.#now() + LIMITS.SIGN_IN_MS });
    this.#forget();
    return key;
  }

  /** One that is still good. */
  get(key: string): T | undefined {
    const flow = this.#flows.get(key);
    return flow === undefined || flow.endsAtMs <= this.#now() ? undefined : flow.value;
  }

  /** Ends one; a second time there is nothing. */
  take(key: string): T | undefined {
    const value = this.get(key);
    this.#flows.delete(key);
    return value;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** The map is in the order of beginnings: those at the front end first. */
  #forget(): void {
    for (const [key, { endsAtMs }] of this.#flows) {
      if (endsAtMs > this.#now() && this.#flows.size <= this.#max) return;
      this.#flows.delete(key);
    }
  }
}

// Keeps guessers slow: so many wrong passwords for one user, so many wrong tries of any kind from
// one address. A try is paid before it is looked at, so that many at once are no way around it,
// and given back when it was right.
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import { type Rate, TokenBuckets } from "../token-bucket.ts";

const S_PER_HOUR = 3_600;
const MS_PER_S = 1_000;
const USER: Rate = {
  perS: LIMITS.PASSWORD_TRIES_PER_HOUR / S_PER_HOUR,
  burst: LIMITS.PASSWORD_TRIES_BURST,
};
const ADDRESS: Rate = {
  perS: LIMITS.ADDRESS_TRIES_PER_HOUR / S_PER_HOUR,
  burst: LIMITS.ADDRESS_TRIES_BURST,
};

export class Tries {
  readonly #buckets = new TokenBuckets(LIMITS.RATE_KEYS_MAX);
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Runs a try from an address, and for a user if it is a password. Refuses TOO_MANY. */
  async run<T>(
    address: string,
    user: string | undefined,
    look: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const keys: (readonly [string, Rate])[] = [[`address ${address}`, ADDRESS]];
    if (user !== undefined) keys.push([`user ${user}`, USER]);
    const paid = this.#pay(keys);
    if (!paid.ok) return paid;
    const outcome = await look();
    // Busy or down: nothing was guessed, and nobody learnt anything.
    if (outcome.ok || outcome.code === "TOO_MANY" || outcome.code.startsWith("STORE_")) {
      for (const [key, { burst }] of keys) this.#buckets.giveBack(key, 1, burst);
    }
    return outcome;
  }

  #pay(keys: readonly (readonly [string, Rate])[]): Outcome<undefined> {
    for (const [i, [key, rate]] of keys.entries()) {
      const waitMs = this.#buckets.spend(key, rate, 1, this.#now());
      if (waitMs === 0) continue;
      for (const [earlier, { burst }] of keys.slice(0, i)) {
        this.#buckets.giveBack(earlier, 1, burst);
      }
      const whose = key.startsWith("user") ? "for this user" : "from your address";
      const hint = `Wait ${Math.ceil(waitMs / MS_PER_S)} s, or ask an operator for a new link.`;
      return refuse("TOO_MANY", `There were too many wrong tries ${whose}.`, hint);
    }
    return ok(undefined);
  }
}

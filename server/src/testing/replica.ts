// A replica without an engine: asks for texts and writes letters, as slowly as the test wants. What
// it writes is a function of the seed and of the place, so that texts of several hands fit.
import { type Client, makeClient, type ReplicaWork, type TextOrder } from "@tequio/contract";
import { good } from "./setup.ts";

export interface FakeReplicaOptions {
  readonly url: string;
  readonly token: string;
  /** Between two tokens; texts of one replica take turns. */
  readonly tokenMs: number;
  /** Says a fault in place of the n-th token. */
  readonly failsAt?: number;
}

/** The letter at a place of a text. */
export const letterOf = (seed: number, at: number): number => 65 + ((seed + at) % 26);

export class FakeReplica {
  readonly orders: TextOrder[] = [];
  readonly rounds: number[] = [];
  readonly #options: FakeReplicaOptions;
  readonly #client: Client;
  readonly #gone = new AbortController();
  readonly #texts: { readonly order: TextOrder; count: number }[] = [];
  #holds: readonly string[] = [];

  constructor(options: FakeReplicaOptions) {
    this.#options = options;
    this.#client = makeClient(options);
  }

  /** Serves until it is killed or told to stop; gives the pool's last word. */
  async run(): Promise<string> {
    let after = 0;
    const writing = this.#write();
    for (;;) {
      const body = { after, waitMs: 5_000 };
      const asked = await this.#client.call("takeTexts", { body, signal: this.#gone.signal });
      if (this.#gone.signal.aborted) return "killed";
      if (!asked.ok) return asked.code;
      if (asked.value.state === "stop") {
        this.kill();
        await writing;
        return asked.value.reason;
      }
      after = asked.value.version;
      await this.#take(asked.value);
    }
  }

  /** As `kill -9` does it: no word, and the connections are cut. */
  kill(): void {
    this.#gone.abort();
  }

  /** How much of the newest text it has written. */
  get written(): number {
    return this.#texts.at(-1)?.count ?? 0;
  }

  async #take({ newest, texts, wanted }: ReplicaWork): Promise<void> {
    for (const order of texts) {
      this.orders.push(order);
      this.#texts.push({ order, count: 0 });
    }
    const left = this.#texts.filter(({ order }) => wanted.includes(order.id));
    this.#texts.splice(0, this.#texts.length, ...left);
    if (newest === undefined || this.#holds.includes(newest.digest)) return;
    this.#holds = [newest.digest];
    this.rounds.push(newest.round);
    const body = { holds: [newest.digest], tokensPerSecond: 100, texts: [] };
    good(await this.#client.call("sayTexts", { body }));
  }

  async #write(): Promise<void> {
    const { tokenMs, failsAt } = this.#options;
    for (let turn = 0; !this.#gone.signal.aborted; turn += 1) {
      await new Promise((done) => setTimeout(done, tokenMs));
      const open = this.#texts.filter(({ order, count }) => {
        return count < order.tokens - order.written.length;
      });
      const text = open[turn % Math.max(1, open.length)];
      if (text === undefined || this.#gone.signal.aborted) continue;
      const { order, count } = text;
      const error = count === failsAt ? { over: true, error: "out of memory" } : {};
      const tokens = error.over ? [] : [letterOf(order.seed, order.written.length + count)];
      text.count += 1;
      const body = { texts: [{ id: order.id, from: count, tokens, ...error }] };
      await this.#client.call("sayTexts", { body, signal: this.#gone.signal });
    }
  }
}

// The tail of a journal that another control plane writes: for a standby that keeps its state
// warm, and for replicas that only answer questions. It asks the database several times a second,
// with a question that costs one step into an index when nothing is new.
import { setTimeout as sleep } from "node:timers/promises";
import { assert, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { READ_RECORDS_MAX } from "../limits.ts";
import type { Tail, TailOptions } from "../replica.ts";
import { openReaders, parseTarget } from "./connection.ts";
import { createReader, type JournalReader } from "./journal.ts";
import { type PostgresStoreOptions, SCHEMA_DEFAULT } from "./open.ts";

/** Between two questions: what a reader sees is at most this much older, and the way there. */
const ASK_MS = 200;
/** Between two questions to a database that does not answer. */
const AWAY_MS = 1_000;

export interface FollowOptions extends TailOptions, Pick<PostgresStoreOptions, "url" | "schema"> {}

/** Follows the journal from a record on. Refuses INVALID_REQUEST for an address it cannot read. */
export function follow(options: FollowOptions): Outcome<Tail> {
  const target = parseTarget(options.url, options.schema ?? SCHEMA_DEFAULT);
  if (!target.ok) return target;
  const readers = openReaders(target.value);
  return ok(new JournalTail(createReader(readers, target.value), options, () => readers.end()));
}

/** A tail over a reader; `onClosed` gives back what belongs to it. */
export class JournalTail implements Tail {
  readonly broken: Promise<Refusal>;
  readonly #reader: JournalReader;
  readonly #options: TailOptions;
  readonly #onClosed: () => Promise<void>;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #place: Tail["place"];
  #freshMs: number | undefined;
  #away: Refusal | undefined;
  #pause = new AbortController();

  constructor(
    reader: JournalReader,
    options: TailOptions,
    onClosed: () => Promise<void> = async () => {},
  ) {
    const { afterSeq } = options;
    assert(Number.isSafeInteger(afterSeq) && afterSeq >= 0, "a tail follows a record or 0");
    this.#reader = reader;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#place = { seq: afterSeq, hash: undefined };
    let tellBroken: (why: Refusal) => void = () => {};
    this.broken = new Promise<Refusal>((resolve) => {
      tellBroken = resolve;
    });
    this.#ended = this.#run().then((why) => {
      if (why !== undefined) tellBroken(why);
    });
  }

  get place(): Tail["place"] {
    return this.#place;
  }

  get freshMs(): number | undefined {
    return this.#freshMs;
  }

  get away(): Refusal | undefined {
    return this.#away;
  }

  poke(): void {
    this.#pause.abort();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#pause.abort();
    await this.#ended;
    await this.#onClosed();
  }

  async #run(): Promise<Refusal | undefined> {
    while (!this.#stop.signal.aborted) {
      const askedMs = performance.now();
      const page = await this.#reader.readPage(this.#place.seq, READ_RECORDS_MAX);
      if (!page.ok && page.code === "JOURNAL_CORRUPT") return page;
      if (!page.ok && this.#away === undefined) this.#options.onAway?.(page);
      this.#away = page.ok ? undefined : page;
      const last = page.ok ? page.value.at(-1) : undefined;
      if (page.ok && last !== undefined) {
        this.#options.onRecords(page.value);
        this.#place = { seq: last.seq, hash: last.hash };
        continue;
      }
      if (page.ok) this.#freshMs = askedMs;
      await this.#rest();
    }
    return undefined;
  }

  async #rest(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    // A poke while a question was under way asks once more: it may have come too late for it.
    if (!this.#pause.signal.aborted) {
      const ms = this.#away === undefined ? ASK_MS : AWAY_MS;
      await sleep(ms, undefined, { signal: this.#pause.signal }).catch(() => undefined);
    }
    this.#pause = new AbortController();
  }
}

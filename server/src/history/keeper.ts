// Moves what is over from the state to the archive, a little at a time, and closes the books of
// months that are over. First the archive has it, durably; then the journal says that it has left
// the state. At the start the archive is compared with the state, and made anew from the journal
// when it is missing or another's.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  apply,
  closable,
  emptyState,
  type KeepPolicy,
  leaving,
  leavingBy,
  type State,
  unsettled,
} from "@tequio/core/controller";
import { periodText } from "@tequio/core/ledger";
import { type Outcome, ok, type Refusal } from "@tequio/core/pool";
import type { ArchiveStore, Store } from "@tequio/stores";
import type { Say } from "../ports.ts";
import { eventOf, type Pump } from "../pump.ts";
import { archiveIncomplete } from "./history.ts";
import { batchOf } from "./rows.ts";

/** Between two looks at what is due. */
const LOOK_MS = 10_000;
/** A batch is followed by a rest so many times as long: jobs are submitted meanwhile. */
const REST_PER_BATCH = 3;
/** Records of the journal read at once while the archive is made anew. */
const PAGE_RECORDS = 5_000;

interface Parts {
  readonly pump: Pump;
  readonly store: Pick<Store, "journal">;
  readonly archive: ArchiveStore;
  readonly keep: KeepPolicy;
  readonly now: () => number;
  readonly say: Say;
  /** Told why the archive cannot be asked, or that it can be. */
  readonly onTrouble: (trouble: Refusal | undefined) => void;
}

/** SHA-256 of the totals of a month. */
export const periodDigest = (books: Parameters<typeof periodText>[0]): string =>
  createHash("sha256").update(periodText(books)).digest("hex");

export class Keeper {
  readonly #parts: Parts;
  readonly #closing = new AbortController();
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** The archive was compared with the state. */
  #fits = false;
  /** What was said last, so that it is said once. */
  #said = "";

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Compares the archive with the state, and looks at what is due from then on. */
  start(): void {
    this.#do(() => this.#plan());
  }

  /** Lets what is due now leave; resolves when nothing is due any more. */
  async look(): Promise<void> {
    this.#do(() => this.#leave());
    await this.#work;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#work;
  }

  #do(act: () => Promise<void>): void {
    const { say } = this.#parts;
    this.#work = this.#work.then(act).catch((error: unknown) => {
      say("error", "The archive could not be kept up.", { why: String(error) });
    });
  }

  async #plan(): Promise<void> {
    this.#fits ||= await this.#ensure();
    if (this.#fits) await this.#leave();
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => this.#do(() => this.#plan()), LOOK_MS);
    this.#timer.unref();
  }

  async #leave(): Promise<void> {
    const { pump, now, keep, say } = this.#parts;
    while (!this.#closing.signal.aborted) {
      const startMs = performance.now();
      const gone = await this.#leaveOnce(pump.state, now(), keep);
      if (!gone.ok) {
        const { code, message: why } = gone;
        if (this.#said !== code) say("warn", "Ended jobs stay in the state.", { code, why });
        this.#said = code;
        // Somebody else has changed the archive, or a crash of its server took a part of it.
        if (code === "SEQUENCE_CONFLICT") this.#fits = false;
        return;
      }
      this.#said = "";
      if (!gone.value) break;
      const restMs = (performance.now() - startMs) * REST_PER_BATCH;
      await sleep(restMs, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
    for (const period of closable(pump.state, now())) {
      const digest = periodDigest(pump.state.ledger.periods[period]!);
      await pump.submit({ type: "closeBooks", period, digest });
    }
  }

  /** One batch; false when nothing is due. */
  async #leaveOnce(state: State, nowMs: number, keep: KeepPolicy): Promise<Outcome<boolean>> {
    const { pump, archive } = this.#parts;
    const due = leaving(state, nowMs, keep);
    if (due === undefined) return ok(false);
    const rows = batchOf(state, due);
    const jobs = due.jobs.map((job) => ({ jobId: job.jobId, unsettled: unsettled(state, job) }));
    const { batch, digest } = rows;
    const kept = await archive.put(rows);
    if (!kept.ok) return kept;
    const sizes = { entries: due.entries.length, hours: due.hours.length };
    const taken = await pump.submit({ type: "archive", batch, jobs, ...sizes, digest });
    return taken.ok ? ok(true) : taken;
  }

  /** True once the archive holds what has left the state. */
  async #ensure(): Promise<boolean> {
    const { pump, archive, onTrouble, say } = this.#parts;
    const fits = await isOf(archive, pump.state);
    if (fits.ok && fits.value) return true;
    if (fits.ok) {
      onTrouble(archiveIncomplete());
      say("info", "The archive is made anew from the journal.", {
        batches: pump.state.archived.batches,
      });
    }
    const made = fits.ok ? await this.#remake() : fits;
    onTrouble(made.ok ? undefined : made);
    if (!made.ok) say("error", made.message, { code: made.code, hint: made.hint });
    return made.ok;
  }

  async #remake(): Promise<Outcome<undefined>> {
    const { pump, store, archive, say } = this.#parts;
    const cleared = await archive.clear();
    if (!cleared.ok) return cleared;
    const state = emptyState();
    const { batches } = pump.state.archived;
    while (state.archived.batches < batches && !this.#closing.signal.aborted) {
      const page = await store.journal.read({ afterSeq: state.seq, limit: PAGE_RECORDS });
      if (!page.ok) return page;
      for (const record of page.value) {
        const event = eventOf(record);
        if (event.type === "history.archived") {
          // The journal's digest holds: a later release may write the rows in another way.
          const rows = { ...batchOf(state, leavingBy(state, event)), digest: event.digest };
          const kept = await archive.put(rows);
          if (!kept.ok) return kept;
        }
        apply(state, event, record.atMs);
        if (event.type === "books.closed") {
          const same = periodDigest(state.ledger.periods[event.period]!) === event.digest;
          if (!same) say("error", "A closed month has other totals.", { period: event.period });
        }
      }
      await new Promise((turn) => setImmediate(turn));
    }
    return ok(undefined);
  }
}

/** Whether the archive holds what has left this state, and at most one batch more. */
async function isOf(archive: ArchiveStore, { archived }: State): Promise<Outcome<boolean>> {
  const head = await archive.head();
  if (!head.ok) return head;
  const ahead = head.value.batch - archived.batches;
  if (ahead !== 0 && ahead !== 1) return ok(false);
  if (archived.batches === 0) return ok(true);
  const digest = await archive.digestAt(archived.batches);
  return digest.ok ? ok(digest.value === archived.digest) : digest;
}

// Removes blobs that nothing refers to: marks what the state names, then goes through the store
// page by page. A blob is removed when it was found unnamed in one pass, is still so in a later
// one at least the grace after, and nobody used it meanwhile. What it knows of unnamed blobs
// lies in memory: after a start nothing is removed before the grace is over, and no clock but the
// process's own is asked. The journal is not touched.
import type { State } from "@tequio/core/controller";
import { type Outcome, ok } from "@tequio/core/pool";
import type { Digest, UploadState } from "@tequio/stores";
import { CANDIDATES_MAX } from "./limits.ts";
import { addDigests, addRoots } from "./roots.ts";
import type { WatchedBlobs } from "./watched.ts";

export interface CollectorOptions {
  /** May be another object after a failed append. */
  readonly state: () => State;
  readonly blobs: WatchedBlobs;
  /** Milliseconds of a clock that never goes back; the one of the watched blobs. */
  readonly now: () => number;
  readonly graceMs: number;
  readonly pageRows: number;
  /** Called between pages and slices: lets other work go on. */
  readonly rest: () => Promise<void>;
}

/** What one pass found and did. */
export interface GcReport {
  readonly blobs: number;
  readonly bytes: number;
  /** Named by the state. */
  readonly referenced: number;
  readonly referencedBytes: number;
  /** Unnamed, and within the grace or used during it. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Removed, or with `dryRun` those that a pass would remove now. */
  readonly removed: number;
  readonly removedBytes: number;
  /** Unfinished uploads to which nothing was added during the grace. */
  readonly uploadsAbandoned: number;
  /** False for a pass that was stopped before its end. */
  readonly complete: boolean;
}

export interface PassOptions {
  /** Look only. */
  readonly dryRun?: boolean;
  /** Stops the pass after the blob in hand. */
  readonly signal?: AbortSignal;
}

interface UploadSeen {
  readonly offset: number;
  readonly sinceMs: number;
}

type Counts = { -readonly [K in keyof Omit<GcReport, "complete">]: number };

const noCounts = (): Counts => ({
  ...{ blobs: 0, bytes: 0, referenced: 0, referencedBytes: 0, waiting: 0, waitingBytes: 0 },
  ...{ removed: 0, removedBytes: 0, uploadsAbandoned: 0 },
});

export class Collector {
  readonly #options: CollectorOptions;
  /** Unnamed blobs, and since when. */
  #unnamed = new Map<string, number>();
  #uploads = new Map<string, UploadSeen>();
  /** Of the passes under way: what events name is added to what each has marked. */
  readonly #marks = new Set<Set<string>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Events that became part of the state: what they name counts in a pass under way. */
  take(events: readonly { readonly event: unknown }[]): void {
    if (this.#marks.size === 0) return;
    for (const { event } of events) for (const marked of this.#marks) addDigests(event, marked);
  }

  /** Goes through the store once; one pass at a time. Refuses what the store refuses. */
  pass(options: PassOptions = {}): Promise<Outcome<GcReport>> {
    const turn = this.#turn.then(() => this.#markAndSweep(options));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #markAndSweep(options: PassOptions): Promise<Outcome<GcReport>> {
    const { state, rest } = this.#options;
    const marked = new Set<string>();
    this.#marks.add(marked);
    try {
      await addRoots(state(), marked, rest);
      return await this.#sweep(marked, options);
    } finally {
      this.#marks.delete(marked);
    }
  }

  async #sweep(marked: ReadonlySet<string>, options: PassOptions): Promise<Outcome<GcReport>> {
    const { blobs, now, graceMs, pageRows, rest } = this.#options;
    const counts = noCounts();
    const sinceMs = now();
    const uploads = await blobs.uploads();
    const dryRun = options.dryRun === true;
    const stopped = (): boolean => options.signal?.aborted === true;
    if (!dryRun) counts.uploadsAbandoned = await this.#abandon(uploads, stopped);
    const seen = new Set<string>();
    let after: Digest | undefined;
    while (!stopped()) {
      const page = await blobs.list({ limit: pageRows, ...(after === undefined ? {} : { after }) });
      for (const { digest, size } of page) {
        if (stopped()) break;
        seen.add(digest);
        blobs.found(digest, size);
        counts.blobs += 1;
        counts.bytes += size;
        const done = await this.#judge(digest, size, { marked, counts, dryRun });
        if (!done.ok) return done;
      }
      after = page.at(-1)?.digest;
      if (page.length < pageRows) break;
      await rest();
    }
    const complete = !stopped();
    if (complete) this.#forget(seen, sinceMs);
    blobs.forgetBefore(now() - graceMs);
    return ok({ ...counts, complete });
  }

  async #judge(
    digest: Digest,
    size: number,
    pass: {
      readonly marked: ReadonlySet<string>;
      readonly counts: Counts;
      readonly dryRun: boolean;
    },
  ): Promise<Outcome<undefined>> {
    const { counts } = pass;
    const { blobs, now, graceMs } = this.#options;
    if (pass.marked.has(digest)) {
      this.#unnamed.delete(digest);
      counts.referenced += 1;
      counts.referencedBytes += size;
      return ok(undefined);
    }
    const nowMs = now();
    const known = this.#unnamed.get(digest);
    const room = this.#unnamed.size < CANDIDATES_MAX;
    if (known === undefined && room && !pass.dryRun) this.#unnamed.set(digest, nowMs);
    const due = known !== undefined && nowMs - known >= graceMs;
    const removed =
      due && !pass.dryRun ? await blobs.removeUnused(digest, nowMs - graceMs) : ok(due);
    if (!removed.ok) return removed;
    if (removed.value) {
      if (!pass.dryRun) this.#unnamed.delete(digest);
      counts.removed += 1;
      counts.removedBytes += size;
    } else {
      counts.waiting += 1;
      counts.waitingBytes += size;
    }
    return ok(undefined);
  }

  /** Blobs that went by themselves are no longer unnamed ones. */
  #forget(seen: ReadonlySet<string>, sinceMs: number): void {
    this.#options.blobs.listed(seen, sinceMs);
    for (const digest of this.#unnamed.keys()) {
      if (!seen.has(digest)) this.#unnamed.delete(digest);
    }
  }

  /** Gives up uploads that stand still for the grace; gives their number. */
  async #abandon(uploads: readonly UploadState[], stopped: () => boolean): Promise<number> {
    const { blobs, now, graceMs } = this.#options;
    const before = this.#uploads;
    this.#uploads = new Map();
    let abandoned = 0;
    for (const { digest, offset } of uploads) {
      const old = before.get(digest);
      const sinceMs = old?.offset === offset ? old.sinceMs : now();
      if (now() - sinceMs < graceMs || stopped()) this.#uploads.set(digest, { offset, sinceMs });
      else if (await blobs.abortUpload(digest)) abandoned += 1;
    }
    return abandoned;
  }
}

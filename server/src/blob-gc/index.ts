// The care of the blobs, put together: the watch over them, the quotas, and the collector that goes
// through them from time to time and says what it removed.
import type { State } from "@tequio/core/controller";
import type { Outcome } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { Say } from "../ports.ts";
import { Collector, type GcReport, type PassOptions } from "./collector.ts";
import { FIRST_PASS_MS, GRACE_MS, PAGE_REST_MS, PAGE_ROWS, PASS_EVERY_MS } from "./limits.ts";
import { BLOB_QUOTAS_DEFAULT, type BlobQuota, type BlobQuotas, makeBlobQuota } from "./quota.ts";
import { type WatchedBlobs, watchBlobs } from "./watched.ts";

export type { GcReport, PassOptions } from "./collector.ts";
export type { BlobQuotas } from "./quota.ts";

/** What an operator may set; what is absent has its named default. */
export interface BlobCareSettings {
  readonly quotas?: Partial<BlobQuotas>;
  /** A blob that nothing names stays this long, in milliseconds. */
  readonly graceMs?: number;
  /** From the end of one pass to the next, in milliseconds. */
  readonly everyMs?: number;
  /** Rest between two pages, in milliseconds. */
  readonly restMs?: number;
}

export interface BlobCareOptions extends BlobCareSettings {
  readonly store: Store;
  readonly state: () => State;
  /** Digests of the blobs that belong to a job's run. */
  readonly blobsOf: (jobId: string) => Iterable<string>;
  readonly say: Say;
}

export interface BlobCare {
  readonly blobs: WatchedBlobs;
  readonly quota: BlobQuota;
  readonly quotas: BlobQuotas;
  readonly graceMs: number;
  /** Takes what became durable; must be told of everything. */
  readonly take: (events: readonly { readonly event: unknown }[]) => void;
  /** Goes through the blobs now. */
  readonly pass: (options?: PassOptions) => Promise<Outcome<GcReport>>;
  /** What the last whole pass found that was no dry run; undefined before the first. */
  readonly last: () => GcReport | undefined;
  /** Begins to go through the blobs from time to time. */
  readonly start: () => void;
  /** Ends after the blob in hand. */
  readonly close: () => Promise<void>;
}

/** Watches the store's blobs: whoever uses them must use `blobs` of the result from here on. */
export function makeBlobCare(options: BlobCareOptions): BlobCare {
  const { state, say, blobsOf, graceMs = GRACE_MS } = options;
  const now = (): number => performance.now();
  const blobs = watchBlobs(options.store.blobs, now);
  const quotas = { ...BLOB_QUOTAS_DEFAULT, ...options.quotas };
  const closing = new AbortController();
  const collector = new Collector({
    ...{ state, blobs, now, graceMs, pageRows: PAGE_ROWS },
    rest: () => new Promise((done) => setTimeout(done, options.restMs ?? PAGE_REST_MS)),
  });
  let last: GcReport | undefined;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<unknown> = Promise.resolve();
  const pass = async (asked: PassOptions = {}): Promise<Outcome<GcReport>> => {
    const signal = AbortSignal.any([closing.signal, ...(asked.signal ? [asked.signal] : [])]);
    const done = await collector.pass({ ...asked, signal });
    if (!done.ok || !done.value.complete || asked.dryRun === true) return done;
    last = done.value;
    const { removed, removedBytes, uploadsAbandoned } = done.value;
    if (removed + uploadsAbandoned > 0) {
      say("info", "Unused blobs were removed.", { removed, removedBytes, uploadsAbandoned });
    }
    return done;
  };
  const work = async (): Promise<void> => {
    // A store that does not answer now is asked again the next time.
    const done = await pass().catch((error: unknown) => ({ ok: false, message: String(error) }));
    if (!done.ok) say("warn", "The blobs could not be gone through.", { why: messageOf(done) });
    schedule(options.everyMs ?? PASS_EVERY_MS);
  };
  const schedule = (ms: number): void => {
    if (closing.signal.aborted) return;
    timer = setTimeout(() => {
      working = work();
    }, ms);
  };
  return {
    ...{ blobs, quotas, graceMs, pass },
    quota: makeBlobQuota({ quotas, state, blobs, blobsOf }),
    take: (events) => collector.take(events),
    last: () => last,
    start: () => schedule(Math.min(FIRST_PASS_MS, options.everyMs ?? FIRST_PASS_MS)),
    async close() {
      closing.abort();
      clearTimeout(timer);
      await working;
    },
  };
}

const messageOf = (done: object): unknown => ("message" in done ? done.message : undefined);

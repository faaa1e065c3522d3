// What the pool itself wrote down: its whole journal, verified and folded from the first record,
// with the waits of jobs whose site was lost measured on the way. It leaves to check.ts what is
// right.
import { apply, type Event, emptyState, type State } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok } from "@tequio/core/pool";
import type { JournalRecord, Store } from "@tequio/stores";

/** A job whose lease was lost with its site, and when it ran again. */
export interface LostWait {
  readonly jobId: string;
  readonly fromSite: string;
  /** Absent: its job ended without another attempt. */
  readonly toSite?: string;
  /** From the moment at which its lease was over for good to its next start. */
  readonly waitedMs?: number;
}

export interface Books {
  readonly state: State;
  readonly lostWaits: readonly LostWait[];
  readonly records: number;
  /** Times that the control plane came back to open leases. */
  readonly boots: number;
}

interface Open {
  readonly jobId: string;
  readonly fromSite: string;
  readonly allowedAtMs: number;
}

const PAGE_RECORDS = 5_000;

const eventOf = (record: JournalRecord): Event =>
  ({ type: record.type, ...(JSON.parse(record.payload) as object) }) as Event;

/** Follows lost leases through the events, before each is applied. */
class Waits {
  readonly done: LostWait[] = [];
  readonly #open = new Map<string, Open>();

  see(state: State, event: Event, atMs: number): void {
    if (event.type === "lease.ended" && event.estimated) {
      const { jobId, siteId } = state.leases.get(event.leaseId)!.lease;
      const untilMs = state.sites.get(siteId)!.leaseUntilMs;
      const bootMs = state.bootedAtMs + LIMITS.LEASE_HORIZON_MS;
      const allowedAtMs = Math.max(untilMs, bootMs) + LIMITS.LEASE_MARGIN_MS;
      this.#open.set(jobId, { jobId, fromSite: siteId, allowedAtMs });
    } else if (event.type === "lease.running") {
      const { jobId, siteId } = state.leases.get(event.leaseId)!.lease;
      const open = this.#open.get(jobId);
      if (open === undefined) return;
      const { fromSite, allowedAtMs } = open;
      this.done.push({ jobId, fromSite, toSite: siteId, waitedMs: atMs - allowedAtMs });
      this.#open.delete(jobId);
    } else if (event.type === "job.ended") {
      const open = this.#open.get(event.jobId);
      if (open !== undefined) this.done.push({ jobId: open.jobId, fromSite: open.fromSite });
      this.#open.delete(event.jobId);
    }
  }
}

/** Verifies and folds a whole journal. Refuses what the store refuses, e.g. JOURNAL_CORRUPT. */
export async function readBooks(store: Store): Promise<Outcome<Books>> {
  const verified = await store.journal.verify();
  if (!verified.ok) return verified;
  const state = emptyState();
  const waits = new Waits();
  let boots = 0;
  for (;;) {
    const page = await store.journal.read({ afterSeq: state.seq, limit: PAGE_RECORDS });
    if (!page.ok) return page;
    if (page.value.length === 0) break;
    for (const record of page.value) {
      const event = eventOf(record);
      if (event.type === "pool.booted") boots += 1;
      waits.see(state, event, record.atMs);
      apply(state, event, record.atMs);
    }
  }
  return ok({ state, lostWaits: waits.done, records: verified.value.seq, boots });
}

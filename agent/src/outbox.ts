// What this site knows of its leases and has not told the pool yet, on disk. A report is written
// and synced before it is sent, and sent again until the pool acknowledged it. The end of a lease
// is remembered beyond that, so that a late order never starts a lease a second time.
// One JSON record a line, appended; the file is rewritten when it has grown. The engine stays the
// source of truth for leases that still exist there.
import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { LeaseReport } from "@tequio/contract";
import { readIfThere, replaceFile } from "./folder.ts";
import { type Say, whyOf } from "./say.ts";

export type ReportEvent = LeaseReport["event"];

/** What is remembered of one lease. */
export interface LeaseMemory {
  readonly leaseId: string;
  readonly jobId: string;
  readonly fence: number;
  /** Tasks of the lease at this site: each has a log. */
  readonly tasks: number;
  /** `accepted`: it is about to be started, or was when the agent died. */
  readonly last: "accepted" | ReportEvent["kind"];
  /** The report of its end or refusal: after it nothing else is ever reported. */
  readonly final?: LeaseReport;
}

type Line =
  | { readonly k: "lease"; readonly lease: LeaseMemory }
  | { readonly k: "report"; readonly report: LeaseReport }
  | { readonly k: "ack"; readonly ids: readonly string[] };

export const OUTBOX_BOUNDS = {
  /** Ended leases that are remembered. The pool does not order one again after its end was
   * acknowledged; this covers orders that were under way, with much room. */
  ENDED_KEPT_MAX: 2_000,
  /** Lines after which the file is rewritten: about 1 MB. */
  LINES_MAX: 5_000,
};

const isFinal = (kind: LeaseMemory["last"]): boolean => kind === "ended" || kind === "refused";

/** The reports and memories of one folder. */
export class Outbox {
  readonly #path: string;
  readonly #say: Say;
  readonly #bounds: typeof OUTBOX_BOUNDS;
  readonly #leases = new Map<string, LeaseMemory>();
  readonly #pending = new Map<string, LeaseReport>();
  #lines = 0;
  /** The last append failed: a half line may stand at the end. */
  #broken = false;

  /** `generation` as in SiteRecord: another pool must not get the reports of the one before. */
  constructor(folder: string, generation: number, say: Say, bounds = OUTBOX_BOUNDS) {
    this.#bounds = bounds;
    this.#path = join(folder, `outbox.${generation}.jsonl`);
    this.#say = say;
    for (const text of (readIfThere(this.#path) ?? "").split("\n")) this.#load(text);
    this.#rewrite();
  }

  /** Reports without an acknowledgement, oldest first. */
  get pending(): readonly LeaseReport[] {
    return [...this.#pending.values()];
  }

  isPending(leaseId: string): boolean {
    return this.pending.some((report) => report.leaseId === leaseId);
  }

  lease(leaseId: string): LeaseMemory | undefined {
    return this.#leases.get(leaseId);
  }

  /** Leases whose end has not been reported. */
  unfinished(): readonly LeaseMemory[] {
    return [...this.#leases.values()].filter((lease) => lease.final === undefined);
  }

  /** Remembers a lease before it is started. */
  accept(lease: Omit<LeaseMemory, "last" | "final">): void {
    this.#append([{ k: "lease", lease: { ...lease, last: "accepted" } }]);
  }

  /** Keeps a new report; it may be sent after this returned. */
  report(leaseId: string, fence: number, event: ReportEvent): LeaseReport {
    const report: LeaseReport = { reportId: randomUUID(), leaseId, fence, event };
    this.#append([{ k: "report", report }]);
    return report;
  }

  /** The pool asks again for a lease that is over: its final report waits for an answer again. */
  repeat(leaseId: string): LeaseReport | undefined {
    const final = this.#leases.get(leaseId)?.final;
    if (final !== undefined) this.#pending.set(final.reportId, final);
    return final;
  }

  /** The pool has these reports. Unknown ids are of no matter: an answer may come twice. */
  ack(reportIds: readonly string[]): void {
    const ids = reportIds.filter((id) => this.#pending.has(id));
    if (ids.length > 0) this.#append([{ k: "ack", ids }]);
  }

  #load(text: string): void {
    if (text === "") return;
    try {
      this.#apply(JSON.parse(text) as Line);
    } catch {
      // A line that was cut by a crash was never sent; the engine still knows what it told.
      this.#say("warn", "Skipped a damaged line of the outbox.");
    }
  }

  #apply(line: Line): void {
    if (line.k === "ack") {
      for (const id of line.ids) this.#pending.delete(id);
      return;
    }
    if (line.k === "lease") {
      this.#leases.set(line.lease.leaseId, line.lease);
      return;
    }
    const { report } = line;
    const { leaseId, fence, event } = report;
    const before = this.#leases.get(leaseId) ?? unheard(leaseId, fence);
    this.#pending.set(report.reportId, report);
    if (before.final !== undefined) return; // read again after a rewrite
    const final = isFinal(event.kind) ? { final: report } : {};
    this.#leases.delete(leaseId); // the newest end stands last
    this.#leases.set(leaseId, { ...before, last: event.kind, ...final });
  }

  #append(lines: readonly Line[]): void {
    for (const line of lines) this.#apply(line);
    this.#lines += lines.length;
    if (this.#broken || this.#lines > this.#bounds.LINES_MAX) {
      this.#rewrite();
      return;
    }
    try {
      appendSynced(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    } catch (error) {
      this.#failed(error);
    }
  }

  #rewrite(): void {
    this.#forgetOldest();
    const lines: Line[] = [];
    for (const lease of this.#leases.values()) lines.push({ k: "lease", lease });
    for (const report of this.#pending.values()) lines.push({ k: "report", report });
    try {
      replaceFile(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      this.#lines = lines.length;
      this.#broken = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A full disk must not stop the site: the engine remembers its leases, so after a crash the
   * reports are made again. The next append tries to write everything. */
  #failed(error: unknown): void {
    this.#broken = true;
    this.#say("error", "The outbox cannot be written; reports live in memory.", {
      why: whyOf(error),
    });
  }

  #forgetOldest(): void {
    const over = [...this.#leases.values()].filter(
      (lease) => lease.final !== undefined && !this.#pending.has(lease.final.reportId),
    );
    const spare = Math.max(0, over.length - this.#bounds.ENDED_KEPT_MAX);
    for (const lease of over.slice(0, spare)) {
      this.#leases.delete(lease.leaseId);
    }
  }
}

/** A lease that was started before this outbox was made, or is refused without a start. */
const unheard = (leaseId: string, fence: number): LeaseMemory => ({
  leaseId,
  jobId: "",
  fence,
  tasks: 0,
  last: "accepted",
});

function appendSynced(path: string, text: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

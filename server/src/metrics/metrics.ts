// The control plane's metrics: listens to the store, the pump, the durable events and the HTTP
// server, and answers scrapes. Who may scrape is decided by api/probes.ts.
import type { State } from "@tequio/core/controller";
import type { Store } from "@tequio/stores";
import type { Committed } from "../pump.ts";
import { setGauges } from "./gauges.ts";
import { JobTally } from "./job-tally.ts";
import { LeaseTally } from "./lease-tally.ts";
import { MetricRegistry, type Page, type PageKind } from "./registry.ts";
import { type StoreHealth, watchStore } from "./store-watch.ts";

const MS_PER_S = 1_000;

/** What a scrape asks of the running parts. */
export interface LiveSources {
  readonly state: () => State;
  readonly now: () => number;
  readonly lastSeen: (siteId: string) => number | undefined;
  readonly eventStreams: () => number;
  /** Milliseconds that a follower is behind; undefined for the leader. */
  readonly followerLagMs?: () => number | undefined;
  /** Free bytes on the disk of the data folder; undefined when that cannot be known. */
  readonly freeBytes: () => Promise<number | undefined>;
}

interface Tallies {
  readonly jobs: JobTally;
  readonly leases: LeaseTally;
  /** The tallies hold everything up to this event. */
  readonly seq: number;
}

export class Metrics {
  readonly registry = new MetricRegistry();
  readonly #startMs = performance.now();
  #snapshotMs: number | undefined;
  #passes = { count: 0, lastS: 0, maxS: 0, sumS: 0 };
  #placements = 0;
  #connections = 0;
  #tallies: Tallies | undefined;

  constructor(version: string) {
    this.registry.set("build", 1, version);
    this.registry.count("placements", 0);
    this.registry.count("moves", 0);
  }

  /** The store under watch: whoever uses this one is measured. */
  watch(store: Store): Store & StoreHealth {
    const { registry } = this;
    return watchStore(store, {
      onAppend(seconds, records) {
        registry.observe("append", seconds);
        registry.observe("appendRecords", records);
      },
      onSnapshot: (seconds, seq) => {
        registry.observe("snapshotWrite", seconds);
        registry.set("snapshotSeq", seq);
        this.#snapshotMs = performance.now();
      },
      onFound: (seq) => registry.set("snapshotSeq", seq),
      onRefused: (code) => registry.count("storeErrors", 1, code),
    });
  }

  /** Starts counting from this state; events up to it are not counted again. */
  begin(state: State): void {
    this.#tallies = { jobs: new JobTally(state), leases: new LeaseTally(state), seq: state.seq };
    this.registry.count("jobsSubmitted", this.#tallies.jobs.submitted);
  }

  /** One look of the scheduler took so long. */
  readonly passed = (ms: number): void => {
    const seconds = ms / MS_PER_S;
    const { count, maxS, sumS } = this.#passes;
    this.#passes = {
      count: count + 1,
      lastS: seconds,
      maxS: Math.max(maxS, seconds),
      sumS: sumS + seconds,
    };
    this.registry.observe("schedulerPass", seconds);
  };

  /** Takes durable events. */
  take(events: readonly Committed[], state: State): void {
    const tallies = this.#tallies;
    if (tallies === undefined) return;
    for (const committed of events) {
      if (committed.seq <= tallies.seq) continue;
      tallies.jobs.take(committed);
      tallies.leases.take(committed, state);
      this.#count(committed, state);
    }
  }

  #count({ atMs, event }: Committed, state: State): void {
    const { registry } = this;
    if (event.type === "job.submitted") registry.count("jobsSubmitted", 1);
    else if (event.type === "job.requeued") registry.count("jobsRequeued", 1);
    else if (event.type === "lease.stopping" && event.move !== undefined)
      registry.count("moves", 1);
    else if (event.type === "run.advanced") this.#countRound(event.event);
    else if (event.type === "lease.ended") {
      registry.count("leaseEnds", 1, event.end.outcome);
      registry.observe("leaseRan", event.end.usage.ranMs / MS_PER_S);
    } else if (event.type === "lease.granted") {
      const { jobId, attempt } = event.lease;
      this.#placements += 1;
      registry.count("placements", 1);
      const submittedAtMs = state.jobs.get(jobId)?.submittedAtMs;
      if (attempt !== 1 || submittedAtMs === undefined) return;
      registry.observe("jobWait", Math.max(0, atMs - submittedAtMs) / MS_PER_S);
    }
  }

  #countRound(event: Extract<Committed["event"], { type: "run.advanced" }>["event"]): void {
    const { registry } = this;
    if (event.type === "contribution.refused") registry.count("runContributions", 1, "refused");
    if (event.type === "contribution.accepted") {
      registry.count("runBytes", event.contribution.bytes, "up");
    }
    if (event.type !== "round.merged") return;
    registry.count("runRounds", 1);
    registry.count("runTokens", event.tokens);
    registry.count("runBytes", event.bytesDown, "down");
    const merged = event.rows.filter(({ weight }) => weight > 0).length;
    registry.count("runContributions", merged, "merged");
    registry.count("runContributions", event.rows.length - merged, "not_counted");
    if (event.heldOutLoss !== null) registry.set("runLoss", event.heldOutLoss);
  }

  /** A request was answered. `route` is the pattern of the address. */
  answered(method: string, route: string, status: number, seconds: number): void {
    this.registry.count("httpRequests", 1, method, route, String(status));
    this.registry.observe("httpSeconds", seconds, method, route);
  }

  /** A WebSocket was opened (1) or closed (-1). */
  connected(by: 1 | -1): void {
    this.#connections += by;
  }

  /** The page for a scrape. */
  page(kind: PageKind, openMetrics: boolean, live: LiveSources): Promise<Page> {
    return this.registry.page(kind, openMetrics, async () => {
      const { registry } = this;
      const tallies = this.#tallies;
      if (tallies === undefined) return;
      setGauges({
        registry,
        state: live.state(),
        ...{ jobs: tallies.jobs, leases: tallies.leases },
        ...{ passes: this.#passes, placements: this.#placements },
        ...{ nowMs: live.now(), lastSeen: live.lastSeen },
      });
      registry.set("gatewayConnections", this.#connections);
      registry.set("eventStreams", live.eventStreams());
      const lagMs = live.followerLagMs?.();
      registry.set("leads", lagMs === undefined ? 1 : 0);
      registry.set("followerLag", (lagMs ?? 0) / MS_PER_S);
      const sinceMs = performance.now() - (this.#snapshotMs ?? this.#startMs);
      registry.set("snapshotAge", sinceMs / MS_PER_S);
      const free = await live.freeBytes();
      if (free !== undefined) registry.set("storeFree", free);
    });
  }

  close(): void {
    this.registry.close();
  }
}

// What every part of the server works with: the pump, the store and the services around them. Made
// once in server.ts and handed to the handlers; holds no logic of its own.
import type { TabFarewell } from "@tequio/contract";
import type { Outcome } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { Aggregator } from "./aggregator/aggregator.ts";
import type { BlobCare } from "./blob-gc/index.ts";
import type { BlobGuard } from "./blob-guard.ts";
import type { Role } from "./follower/role.ts";
import type { History } from "./history/history.ts";
import type { LineageKey } from "./lineage-key.ts";
import type { LogStore } from "./logs/log-store.ts";
import type { Metrics } from "./metrics/metrics.ts";
import type { PeopleWatch } from "./people-watch.ts";
import type { Say, TrainerPort } from "./ports.ts";
import type { Pump } from "./pump.ts";
import type { Replicas } from "./replicas/replicas.ts";
import type { RunIndex } from "./run-index.ts";
import type { Signer } from "./signer.ts";
import type { SignIn } from "./signin/service.ts";
import type { TlsClients } from "./tls-clients.ts";
import type { JobLives } from "./traces/job-life.ts";
import type { Traces } from "./traces/traces.ts";
import type { Waker } from "./waker.ts";

/** What the store and the disk under it say of themselves. */
export interface Health {
  /** Why the journal took nothing the last time; undefined when all is well. */
  readonly journalTrouble: () => string | undefined;
  /** Free bytes on the disk of the data folder; undefined when that cannot be known. */
  readonly freeBytes: () => Promise<number | undefined>;
}

export interface Context {
  readonly pump: Pump;
  readonly store: Store;
  readonly role: Role;
  readonly signer: Signer;
  readonly lineageKey: LineageKey;
  readonly history: History;
  readonly logs: LogStore;
  readonly runs: RunIndex;
  readonly waker: Waker;
  readonly people: PeopleWatch;
  readonly signIn: SignIn;
  readonly blobGuard: BlobGuard;
  readonly blobCare: BlobCare;
  readonly aggregator: Aggregator;
  readonly trainer: TrainerPort | undefined;
  readonly replicas: Replicas;
  readonly version: string;
  readonly now: () => number;
  /** Address under which sites reach the pool; undefined: the one that the caller used. */
  readonly publicUrl: string | undefined;
  /** Fingerprint of the pool's self-signed certificate, for join tokens. */
  readonly pin: string | undefined;
  /** Whom the pool asks for a certificate of their own; undefined: nobody. */
  readonly tlsClients: TlsClients | undefined;
  /** When a site last spoke to this process, ms since 1970. */
  readonly lastSeen: (siteId: string) => number | undefined;
  /** Ends what a closed tab held: see gateway.ts. */
  readonly farewell: (said: TabFarewell) => Promise<Outcome<boolean>>;
  readonly say: Say;
  /** Says a line for each request, not only for those that went wrong. */
  readonly logRequests: boolean;
  readonly metrics: Metrics;
  readonly traces: Traces;
  /** The traces of jobs. */
  readonly lives: JobLives;
  readonly health: Health;
  /** SHA-256 of a token that may read the metrics and nothing else. */
  readonly metricsTokenHash: string | undefined;
  /** Aborted when the server closes: ends long polls and streams. */
  readonly closing: AbortSignal;
}

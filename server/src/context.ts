// What every part of the server works with: the pump, the store and the services around them. Made
// once in server.ts and handed to the handlers; holds no logic of its own.
import type { Store } from "@tequio/stores";
import type { Aggregator } from "./aggregator/aggregator.ts";
import type { BlobGuard } from "./blob-guard.ts";
import type { LogStore } from "./logs/log-store.ts";
import type { Say, TrainerPort } from "./ports.ts";
import type { Pump } from "./pump.ts";
import type { RunIndex } from "./run-index.ts";
import type { Signer } from "./signer.ts";
import type { Waker } from "./waker.ts";

export interface Context {
  readonly pump: Pump;
  readonly store: Store;
  readonly signer: Signer;
  readonly logs: LogStore;
  readonly runs: RunIndex;
  readonly waker: Waker;
  readonly blobGuard: BlobGuard;
  readonly aggregator: Aggregator;
  readonly trainer: TrainerPort | undefined;
  readonly version: string;
  readonly now: () => number;
  /** Address under which sites reach the pool; undefined: the one that the caller used. */
  readonly publicUrl: string | undefined;
  /** When a site last spoke to this process, ms since 1970. */
  readonly lastSeen: (siteId: string) => number | undefined;
  readonly say: Say;
  /** Aborted when the server closes: ends long polls and streams. */
  readonly closing: AbortSignal;
}

// The replica as a process: what its environment says, and how it ends. worker.ts starts it when
// its argument is `serve`.
import { makeClient } from "@tequio/contract";
import type { BandwidthRule } from "@tequio/core/pool";
import { believePool } from "../site/believe.ts";
import { blobClient } from "../site/blob-client.ts";
import { serveTexts } from "./replica.ts";
import { openTextService } from "./service.ts";

export interface ReplicaSettings {
  readonly url: string;
  readonly token: string;
  readonly bandwidth: readonly BandwidthRule[];
  readonly threads: number;
  readonly log: (line: string) => void;
}

/** Serves until the run is gone, the lease ends or a signal asks for the end. */
export async function runReplica(settings: ReplicaSettings): Promise<void> {
  const { url, token, bandwidth, threads, log } = settings;
  believePool();
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopping.abort());
  const texts = openTextService({ threads });
  const reason = await serveTexts({
    client: makeClient({ url, token }),
    blobs: blobClient(url, token, bandwidth),
    ...{ texts, log, signal: stopping.signal },
  });
  log(`ends: ${reason}`);
  await texts.close();
}

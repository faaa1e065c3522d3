// Puts the control plane together: pump, services, HTTP, gateway, aggregator and ticker, and takes
// them apart again in the other order. Which store, trainer and console there are is decided by
// the composition root.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { FastifyInstance } from "fastify";
import { Aggregator } from "./aggregator/aggregator.ts";
import { openHttp } from "./api/http.ts";
import { type BlobCareSettings, makeBlobCare } from "./blob-gc/index.ts";
import { makeBlobGuard } from "./blob-guard.ts";
import { makeClock } from "./clock.ts";
import type { Context, Health } from "./context.ts";
import { type Gateway, openGateway } from "./gateway/gateway.ts";
import { openLogs } from "./logs/log-store.ts";
import { Metrics } from "./metrics/metrics.ts";
import { makePeopleWatch } from "./people-watch.ts";
import type { Say, TrainerPort } from "./ports.ts";
import { type Committed, openPump, type Pump } from "./pump.ts";
import { makeRunIndex } from "./run-index.ts";
import { openAdminToken, openKey, sha256 } from "./secrets.ts";
import { makeSigner } from "./signer.ts";
import { startTicker } from "./ticker.ts";
import type { ServerTls } from "./tls.ts";
import { makeWaker, type Waker } from "./waker.ts";

export interface ServerOptions {
  readonly store: Store;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Name of the pool, if it is made now. */
  readonly poolName: string;
  /** Holds `logs/` and `secrets/`. */
  readonly dataFolder: string;
  /** The built web console. */
  readonly consoleFolder?: string;
  readonly version: string;
  /** Wall clock in milliseconds since 1970; for tests. */
  readonly now?: () => number;
  /** Needed for spanning runs. */
  readonly trainer?: TrainerPort;
  /** Address under which sites reach the pool, written into join tokens. */
  readonly publicUrl?: string;
  /** Absent: nothing is encrypted here, for a pool on one machine or behind a proxy. */
  readonly tls?: ServerTls;
  readonly say?: Say;
  /** Says a line for each request, not only for those that went wrong. */
  readonly logRequests?: boolean;
  /** A token that may read the metrics and nothing else. */
  readonly metricsToken?: string;
  /** Free bytes where blobs and logs lie; undefined when that cannot be known. */
  readonly freeBytes?: () => Promise<number | undefined>;
  /** Quotas of blobs, and how long unused ones stay. */
  readonly blobCare?: BlobCareSettings;
}

export interface ServerHandle {
  /** Address on this machine. */
  readonly url: string;
  readonly port: number;
  readonly pump: Pump;
  /** Token of the operator on this machine; undefined if it was revoked. */
  readonly adminToken: string | undefined;
  /** Stops everything; the store stays open. */
  close(): Promise<void>;
}

/** Starts a control plane. Refuses PORT_TAKEN, and what the store and the folder refuse. */
export async function openServer(options: ServerOptions): Promise<Outcome<ServerHandle>> {
  const folder = makeFolder(options.dataFolder);
  if (folder !== undefined) return folder;
  const key = openKey(options.dataFolder);
  if (!key.ok) return key;
  const say: Say = options.say ?? (() => {});
  const clock = makeClock(options.now);
  const metrics = new Metrics(options.version);
  const store = metrics.watch(options.store);
  const onBug = (error: unknown): void =>
    say("error", "The controller broke one of its rules.", { why: stackOf(error) });
  const opened = await openPump(store, clock.now, onBug, metrics.passed);
  if (!opened.ok) return opened;
  const pump = opened.value;
  metrics.begin(pump.state);
  pump.onCommitted((events) => metrics.take(events, pump.state));
  clock.atLeast(pump.state.nowMs);
  const created = await createPool(pump, options.poolName);
  if (created !== undefined) return created;
  const adminToken = await openAdminToken(options.dataFolder, pump);
  if (!adminToken.ok) return adminToken;
  const health: Health = {
    journalTrouble: store.trouble,
    freeBytes: options.freeBytes ?? (() => freeBytesOf(options.dataFolder)),
  };
  const parts = { pump, store, key: key.value, now: clock.now, say, metrics, health };
  return start(options, parts, adminToken.value);
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

async function freeBytesOf(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  return found === undefined ? undefined : found.bavail * found.bsize;
}

function makeFolder(path: string): Refusal | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return undefined;
  } catch (error) {
    const hint = "Choose a data folder that you own.";
    return refuse("STORE_UNWRITABLE", `${path} cannot be made (${String(error)}).`, hint);
  }
}

/** The first event of an empty journal. */
async function createPool(pump: Pump, name: string): Promise<Refusal | undefined> {
  if (pump.state.poolId !== "") return undefined;
  const created = await pump.submit({ type: "createPool", poolId: randomUUID(), name });
  return created.ok ? undefined : created;
}

interface Parts {
  readonly pump: Pump;
  /** The options' store, under watch. */
  readonly store: Store;
  readonly key: Uint8Array;
  readonly now: () => number;
  readonly say: Say;
  readonly metrics: Metrics;
  readonly health: Health;
}

async function start(
  options: ServerOptions,
  parts: Parts,
  adminToken: string | undefined,
): Promise<Outcome<ServerHandle>> {
  const { pump } = parts;
  const stopping = new AbortController();
  const waker = makeWaker();
  const seen: { gateway?: Gateway } = {};
  const context = makeContext(options, parts, waker, stopping.signal, seen);
  const http = await openHttp(context, options.consoleFolder, options.tls);
  const gateway = openGateway(http.app.server, context);
  seen.gateway = gateway;
  const ticker = startTicker(pump, parts.now);
  const stopListening = pump.onCommitted((events) => {
    context.runs.take(events);
    gateway.take(events);
    http.events.take(events);
    context.people.take(events);
    wakeFor(pump, waker, events);
    context.blobGuard.take(events);
    context.blobCare.take(events);
    context.aggregator.look();
    ticker.retime();
  });
  const close = async (): Promise<void> => {
    stopping.abort();
    ticker.stop();
    http.events.close();
    gateway.close();
    await http.app.close();
    await context.aggregator.close();
    await context.blobCare.close();
    stopListening();
    await pump.close();
    await context.logs.close();
    context.metrics.close();
  };
  const listening = await listen(http.app, options);
  if (!listening.ok) {
    await close();
    return listening;
  }
  context.aggregator.look();
  context.blobCare.start();
  const { url, port } = listening.value;
  return ok({ url, port, pump, adminToken, close });
}

function makeContext(
  options: ServerOptions,
  parts: Parts,
  waker: Waker,
  closing: AbortSignal,
  seen: { readonly gateway?: Gateway },
): Context {
  const { trainer, version, publicUrl, metricsToken } = options;
  const { pump, key, now, say, metrics, health } = parts;
  const state = () => pump.state;
  const blobsOf = (jobId: string) => blobGuard.blobsOf(jobId);
  const blobCare = makeBlobCare({ ...options.blobCare, store: parts.store, state, blobsOf, say });
  const blobGuard = makeBlobGuard(state, blobCare.blobs);
  const { journal, snapshots, info } = parts.store;
  const store: Store = {
    journal,
    snapshots,
    info,
    blobs: blobCare.blobs,
    close: parts.store.close,
  };
  const runs = makeRunIndex(pump.state);
  return {
    ...{ pump, store, runs, waker, trainer, version, now, publicUrl, say, closing },
    pin: options.tls?.pin,
    ...{ metrics, health, logRequests: options.logRequests === true },
    metricsTokenHash: metricsToken === undefined ? undefined : sha256(metricsToken),
    signer: makeSigner(key, pump.state.poolId),
    logs: openLogs(join(options.dataFolder, "logs"), waker, say),
    people: makePeopleWatch(),
    ...{ blobGuard, blobCare },
    aggregator: new Aggregator({ pump, store, runs, trainer, say }),
    lastSeen: (siteId) => seen.gateway?.lastSeen(siteId),
  };
}

/** Long polls wait for a job: whatever happens to it, its leases or its run wakes them. */
function wakeFor({ state }: Pump, waker: Waker, events: readonly Committed[]): void {
  const jobs = new Set<string>();
  for (const { event } of events) {
    if ("jobId" in event) jobs.add(event.jobId);
    else if (event.type === "lease.granted") jobs.add(event.lease.jobId);
    else if ("leaseId" in event) jobs.add(state.leases.get(event.leaseId)?.lease.jobId ?? "");
  }
  for (const jobId of jobs) waker.wake(`job ${jobId}`);
}

async function listen(
  app: FastifyInstance,
  { host, port, tls }: ServerOptions,
): Promise<Outcome<{ readonly url: string; readonly port: number }>> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      const hint = "Stop the other program, or choose another port with --port.";
      return refuse("PORT_TAKEN", `Port ${port} of ${host} is taken.`, hint);
    }
    const hint = "Choose another address with --host and --port.";
    return refuse("PORT_TAKEN", `${host}:${port} cannot be opened (${message}).`, hint);
  }
  const address = app.server.address();
  const real = typeof address === "object" && address !== null ? address.port : port;
  const name = host.includes(":") ? `[${host}]` : host;
  // Whoever listens on every address is reached on this machine by the loopback one.
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : name;
  return ok({ url: `${tls === undefined ? "http" : "https"}://${shown}:${real}`, port: real });
}

// Puts the control plane together: pump, services, HTTP, gateway, aggregator and ticker, and takes
// them apart again in the other order. Which store, trainer and console there are is decided by
// the composition root.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { FastifyInstance } from "fastify";
import { Aggregator } from "./aggregator/aggregator.ts";
import { openHttp } from "./api/http.ts";
import { makeBlobGuard } from "./blob-guard.ts";
import { makeClock } from "./clock.ts";
import type { Context } from "./context.ts";
import { type Gateway, openGateway } from "./gateway/gateway.ts";
import { openLogs } from "./logs/log-store.ts";
import type { Say, TrainerPort } from "./ports.ts";
import { type Committed, openPump, type Pump } from "./pump.ts";
import { makeRunIndex } from "./run-index.ts";
import { openAdminToken, openKey } from "./secrets.ts";
import { makeSigner } from "./signer.ts";
import { startTicker } from "./ticker.ts";
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
  readonly say?: Say;
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
  const opened = await openPump(options.store, clock.now, (error) =>
    say("error", "The controller broke one of its rules.", { why: stackOf(error) }),
  );
  if (!opened.ok) return opened;
  const pump = opened.value;
  clock.atLeast(pump.state.nowMs);
  const created = await createPool(pump, options.poolName);
  if (created !== undefined) return created;
  const adminToken = await openAdminToken(options.dataFolder, pump);
  if (!adminToken.ok) return adminToken;
  return start(options, { pump, key: key.value, now: clock.now, say }, adminToken.value);
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

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
  readonly key: Uint8Array;
  readonly now: () => number;
  readonly say: Say;
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
  const http = await openHttp(context, options.consoleFolder);
  const gateway = openGateway(http.app.server, context);
  seen.gateway = gateway;
  const ticker = startTicker(pump, parts.now);
  const stopListening = pump.onCommitted((events) => {
    context.runs.take(events);
    gateway.take(events);
    http.events.take(events);
    wakeFor(pump, waker, events);
    context.blobGuard.take(events);
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
    stopListening();
    await pump.close();
    await context.logs.close();
  };
  const listening = await listen(http.app, options);
  if (!listening.ok) {
    await close();
    return listening;
  }
  context.aggregator.look();
  const { url, port } = listening.value;
  return ok({ url, port, pump, adminToken, close });
}

function makeContext(
  options: ServerOptions,
  { pump, key, now, say }: Parts,
  waker: Waker,
  closing: AbortSignal,
  seen: { readonly gateway?: Gateway },
): Context {
  const { store, trainer, version, publicUrl } = options;
  const runs = makeRunIndex(pump.state);
  return {
    ...{ pump, store, runs, waker, trainer, version, now, publicUrl, say, closing },
    signer: makeSigner(key, pump.state.poolId),
    logs: openLogs(join(options.dataFolder, "logs"), waker, say),
    blobGuard: makeBlobGuard(() => pump.state, store.blobs),
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
  { host, port }: ServerOptions,
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
  return ok({ url: `http://${shown}:${real}`, port: real });
}

// Puts the control plane together: pump, services, HTTP, gateway, aggregator and ticker, and takes
// them apart again in the other order. Which store, trainer and console there are is decided by
// the composition root.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { KEEP_DEFAULT, type KeepPolicy } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { FastifyInstance } from "fastify";
import { Aggregator } from "./aggregator/aggregator.ts";
import { openHttp } from "./api/http.ts";
import { type BlobCareSettings, makeBlobCare } from "./blob-gc/index.ts";
import { makeBlobGuard } from "./blob-guard.ts";
import { type Clock, makeClock } from "./clock.ts";
import type { Context, Health } from "./context.ts";
import { LEADS, type Role } from "./follower/role.ts";
import { type Gateway, openGateway } from "./gateway/gateway.ts";
import { History } from "./history/history.ts";
import { Keeper } from "./history/keeper.ts";
import { makeLineageKey } from "./lineage-key.ts";
import { openLogs } from "./logs/log-store.ts";
import { Metrics } from "./metrics/metrics.ts";
import type { StoreHealth } from "./metrics/store-watch.ts";
import { openSqlitePeople, type PeopleStore, PeopleStoreError } from "./people-store/index.ts";
import { makePeopleWatch } from "./people-watch.ts";
import type { Say, TrainerPort } from "./ports.ts";
import { type Committed, openPump, type Pump } from "./pump.ts";
import { Replicas } from "./replicas/replicas.ts";
import { makeRunIndex } from "./run-index.ts";
import { openAdminToken, openKey, sha256 } from "./secrets.ts";
import { makeSigner } from "./signer.ts";
import { makeSignIn } from "./signin/service.ts";
import { SIGN_IN_DEFAULTS, type SignInSettings } from "./signin/settings.ts";
import { startTicker, type Ticker } from "./ticker.ts";
import { followCertificates, type ServerTls } from "./tls.ts";
import { makeJobLives } from "./traces/job-life.ts";
import { NO_TRACES, type Traces } from "./traces/traces.ts";
import { tracedPump, tracedStore, tracePass, type Waiting } from "./traces/watch.ts";
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
  /** Milliseconds of a clock that nobody corrects; for tests that let time pass. */
  readonly monotonic?: () => number;
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
  /** Takes spans; absent: nothing is traced. The server closes it. */
  readonly traces?: Traces;
  /** How long, and how many, ended jobs and lines of the books stay at hand. */
  readonly keep?: KeepPolicy;
  /** How people sign in; absent: passwords and passkeys of local users. */
  readonly signIn?: SignInSettings;
  /** What is known of people beyond the journal; absent: a file of the data folder. The server
   * closes it. */
  readonly people?: PeopleStore;
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
  const base = openBase(options);
  if (!base.ok) return base;
  const { store, clock, onBug, onPass } = base.value;
  const opened = await openPump(store, clock.now, onBug, onPass);
  if (!opened.ok) return opened;
  const pump = opened.value;
  clock.atLeast(pump.state.nowMs);
  const token = await openLead(options, pump);
  if (!token.ok) return token;
  const started = await start(options, { ...base.value, pump, role: LEADS });
  if (!started.ok) return started;
  started.value.lead();
  return ok({ ...started.value.handle, adminToken: token.value });
}

/** What a leader and a follower begin with. */
export interface Base {
  /** The options' store, under watch. */
  readonly store: Store & StoreHealth;
  readonly key: Uint8Array;
  readonly clock: Clock;
  readonly say: Say;
  readonly onBug: (error: unknown) => void;
  readonly onPass: (ms: number) => void;
  readonly traces: Traces;
  /** Spans of requests that wait for a commit. */
  readonly waiting: Waiting;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Folder, key, clock and metrics. Refuses what the folder refuses. */
export function openBase(options: ServerOptions): Outcome<Base> {
  const folder = makeFolder(options.dataFolder);
  if (folder !== undefined) return folder;
  const key = openKey(options.dataFolder);
  if (!key.ok) return key;
  const say: Say = options.say ?? (() => {});
  const clock = makeClock(options.now, options.monotonic);
  const metrics = new Metrics(options.version);
  const traces = options.traces ?? NO_TRACES;
  const waiting: Waiting = new Set();
  const store = metrics.watch(tracedStore(options.store, traces, waiting));
  const onPass = (ms: number): void => {
    metrics.passed(ms);
    tracePass(traces, ms);
  };
  const onBug = (error: unknown): void =>
    say("error", "The controller broke one of its rules.", { why: stackOf(error) });
  const health: Health = {
    journalTrouble: store.trouble,
    freeBytes: options.freeBytes ?? (() => freeBytesOf(options.dataFolder)),
  };
  return ok({
    ...{ store, key: key.value, clock, say, onBug, onPass, metrics, health },
    ...{ traces, waiting },
  });
}

/** The first inputs of a leader: the pool if there is none, and the operator's token. */
export async function openLead(
  { poolName, dataFolder }: ServerOptions,
  pump: Pump,
): Promise<Outcome<string | undefined>> {
  const created = await createPool(pump, poolName);
  return created ?? (await openAdminToken(dataFolder, pump));
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

export interface Parts extends Base {
  readonly pump: Pump;
  readonly role: Role;
}

/** A control plane that answers; what only a leader does begins with `lead`. */
export interface Started {
  readonly handle: Omit<ServerHandle, "adminToken">;
  readonly lead: () => void;
}

/** Opens HTTP and the gateway. Refuses PORT_TAKEN. */
export async function start(options: ServerOptions, given: Parts): Promise<Outcome<Started>> {
  const { metrics, traces } = given;
  const pump = tracedPump(given.pump, traces, given.waiting);
  const parts: Parts = { ...given, pump };
  metrics.begin(pump.state);
  const stopCounting = pump.onCommitted((events) => metrics.take(events, pump.state));
  const stopping = new AbortController();
  const waker = makeWaker();
  const seen: { gateway?: Gateway } = {};
  const people = options.people ? ok(options.people) : await openSqlitePeople(options.dataFolder);
  if (!people.ok) return people;
  const signIn = makeSignIn({
    ...{ settings: options.signIn ?? SIGN_IN_DEFAULTS, pump, people: people.value },
    ...{ now: parts.clock.now, say: parts.say },
  });
  const loaded = await signIn.load().catch((error: unknown) => error);
  if (loaded instanceof PeopleStoreError) return loaded.refusal;
  if (loaded !== undefined) throw loaded;
  const context = { ...makeContext(options, parts, waker, stopping.signal, seen), signIn };
  const http = await openHttp(context, options.consoleFolder, options.tls);
  const gateway = openGateway(http.app.server, context);
  const stopFollowing = followCertificates(http.app.server, options.tls, parts.say);
  seen.gateway = gateway;
  const running: { ticker?: Ticker; keeper?: Keeper } = {};
  const stopListening = pump.onCommitted((events) => {
    context.runs.take(events);
    gateway.take(events);
    http.events.take(events);
    context.people.take(events);
    wakeFor(pump, waker, events);
    context.blobGuard.take(events);
    context.blobCare.take(events);
    if (running.ticker === undefined) return; // Others lead, and do what follows.
    if (traces.on) context.lives.take(events);
    context.aggregator.look();
    running.ticker.retime();
  });
  const close = async (): Promise<void> => {
    stopping.abort();
    running.ticker?.stop();
    stopFollowing();
    await running.keeper?.close();
    http.events.close();
    gateway.close();
    await http.app.close();
    await context.aggregator.close();
    await context.blobCare.close();
    stopListening();
    stopCounting();
    await pump.close();
    await context.logs.close();
    await signIn.stop();
    context.metrics.close();
    await traces.close();
  };
  const listening = await listen(http.app, options);
  if (!listening.ok) {
    await close();
    return listening;
  }
  const lead = (): void => {
    if (stopping.signal.aborted) return;
    running.ticker = startTicker(pump, parts.clock.now);
    running.keeper = startKeeper(options, parts, context.history);
    signIn.lead();
    context.aggregator.look();
    context.blobCare.start();
  };
  return ok({ handle: { ...listening.value, pump, close }, lead });
}

/** Nothing without an archive: then nothing leaves the state. */
function startKeeper(
  { keep = KEEP_DEFAULT }: ServerOptions,
  { pump, store, clock, say }: Parts,
  history: History,
): Keeper | undefined {
  const { archive } = store;
  if (archive === undefined) return undefined;
  const onTrouble = (trouble: Refusal | undefined): void => {
    history.trouble = trouble;
  };
  const keeper = new Keeper({ pump, store, archive, keep, now: clock.now, say, onTrouble });
  keeper.start();
  return keeper;
}

function makeContext(
  options: ServerOptions,
  parts: Parts,
  waker: Waker,
  closing: AbortSignal,
  seen: { readonly gateway?: Gateway },
): Omit<Context, "signIn"> {
  const { trainer, version, publicUrl, metricsToken } = options;
  const { pump, role, key, say, metrics, health } = parts;
  const { now } = parts.clock;
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
    ...{ pump, role, store, runs, waker, trainer, version, now, publicUrl, say, closing },
    ...{ pin: options.tls?.pin, tlsClients: options.tls?.clients },
    ...{ metrics, health, logRequests: options.logRequests === true },
    ...{ traces: parts.traces, lives: makeJobLives(parts.traces, state) },
    metricsTokenHash: metricsToken === undefined ? undefined : sha256(metricsToken),
    signer: makeSigner(key, pump.state.poolId),
    lineageKey: makeLineageKey(key),
    history: new History(state, () => parts.store.archive),
    logs: openLogs(join(options.dataFolder, "logs"), waker, say),
    people: makePeopleWatch(),
    ...{ blobGuard, blobCare },
    aggregator: new Aggregator({ pump, store, runs, trainer, say }),
    replicas: new Replicas({
      state,
      waker,
      say,
      clock: () => performance.now(),
      firstVersion: now(),
    }),
    lastSeen: (siteId) => seen.gateway?.lastSeen(siteId),
    farewell: async (said) => (await seen.gateway?.farewell(said)) ?? ok(false),
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

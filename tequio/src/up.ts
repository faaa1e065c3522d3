// The control plane as one process: store, HTTP server, gateway, trainer's thread. Only
// here are concrete parts named; `openServer` knows them as ports.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeepPolicy } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import {
  type BlobCareSettings,
  openFollowing,
  openServer,
  openTraces,
  type PeopleStore,
  type Say,
  type ServerHandle,
  type ServerOptions,
  type SignInSettings,
  type Traces,
} from "@tequio/server";
import type { Store } from "@tequio/stores";
import { openTrainerService } from "@tequio/trainer";
import { type BlobsPlace, withBlobsAt } from "./blobs-place.ts";
import { openPeopleAt } from "./people-place.ts";
import { awaitTurn, type Turn } from "./standby.ts";
import { openPlace, type PlaceStore, type Standby } from "./verbs/store-places.ts";
import type { TraceSettings } from "./verbs/trace-flags.ts";
import type { Listen } from "./verbs/up-tls.ts";
import { VERSION } from "./version.ts";

export interface UpOptions {
  /** Data folder: journal, blobs, logs, secrets. */
  readonly data: string;
  /** Address of the database that holds the journal; absent: the data folder does. */
  readonly store?: string;
  /** Waits while another control plane has the database; absent: refuses then. */
  readonly standby?: Standby;
  readonly port: number;
  readonly listen: Listen;
  readonly name: string;
  readonly log: (line: string) => void;
  /** Takes what the control plane says to its operator. */
  readonly say: Say;
  readonly logRequests: boolean;
  /** File with a token that may read the metrics and nothing else. */
  readonly metricsTokenFile?: string;
  /** Where the blobs lie; absent: in the data folder. */
  readonly blobsPlace?: BlobsPlace;
  /** Where traces go; absent: nothing is traced. */
  readonly traces?: TraceSettings;
  /** Quotas of blobs, and how long unused ones stay. */
  readonly blobCare?: BlobCareSettings;
  /** How people sign in; absent: local users only. */
  readonly signIn?: SignInSettings;
  /** How long, and how many, ended jobs stay at hand. */
  readonly keep?: KeepPolicy;
}

/** Shorter ones can be guessed. */
const METRICS_TOKEN_CHARS_MIN = 20;

/** Opens what takes spans; the SDK is loaded only then. */
async function tracesOf({ traces, say }: UpOptions): Promise<Outcome<Traces | undefined>> {
  if (traces === undefined) return ok(undefined);
  return openTraces({ ...traces, version: VERSION, instanceId: randomUUID(), say });
}

export interface UpHandle extends ServerHandle {
  /** Resolves when another control plane has taken over the database: this one has to stop. */
  readonly deposed: Promise<Refusal>;
  /** Another control plane leads: this one only answers reads until its turn comes. */
  readonly follows: boolean;
  /** Resolves when this one leads, with the operator's token; or with why it never will. */
  readonly led: Promise<Outcome<string | undefined>>;
}

const here = dirname(fileURLToPath(import.meta.url));

/** The built console: in the repository, or beside the program in the published package. */
export function consoleFolder(): string | undefined {
  const places = [join(here, "..", "..", "console", "dist"), join(here, "..", "console")];
  return places.find((place) => existsSync(join(place, "index.html")));
}

/** The token in the file, without the line's end; refuses one that cannot be read or is short. */
async function metricsTokenOf(path: string | undefined): Promise<Outcome<string | undefined>> {
  if (path === undefined) return ok(undefined);
  const text = await readFile(path, "utf8").catch((error: unknown) => error as Error);
  if (typeof text !== "string") {
    const hint = "Give the path of a file that the control plane may read.";
    return refuse("USAGE", `\`--metrics-token-file\` cannot be read (${text.message}).`, hint);
  }
  const token = text.trim();
  if (token.length >= METRICS_TOKEN_CHARS_MIN) return ok(token);
  const hint = "Make one with `openssl rand -base64 32`.";
  return refuse("USAGE", `The token in ${path} is shorter than 20 characters.`, hint);
}

/** Starts the control plane; refuses when the folder or the port cannot be had. */
export async function startUp(options: UpOptions): Promise<Outcome<UpHandle>> {
  await mkdir(options.data, { recursive: true, mode: 0o700 });
  let tellDeposed: (refusal: Refusal) => void = () => {};
  const deposed = new Promise<Refusal>((resolve) => {
    tellDeposed = resolve;
  });
  const metricsToken = await metricsTokenOf(options.metricsTokenFile);
  if (!metricsToken.ok) return metricsToken;
  const traces = await tracesOf(options);
  if (!traces.ok) return traces;
  const turn = await turnOf(options, tellDeposed);
  if (!turn.ok) return turn;
  const people = await peopleOf(options);
  if (!people.ok) {
    await (turn.value.leads ? turn.value.store : turn.value.replica).close();
    return people;
  }
  const trainer = openTrainerService({ threads: Math.min(2, availableParallelism()) });
  const settings = {
    ...settingsOf(options, trainer, metricsToken.value),
    ...(people.value === undefined ? {} : { people: people.value }),
    ...(traces.value === undefined ? {} : { traces: traces.value }),
  };
  const started = turn.value.leads
    ? await startLeader(options, settings, turn.value.store)
    : await startFollower(options, settings, turn.value);
  if (!started.ok) {
    await trainer.close();
    await people.value?.close();
    return started;
  }
  return ok({
    ...started.value,
    deposed,
    close: async () => {
      await started.value.close();
      await trainer.close();
      await started.value.closeStore();
    },
  });
}

/** The people in the database; undefined: the server finds them in its data folder. */
async function peopleOf({ data, store }: UpOptions): Promise<Outcome<PeopleStore | undefined>> {
  return store === undefined ? ok(undefined) : openPeopleAt({ data, url: store });
}

async function turnOf(
  { data, store, standby }: UpOptions,
  tellDeposed: (refusal: Refusal) => void,
): Promise<Outcome<Turn>> {
  if (store !== undefined && standby !== undefined) {
    return awaitTurn({ url: store, data }, tellDeposed, standby);
  }
  const place = store === undefined ? {} : { url: store };
  const opened = await openPlace({ data, ...place }, tellDeposed);
  return opened.ok ? ok({ leads: true, store: opened.value }) : opened;
}

type Settings = Omit<ServerOptions, "store">;
type Handle = Omit<UpHandle, "deposed"> & { closeStore(): Promise<void> };

function settingsOf(
  options: UpOptions,
  trainer: ReturnType<typeof openTrainerService>,
  metricsToken: string | undefined,
): Settings {
  const folder = consoleFolder();
  return {
    ...options.listen,
    port: options.port,
    poolName: options.name,
    dataFolder: options.data,
    ...(folder === undefined ? {} : { consoleFolder: folder }),
    version: VERSION,
    trainer,
    ...{ say: options.say, logRequests: options.logRequests },
    ...(options.blobCare === undefined ? {} : { blobCare: options.blobCare }),
    ...(options.signIn === undefined ? {} : { signIn: options.signIn }),
    ...(options.keep === undefined ? {} : { keep: options.keep }),
    ...(metricsToken === undefined ? {} : { metricsToken }),
  };
}

/** Address of this very control plane, for those who ask one that follows. */
const ownUrl = ({ listen }: UpOptions, url: string): string =>
  listen.ownUrl ?? listen.publicUrl ?? url;

async function startLeader(
  options: UpOptions,
  settings: Settings,
  opened: PlaceStore,
): Promise<Outcome<Handle>> {
  const store = await withBlobsAt(opened, options.blobsPlace ?? {});
  if (!store.ok) return store;
  const { recovered } = store.value.info;
  if (recovered !== undefined) {
    const { tail, lostBytes, lastSeq } = recovered;
    options.log(
      `The journal had a torn end (${tail}, ${lostBytes} bytes): recovered to record ${lastSeq}; ` +
        "nothing that was acknowledged is lost.",
    );
  }
  const server = await openServer({ ...settings, store: store.value });
  if (!server.ok) {
    await store.value.close();
    return server;
  }
  await opened.announce?.(ownUrl(options, server.value.url));
  const led = Promise.resolve(ok(server.value.adminToken));
  return ok({ ...server.value, follows: false, led, closeStore: () => store.value.close() });
}

async function startFollower(
  options: UpOptions,
  settings: Settings,
  { replica, turn }: Extract<Turn, { leads: false }>,
): Promise<Outcome<Handle>> {
  let store: Store | undefined;
  const server = await openFollowing({
    ...settings,
    replica,
    async turn(verified, url) {
      const opened = await turn(verified);
      if (!opened.ok) return opened;
      const whole = await withBlobsAt(opened.value, options.blobsPlace ?? {});
      if (!whole.ok) return whole;
      store = whole.value;
      // Those who ask a follower are told of the new leader as soon as it answers.
      void opened.value.announce?.(ownUrl(options, url));
      return whole;
    },
  });
  if (!server.ok) {
    await replica.close();
    return server;
  }
  const closeStore = async (): Promise<void> => store?.close();
  return ok({ ...server.value, follows: true, closeStore });
}

// The control plane as one process: store, HTTP server, gateway, trainer's thread. Only
// here are concrete parts named; `openServer` knows them as ports.
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { type BlobCareSettings, openServer, type Say, type ServerHandle } from "@tequio/server";
import { openTrainerService } from "@tequio/trainer";
import { type BlobsPlace, withBlobsAt } from "./blobs-place.ts";
import { openPlace, type Standby } from "./verbs/store-places.ts";
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
  /** Quotas of blobs, and how long unused ones stay. */
  readonly blobCare?: BlobCareSettings;
}

/** Shorter ones can be guessed. */
const METRICS_TOKEN_CHARS_MIN = 20;

export interface UpHandle extends ServerHandle {
  /** Resolves when another control plane has taken over the database: this one has to stop. */
  readonly deposed: Promise<Refusal>;
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
  const place = options.store === undefined ? {} : { url: options.store };
  const opened = await openPlace({ data: options.data, ...place }, tellDeposed, options.standby);
  if (!opened.ok) return opened;
  const store = await withBlobsAt(opened.value, options.blobsPlace ?? {});
  if (!store.ok) return store;
  const { recovered } = store.value.info;
  if (recovered !== undefined) {
    const { tail, lostBytes, lastSeq } = recovered;
    options.log(
      `The journal had a torn end (${tail}, ${lostBytes} bytes): recovered to record ${lastSeq}; ` +
        "nothing that was acknowledged is lost.",
    );
  }
  const metricsToken = await metricsTokenOf(options.metricsTokenFile);
  if (!metricsToken.ok) {
    await store.value.close();
    return metricsToken;
  }
  const trainer = openTrainerService({ threads: Math.min(2, availableParallelism()) });
  const folder = consoleFolder();
  const server = await openServer({
    store: store.value,
    ...options.listen,
    port: options.port,
    poolName: options.name,
    dataFolder: options.data,
    ...(folder === undefined ? {} : { consoleFolder: folder }),
    version: VERSION,
    trainer,
    ...{ say: options.say, logRequests: options.logRequests },
    ...(options.blobCare === undefined ? {} : { blobCare: options.blobCare }),
    ...(metricsToken.value === undefined ? {} : { metricsToken: metricsToken.value }),
  });
  if (!server.ok) {
    await trainer.close();
    await store.value.close();
    return server;
  }
  return ok({
    ...server.value,
    deposed,
    close: async () => {
      await server.value.close();
      await trainer.close();
      await store.value.close();
    },
  });
}

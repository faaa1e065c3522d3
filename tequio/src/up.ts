// The control plane as one process: SQLite store, HTTP server, gateway, trainer's thread. Only
// here are concrete parts named; `openServer` knows them as ports.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Outcome, ok } from "@tequio/core/pool";
import { openServer, type ServerHandle } from "@tequio/server";
import { openSqliteStore } from "@tequio/stores/sqlite";
import { openTrainerService } from "@tequio/trainer";
import { VERSION } from "./version.ts";

export interface UpOptions {
  /** Data folder: journal, blobs, logs, secrets. */
  readonly data: string;
  readonly port: number;
  readonly name: string;
  readonly log: (line: string) => void;
}

const here = dirname(fileURLToPath(import.meta.url));

/** The built console: in the repository, or beside the program in the published package. */
export function consoleFolder(): string | undefined {
  const places = [join(here, "..", "..", "console", "dist"), join(here, "..", "console")];
  return places.find((place) => existsSync(join(place, "index.html")));
}

/** Starts the control plane; refuses when the folder or the port cannot be had. */
export async function startUp(options: UpOptions): Promise<Outcome<ServerHandle>> {
  await mkdir(options.data, { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ folder: options.data });
  if (!store.ok) return store;
  const { recovered } = store.value.info;
  if (recovered !== undefined) {
    const { tail, lostBytes, lastSeq } = recovered;
    options.log(
      `The journal had a torn end (${tail}, ${lostBytes} bytes): recovered to record ${lastSeq}; ` +
        "nothing that was acknowledged is lost.",
    );
  }
  const trainer = openTrainerService({ threads: Math.min(2, availableParallelism()) });
  const folder = consoleFolder();
  const server = await openServer({
    store: store.value,
    host: "127.0.0.1",
    port: options.port,
    poolName: options.name,
    dataFolder: options.data,
    ...(folder === undefined ? {} : { consoleFolder: folder }),
    version: VERSION,
    trainer,
  });
  if (!server.ok) {
    await trainer.close();
    await store.value.close();
    return server;
  }
  return ok({
    ...server.value,
    close: async () => {
      await server.value.close();
      await trainer.close();
      await store.value.close();
    },
  });
}

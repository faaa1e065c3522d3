// The site agent as one process: the agent with the local engine and the embedded trainer.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentHandle, runAgent, type TlsFiles } from "@tequio/agent";
import { TRAINER_COMMAND } from "@tequio/contract/agent";
import { type IsolationOptions, localEngine } from "@tequio/engines/local";
import { VERSION } from "./version.ts";

export interface SiteOptions {
  readonly folder: string;
  readonly joinToken?: string;
  readonly poolUrl?: string;
  /** The certificate that the site shows to a pool that asks for one. */
  readonly tls?: TlsFiles;
  /** Cores for all jobs of this site together; absent: no limit of ours. */
  readonly cpuShare?: number;
  readonly milliCpu?: number;
  readonly memoryMiB?: number;
  readonly nodeName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** How far jobs are kept from this machine; absent: not at all. */
  readonly isolation?: IsolationOptions;
  readonly log: (line: string) => void;
}

const moduleFile = (specifier: string): string => fileURLToPath(import.meta.resolve(specifier));

/** WASM code must not stay in V8's baseline tier: that is 2.6 times slower. */
const TRAINER_FLAGS = ["--no-wasm-dynamic-tiering"];

/** Programs that Tequio brings along lie in these: tasks within walls must be able to read them. */
function programFolders(): readonly string[] {
  const packages = ["@tequio/core/pool", "@tequio/contract", "@tequio/trainer/worker"];
  const folders = packages.map((name) => packageFolder(dirname(moduleFile(name))));
  for (let at = import.meta.dirname; at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, "node_modules"))) folders.push(join(at, "node_modules"));
  }
  return [...folders, dirname(dirname(process.execPath))];
}

/** The folder of the package that a folder belongs to. */
const packageFolder = (folder: string): string =>
  existsSync(join(folder, "package.json")) || folder === dirname(folder)
    ? folder
    : packageFolder(dirname(folder));

/** The owner's wish, with what the agent itself has to show and to hide. */
function isolationOf({ isolation, folder }: SiteOptions): IsolationOptions | undefined {
  if (isolation === undefined) return undefined;
  const readable = [...programFolders(), ...(isolation.readable ?? [])];
  return { ...isolation, readable, hidden: [folder, ...(isolation.hidden ?? [])] };
}

/** Starts the agent on its folder; resolves when it has joined, or could not (see `stopped`). */
export async function startSite(options: SiteOptions): Promise<AgentHandle> {
  const { milliCpu, memoryMiB, cpuShare, nodeName, labels, joinToken, poolUrl, tls } = options;
  const lend = {
    ...(milliCpu === undefined ? {} : { milliCpu }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
  };
  const isolation = isolationOf(options);
  const engine = localEngine({
    folder: join(options.folder, "engine"),
    lend,
    ...(cpuShare === undefined ? {} : { cpuShare }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(labels === undefined ? {} : { labels }),
    ...(isolation === undefined ? {} : { isolation }),
  });
  const worker = moduleFile("@tequio/trainer/worker");
  const agent = await runAgent({
    folder: options.folder,
    ...(joinToken === undefined ? {} : { joinToken }),
    ...(poolUrl === undefined ? {} : { poolUrl }),
    ...(tls === undefined ? {} : { tls }),
    engine,
    builtins: { [TRAINER_COMMAND]: [process.execPath, ...TRAINER_FLAGS, worker] },
    version: VERSION,
    calibrationCommand: [process.execPath, moduleFile("@tequio/agent/calibrate")],
    probeCommand: [process.execPath, moduleFile("@tequio/agent/probe")],
    log: options.log,
  });
  void agent.stopped.then(() => engine.close());
  return agent;
}

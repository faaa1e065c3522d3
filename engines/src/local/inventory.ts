// The one node of a local engine: what was discovered, cut down to what its owner lends.
import { arch, availableParallelism, hostname, platform, totalmem } from "node:os";
import type { Node } from "@tequio/core/pool";
import { type Device, findAccelerators, readProcessor, runTool } from "./discovery.ts";

/** What the owner lends; absent parts are all that the machine has. */
export interface Lend {
  /** Thousandths of a core. */
  readonly milliCpu?: number;
  readonly memoryMiB?: number;
  /** The first so many GPUs, or those with these ids; 0 lends the processor only. */
  readonly gpus?: number | readonly string[];
}

export interface InventoryOptions {
  readonly lend: Lend;
  /** Cores for all jobs together; then no more than that is lent. */
  readonly cpuShare: number | undefined;
  readonly nodeName: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface LocalInventory {
  readonly node: Node;
  readonly devices: readonly Device[];
}

const MIB = 1_048_576;
/** Memory that stays with the system when the owner names no figure: one fifth. */
const MEMORY_LENT_PERCENT = 80;

/** Memory of this machine, or of the container that we are in. Whole MiB, rounded down. */
function machineMemoryMiB(): number {
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(bytes / MIB);
}

function lentDevices(found: readonly Device[], gpus: Lend["gpus"]): readonly Device[] {
  if (gpus === undefined) return found;
  if (typeof gpus === "number") return found.slice(0, gpus);
  return found.filter((device) => gpus.includes(device.accelerator.id));
}

/** Looks at this machine. */
export async function takeInventory(options: InventoryOptions): Promise<LocalInventory> {
  const { lend, cpuShare, labels } = options;
  const memoryMiB = lend.memoryMiB ?? Math.floor((machineMemoryMiB() * MEMORY_LENT_PERCENT) / 100);
  const cores = cpuShare ?? availableParallelism();
  const milliCpu = lend.milliCpu ?? Math.max(1, Math.floor(cores * 1_000));
  const found = await findAccelerators(runTool, memoryMiB);
  const gpus = lentDevices(found, lend.gpus);
  const cpu = { id: "cpu0", kind: "cpu" as const, ...readProcessor(), memoryMiB };
  const devices = gpus.length > 0 ? gpus : [{ accelerator: cpu, visibleAs: undefined }];
  const node: Node = {
    name: options.nodeName ?? hostname(),
    os: platform(),
    arch: arch(),
    milliCpu,
    memoryMiB,
    accelerators: devices.map((device) => device.accelerator),
    labels,
  };
  // Devices that are not lent are listed too, so that jobs have them hidden.
  const hidden = found.filter((device) => !devices.includes(device));
  return { node, devices: [...devices, ...hidden] };
}

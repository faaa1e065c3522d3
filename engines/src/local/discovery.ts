// Finds out what this machine has: processors, memory, accelerators. Makers' tools are asked and
// their output is parsed here. It leaves the lending, a choice of the owner, to inventory.ts.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Accelerator } from "@tequio/core/pool";

/** An accelerator, and how its maker's runtime is told to use it. */
export interface Device {
  readonly accelerator: Accelerator;
  /** Number or UUID for the maker's variable; undefined for a processor. */
  readonly visibleAs: string | undefined;
}

const MIB = 1_048_576;
/** A driver that hangs must not keep a site from starting. */
const TOOL_TIMEOUT_MS = 15_000;

const gpu = (id: string, vendor: string, model: string, memoryMiB: number): Accelerator => ({
  id,
  kind: "gpu",
  vendor,
  model,
  memoryMiB,
});

/**
 * Output of `nvidia-smi --query-gpu=index,name,memory.total,mig.mode.current
 * --format=csv,noheader,nounits`. A GPU that is cut into MIG slices is left out: see parseMig.
 * `sharedMemoryMiB` stands for GPUs that have none of their own (Grace, Jetson: `[N/A]`).
 */
export function parseNvidiaSmi(output: string, sharedMemoryMiB: number): readonly Device[] {
  const devices: Device[] = [];
  for (const line of output.split("\n")) {
    const [index, name, memory, mig] = line.split(",").map((field) => field.trim());
    if (index === undefined || name === undefined || !/^\d+$/.test(index)) continue;
    if (mig === "Enabled") continue;
    const own = Number(memory);
    const memoryMiB = Number.isInteger(own) && own > 0 ? own : sharedMemoryMiB;
    const model = name.replace(/^NVIDIA\s+/, "");
    devices.push({
      accelerator: gpu(`gpu${index}`, "NVIDIA", model, memoryMiB),
      visibleAs: index,
    });
  }
  return devices;
}

/** MIG slices in the output of `nvidia-smi -L`; each is a device of its own, e.g. `gpu0.1`. */
export function parseMig(output: string): readonly Device[] {
  const devices: Device[] = [];
  let parent: { readonly index: string; readonly model: string } | undefined;
  for (const line of output.split("\n")) {
    const head = /^GPU (\d+): (?:NVIDIA )?(.+?) \(UUID/.exec(line);
    if (head !== null) parent = { index: head[1] ?? "", model: head[2] ?? "" };
    const slice = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (slice === null || parent === undefined) continue;
    const [, profile = "", number = "", uuid = ""] = slice;
    // The profile names the memory: `3g.20gb` has 20 GB.
    const memoryMiB = Number(/\.(\d+)gb/.exec(profile)?.[1] ?? 0) * 1_024;
    const model = `${parent.model} MIG ${profile}`;
    const id = `gpu${parent.index}.${number}`;
    devices.push({ accelerator: gpu(id, "NVIDIA", model, memoryMiB), visibleAs: uuid });
  }
  return devices;
}

/** Output of `rocm-smi --showproductname --showmeminfo vram --json`. */
export function parseRocmSmi(output: string): readonly Device[] {
  const cards = parseObject(output);
  const devices: Device[] = [];
  for (const [card, fields] of Object.entries(cards)) {
    const index = /^card(\d+)$/.exec(card)?.[1];
    if (index === undefined || typeof fields !== "object" || fields === null) continue;
    const field = (name: string): string => String(Reflect.get(fields, name) ?? "");
    // Older versions write the PCI number where newer ones write the product's name.
    const names = [field("Card Series"), field("Card series"), field("Device Name")];
    const name = names.find((text) => text !== "" && !/^(0x|N\/A)/.test(text)) ?? "GPU";
    const model = name.replace(/^AMD\s+/, "").replace(/\s+OAM$/, "");
    const memoryMiB = Math.floor(Number(field("VRAM Total Memory (B)")) / MIB);
    devices.push({ accelerator: gpu(`gpu${index}`, "AMD", model, memoryMiB), visibleAs: index });
  }
  return devices;
}

function parseObject(json: string): object {
  try {
    // Warnings may stand before the object.
    const value: unknown = JSON.parse(json.slice(Math.max(0, json.indexOf("{"))));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/**
 * Output of `npu-smi info`: two lines a chip, `| 0 910B3 | OK | ...` and
 * `| 0 | 0000:C1:00.0 | 0  0 / 0  3356 / 65536 |`. Chips count up from 0 in the order of the
 * table, which is the number that the runtime wants.
 */
export function parseNpuSmi(output: string): readonly Device[] {
  const devices: Device[] = [];
  let model = "NPU";
  for (const line of output.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const [, first = "", second = "", third = ""] = cells;
    const head = /^\d+\s+(\S*[A-Za-z]\S*)$/.exec(first);
    if (head !== null) model = `Ascend ${head[1]?.replace(/^Ascend/, "")}`;
    if (!/^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:/.test(second)) continue;
    const memories = [...third.matchAll(/\/\s*(\d+)/g)].map((match) => Number(match[1]));
    const index = String(devices.length);
    // Memory first, then HBM; a chip has one of the two.
    const accelerator = gpu(`gpu${index}`, "Huawei", model, Math.max(0, ...memories));
    devices.push({ accelerator, visibleAs: index });
  }
  return devices;
}

/** Makers by what stands in a processor's name, the first that fits. */
const CPU_VENDORS: readonly (readonly [RegExp, string])[] = [
  [/intel/i, "Intel"],
  [/amd|epyc|ryzen/i, "AMD"],
  [/apple/i, "Apple"],
  [/kunpeng|hisilicon/i, "Huawei"],
  [/phytium/i, "Phytium"],
  [/hygon/i, "Hygon"],
  [/loongson/i, "Loongson"],
  [/ampere/i, "Ampere"],
  [/grace|neoverse|cortex/i, "ARM"],
];
/** `CPU implementer` of /proc/cpuinfo on ARM, where the kernel writes no name. */
const ARM_IMPLEMENTERS: Readonly<Record<string, string>> = {
  "0x41": "ARM",
  "0x48": "Huawei",
  "0x4e": "NVIDIA",
  "0x61": "Apple",
  "0x70": "Phytium",
  "0xc0": "Ampere",
};

export interface Processor {
  readonly vendor: string;
  readonly model: string;
}

/** Maker and product of a processor, from its name and, on ARM, from /proc/cpuinfo. */
export function parseProcessor(name: string, cpuinfo: string): Processor {
  const model = name
    .replace(/\((R|TM|tm)\)/g, "")
    .replace(/ (CPU )?@.*$/, "")
    .replace(/ \d+-Core Processor| Processor| CPU$/, "")
    .replace(/\s+/g, " ")
    .trim();
  const implementer = /CPU implementer\s*:\s*(0x[0-9a-f]+)/.exec(cpuinfo)?.[1] ?? "";
  const named = CPU_VENDORS.find(([pattern]) => pattern.test(name))?.[1];
  const vendor = named ?? ARM_IMPLEMENTERS[implementer] ?? "unknown";
  if (model !== "" && model !== "unknown") {
    const short = model.startsWith(`${vendor} `) ? model.slice(vendor.length + 1) : model;
    return { vendor, model: short };
  }
  return { vendor, model: "unknown processor" };
}

/** The processor of this machine. */
export function readProcessor(): Processor {
  let cpuinfo = "";
  try {
    cpuinfo = readFileSync("/proc/cpuinfo", "latin1").slice(0, 8_192);
  } catch {
    // Only Linux has it, and only ARM needs it.
  }
  return parseProcessor(cpus()[0]?.model ?? "", cpuinfo);
}

/** Runs a tool; empty when it is not there, fails or hangs. */
export type RunTool = (program: string, args: readonly string[]) => Promise<string>;

/** Runs it as a program with a time limit; what it wrote counts only when it ended with 0. */
export const runTool: RunTool = (program, args) =>
  new Promise((resolve) => {
    const options = { timeout: TOOL_TIMEOUT_MS, killSignal: "SIGKILL" } as const;
    execFile(program, [...args], options, (error, stdout) => resolve(error ? "" : stdout));
  });

/** All accelerators that the makers' tools know; a machine of two makers keeps ids apart. */
export async function findAccelerators(
  run: RunTool,
  sharedMemoryMiB: number,
): Promise<readonly Device[]> {
  const query = "--query-gpu=index,name,memory.total,mig.mode.current";
  const [nvidia, amd, huawei] = await Promise.all([
    run("nvidia-smi", [query, "--format=csv,noheader,nounits"]),
    run("rocm-smi", ["--showproductname", "--showmeminfo", "vram", "--json"]),
    run("npu-smi", ["info"]),
  ]);
  const mig = /Enabled/.test(nvidia) ? parseMig(await run("nvidia-smi", ["-L"])) : [];
  const makers = [
    [...parseNvidiaSmi(nvidia, sharedMemoryMiB), ...mig],
    parseRocmSmi(amd),
    parseNpuSmi(huawei),
  ].filter((devices) => devices.length > 0);
  if (makers.length < 2) return makers[0] ?? [];
  return makers.flat().map((device) => {
    const { accelerator } = device;
    const id = `${accelerator.vendor.toLowerCase()}-${accelerator.id}`;
    return { ...device, accelerator: { ...accelerator, id } };
  });
}

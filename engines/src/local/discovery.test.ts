// Makers' tools, by what they print: the parsers find each device once, with its memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Device,
  findAccelerators,
  parseMig,
  parseNpuSmi,
  parseNvidiaSmi,
  parseProcessor,
  parseRocmSmi,
  readProcessor,
} from "./discovery.ts";

const short = ({ accelerator, visibleAs }: Device): string =>
  [accelerator.id, accelerator.vendor, accelerator.model, accelerator.memoryMiB, visibleAs].join();

const NVIDIA = `0, NVIDIA H100 80GB HBM3, 81559, Disabled
1, NVIDIA H100 80GB HBM3, 81559, Disabled
10, Tesla V100-SXM2-32GB, 32768, [N/A]
`;

const NVIDIA_LIST = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-2f1a6c3e-84a9-1f0d-6c7e-0d8f5b9a1c22)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-7d1b2c44-2a7c-93fd-58e6-1f0c7a3b9d10)
`;

const ROCM = `WARNING: AMD GPU device(s) is/are in a low-power state.
{"card0": {"Card Series": "AMD Instinct MI300X OAM", "Card Model": "0x74a1",
 "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]", "Card SKU": "M3000100",
 "VRAM Total Memory (B)": "206141652992", "VRAM Total Used Memory (B)": "297000960"},
 "card1": {"Device Name": "AMD Instinct MI250X", "Card Series": "0x7408",
 "VRAM Total Memory (B)": "68702699520", "VRAM Total Used Memory (B)": "10960896"},
 "system": {"Driver version": "6.7.0"}}`;

const NPU = `
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.rc2                 Version: 24.1.rc2                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 94.6        43                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3356 / 65536         |
+===========================+===============+====================================================+
| 4     910B3               | OK            | 91.2        40                0    / 0             |
| 0                         | 0000:81:00.0  | 0           0    / 0          3353 / 65536         |
+===========================+===============+====================================================+
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 0                                                            |
+===========================+===============+====================================================+
`;

const NPU_TWO_CHIPS = `
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     Ascend910           | OK            | 175.7       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3124 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           35                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          2875 / 65536         |
`;

test("nvidia-smi: name, memory and number of each GPU", () => {
  assert.deepEqual(parseNvidiaSmi(NVIDIA, 500).map(short), [
    "gpu0,NVIDIA,H100 80GB HBM3,81559,0",
    "gpu1,NVIDIA,H100 80GB HBM3,81559,1",
    "gpu10,NVIDIA,Tesla V100-SXM2-32GB,32768,10",
  ]);
});

test("nvidia-smi: a GPU without memory of its own has the machine's", () => {
  const shared = parseNvidiaSmi("0, NVIDIA GB10, [N/A], [N/A]\n", 100_000);
  assert.deepEqual(shared.map(short), ["gpu0,NVIDIA,GB10,100000,0"]);
});

test("nvidia-smi: no GPU is made out of an error", () => {
  const text = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n";
  assert.deepEqual(parseNvidiaSmi(text, 500), []);
  assert.deepEqual(parseNvidiaSmi("No devices were found\n", 500), []);
});

test("a GPU that is cut into slices is offered as its slices", async () => {
  const run = async (_program: string, args: readonly string[]): Promise<string> => {
    if (args.includes("-L")) return NVIDIA_LIST;
    const rows = "0, NVIDIA A100-SXM4-40GB, 40960, Enabled\n1, NVIDIA A100-SXM4-40GB, 40960,";
    return _program === "nvidia-smi" ? `${rows} Disabled\n` : "";
  };
  assert.deepEqual((await findAccelerators(run, 500)).map(short), [
    "gpu1,NVIDIA,A100-SXM4-40GB,40960,1",
    "gpu0.0,NVIDIA,A100-SXM4-40GB MIG 3g.20gb,20480,MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f",
    "gpu0.1,NVIDIA,A100-SXM4-40GB MIG 1g.5gb,5120,MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb",
  ]);
  assert.equal(parseMig(NVIDIA_LIST).length, 2);
});

test("rocm-smi: cards with names of old and new versions, after a warning", () => {
  assert.deepEqual(parseRocmSmi(ROCM).map(short), [
    "gpu0,AMD,Instinct MI300X,196592,0",
    "gpu1,AMD,Instinct MI250X,65520,1",
  ]);
  assert.deepEqual(parseRocmSmi("ERROR: no AMD GPU"), []);
});

test("npu-smi: chips count up, with their memory on the chip", () => {
  assert.deepEqual(parseNpuSmi(NPU).map(short), [
    "gpu0,Huawei,Ascend 910B3,65536,0",
    "gpu1,Huawei,Ascend 910B3,65536,1",
  ]);
  assert.deepEqual(parseNpuSmi(NPU_TWO_CHIPS).map(short), [
    "gpu0,Huawei,Ascend 910,65536,0",
    "gpu1,Huawei,Ascend 910,65536,1",
  ]);
});

test("a machine of two makers keeps their ids apart", async () => {
  const outputs: Readonly<Record<string, string>> = { "nvidia-smi": NVIDIA, "npu-smi": NPU };
  const found = await findAccelerators(async (program) => outputs[program] ?? "", 500);
  const ids = found.map((device) => device.accelerator.id);
  assert.deepEqual(ids, [
    "nvidia-gpu0",
    "nvidia-gpu1",
    "nvidia-gpu10",
    "huawei-gpu0",
    "huawei-gpu1",
  ]);
});

test("processors are named without their decoration", () => {
  const names: readonly (readonly [string, string, string, string])[] = [
    ["Intel(R) Xeon(R) Platinum 8480C CPU @ 2.00GHz", "", "Intel", "Xeon Platinum 8480C"],
    ["Intel(R) Xeon(R) Processor @ 2.90GHz", "", "Intel", "Xeon"],
    ["AMD EPYC 9654 96-Core Processor", "", "AMD", "EPYC 9654"],
    ["Apple M3 Max", "", "Apple", "M3 Max"],
    ["unknown", "CPU implementer\t: 0x48\n", "Huawei", "unknown processor"],
    ["", "", "unknown", "unknown processor"],
  ];
  for (const [name, cpuinfo, vendor, model] of names) {
    assert.deepEqual(parseProcessor(name, cpuinfo), { vendor, model });
  }
  assert.ok(readProcessor().model !== "");
});

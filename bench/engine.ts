// Claim: a training step of the embedded engine takes no longer than the same step in PyTorch with
// OpenBLAS, on the same machine in the same run. Both sides get the same model, start, text and
// order of batches, data loading inside the step; they take turns of a few steps, so that whatever
// else the machine does hits both; the medians are compared, and the losses must agree. Needs
// Debian's python3-torch and libopenblas0-pthread. Usage:
//   npm run -s bench:engine -- [--size 0.8m|10m] [--threads 1|2] [--engine native|wasm]
//     [--turns 7] [--steps 0 (by size)] [--seed 1] [--python /usr/bin/python3]
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  type ExecutorKind,
  initialParameters,
  loadCorpus,
  type ModelConfig,
  parameterCount,
} from "@tequio/trainer";
import type { EngineJob, Steps } from "./lib/engine/job.ts";
import { record } from "./record.ts";

interface Size {
  readonly model: ModelConfig;
  readonly batch: number;
  /** Steps in one turn: about a second of a quiet core. */
  readonly steps: number;
}

const SIZES: Readonly<Record<string, Size>> = {
  "0.8m": {
    model: { vocab: 256, context: 128, width: 128, layers: 4, heads: 4 },
    batch: 16,
    steps: 6,
  },
  "10m": {
    model: { vocab: 256, context: 128, width: 320, layers: 8, heads: 8 },
    batch: 16,
    steps: 2,
  },
};

/** Steps of either side that do not count: buffers are made and code is compiled in them. */
const WARM_STEPS = 3;
/** Rounding is amplified by every step, so only the first losses are compared. */
const LOSS_TOLERANCE = 1e-4;
const RATE = 3e-4;

const { values } = parseArgs({
  options: {
    size: { type: "string" },
    threads: { type: "string" },
    engine: { type: "string", default: "native" },
    turns: { type: "string", default: "7" },
    steps: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    python: { type: "string", default: "/usr/bin/python3" },
  },
});
const OURS = new URL("./lib/engine/ours.ts", import.meta.url).pathname;
const PEER = new URL("./lib/engine/step.py", import.meta.url).pathname;

/** One side as a process: a line in, a line out. */
class Side {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  version = "";

  constructor(command: readonly string[], threads: number) {
    const env = {
      ...process.env,
      OMP_NUM_THREADS: `${threads}`,
      OPENBLAS_NUM_THREADS: `${threads}`,
    };
    const [program, ...args] = command as [string, ...string[]];
    this.#process = spawn(program, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface(this.#process.stdout!)[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    this.version = (JSON.parse(await this.#line()) as { version: string }).version;
    return this;
  }

  async steps(count: number): Promise<Steps> {
    this.#process.stdin!.write(`${count}\n`);
    return JSON.parse(await this.#line()) as Steps;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("One side ended early; its own words stand above.");
    return value;
  }

  close(): void {
    this.#process.kill();
  }
}

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

async function measure(name: string, size: Size, threads: number, text: string): Promise<void> {
  const engine = values.engine as ExecutorKind;
  const jobFile = join(scratch, `${name}-${threads}.json`);
  const start = join(scratch, `${name}.start`);
  const parameters = initialParameters(size.model, Number(values.seed));
  writeFileSync(start, new Uint8Array(parameters.buffer));
  const { model, batch } = size;
  const job: EngineJob = { model, batch, rate: RATE, threads, engine, text, start };
  writeFileSync(jobFile, JSON.stringify(job));
  const sides = [
    new Side([process.execPath, OURS, jobFile], threads),
    new Side([values.python, PEER, jobFile], threads),
  ] as const;
  try {
    for (const side of sides) await side.ready();
    const warm = [await sides[0].steps(WARM_STEPS), await sides[1].steps(WARM_STEPS)] as const;
    const apart = warm[0].loss.map((loss, step) => Math.abs(loss - warm[1].loss[step]!));
    const lossesDiffer = Math.max(...apart);
    if (!(lossesDiffer < LOSS_TOLERANCE)) {
      throw new Error(
        `The two sides do not train the same model: losses differ by ${lossesDiffer}`,
      );
    }
    const turns: (readonly [Steps, Steps])[] = [];
    for (let turn = 0; turn < Number(values.turns); turn += 1) {
      const count = Number(values.steps) || size.steps;
      turns.push([await sides[0].steps(count), await sides[1].steps(count)]);
    }
    const middle = (side: 0 | 1, clock: "ms" | "cpu"): number =>
      median(turns.flatMap((turn) => turn[side][clock]));
    const fastest = (side: 0 | 1): number => Math.min(...turns.flatMap((turn) => turn[side].ms));
    record("engine", {
      claim: `step of ${name} on ${threads} thread(s), ${engine}, as a share of PyTorch's`,
      value: rounded(middle(0, "ms") / middle(1, "ms"), 3),
      unit: "ratio",
      bar: engine === "native" ? "<= 1.0" : "none",
      peer: { name: `${sides[1].version}, OpenBLAS`, stepMs: rounded(middle(1, "ms")) },
      details: {
        ours: sides[0].version,
        parameters: parameterCount(model),
        stepMs: rounded(middle(0, "ms")),
        cpuRatio: rounded(middle(0, "cpu") / middle(1, "cpu"), 3),
        fastestRatio: rounded(fastest(0) / fastest(1), 3),
        lossesDiffer,
        ...{ model, batch, turns: turns.length, seed: Number(values.seed) },
      },
    });
  } finally {
    for (const side of sides) side.close();
  }
}

const chosen = Object.entries(SIZES).filter(([name]) => [undefined, name].includes(values.size));
if (chosen.length === 0) throw new Error(`--size is one of ${Object.keys(SIZES).join(", ")}`);
const corpus = await loadCorpus("sotu");
if (!corpus.ok) throw new Error(corpus.message);
const scratch = mkdtempSync(join(tmpdir(), "tequio-engine-"));
try {
  const text = join(scratch, "text");
  writeFileSync(text, corpus.value.parts.train.bytes);
  for (const [name, size] of chosen) {
    for (const threads of values.threads === undefined ? [1, 2] : [Number(values.threads)]) {
      await measure(name, size, threads, text);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

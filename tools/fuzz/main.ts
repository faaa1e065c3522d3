// Fuzzing from the command line: feeds random and damaged inputs to every parser that meets data
// from outside, and watches from another thread that none stops answering. Ends with 1 when
// something was found.
// Use: node tools/fuzz/main.ts [--inputs 1000000] [--seed 1] [--target NAME] [--only INDEX]
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type RunEnd, runTargets } from "./run.ts";
import { openTargets } from "./targets.ts";

/** A parser that is silent for so long hangs; the machine may be very busy. */
const HANG_MS = 20_000;
const WATCH_MS = 500;
const INPUTS_DEFAULT = "1000000";

interface Job {
  readonly inputs: number;
  readonly seed: number;
  readonly target: string | undefined;
  readonly only: number | undefined;
  /** Place of the target, index of the input. */
  readonly progress: SharedArrayBuffer;
}

const numberOf = (text: string, flag: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`${flag} is a whole number, not ${text}.`);
};

function jobOf(args: readonly string[]): Job {
  const { values } = parseArgs({
    args: [...args],
    options: {
      inputs: { type: "string", default: INPUTS_DEFAULT },
      seed: { type: "string", default: "1" },
      target: { type: "string" },
      only: { type: "string" },
    },
  });
  return {
    inputs: numberOf(values.inputs, "--inputs"),
    seed: numberOf(values.seed, "--seed"),
    target: values.target,
    only: values.only === undefined ? undefined : numberOf(values.only, "--only"),
    progress: new SharedArrayBuffer(8),
  };
}

async function work(job: Job): Promise<RunEnd> {
  const progress = new Int32Array(job.progress);
  const all = await openTargets();
  const targets = all.filter(({ name }) => job.target === undefined || name === job.target);
  if (targets.length === 0) {
    throw new Error(`No target ${job.target}: ${all.map(({ name }) => name).join(", ")}`);
  }
  return runTargets(targets, {
    inputs: job.inputs,
    seed: job.seed,
    ...(job.only === undefined ? {} : { only: job.only }),
    onInput: (target, index) => {
      progress[0] = target;
      progress[1] = index;
    },
  });
}

function report(end: RunEnd, seed: number, tookMs: number): void {
  for (const { name, inputs } of end.perTarget) console.log(`  ${name.padEnd(22)} ${inputs}`);
  for (const { target, index, what } of end.findings) {
    console.log(`FOUND in ${target}: ${what}`);
    console.log(
      `  again: node tools/fuzz/main.ts --seed ${seed} --target ${target} --only ${index}`,
    );
  }
  const seconds = (tookMs / 1_000).toFixed(1);
  console.log(
    `fuzz: ${end.inputs} inputs, ${end.findings.length} findings, ` +
      `slowest ${end.slowestMs.toFixed(1)} ms, ${seconds} s, seed ${seed}`,
  );
  process.exitCode = end.findings.length === 0 ? 0 : 1;
}

function watchOver(job: Job): void {
  const startedMs = performance.now();
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  const progress = new Int32Array(job.progress);
  let seen = "";
  let sinceMs = startedMs;
  const watch = setInterval(() => {
    const now = `${progress[0]}/${progress[1]}`;
    if (now !== seen) [seen, sinceMs] = [now, performance.now()];
    else if (performance.now() - sinceMs > HANG_MS) {
      console.log(`FOUND: input ${progress[1]} of target number ${progress[0]} does not end`);
      process.exit(1);
    }
  }, WATCH_MS);
  worker.once("message", (end: RunEnd) => report(end, job.seed, performance.now() - startedMs));
  worker.once("error", (error) => {
    console.error(error);
    process.exitCode = 1;
  });
  worker.once("exit", () => clearInterval(watch));
}

if (isMainThread) watchOver(jobOf(process.argv.slice(2)));
else parentPort?.postMessage(await work(workerData as Job));

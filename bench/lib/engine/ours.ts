// entry: bench/engine.ts starts this as a process
// The embedded engine's side of bench/engine.ts: the same job and the same answers as step.py,
// by the trainer's own stretches.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fillBatchAt, openExecutor, Trainee } from "@tequio/trainer";
import type { EngineJob, Steps } from "./job.ts";

const job = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as EngineJob;
const { model, batch, rate, threads } = job;
const opened = await openExecutor({ prefer: job.engine, threads, flushTiny: true });
if (!opened.ok) throw new Error(opened.message);
const { executor } = opened.value;
const trainee = new Trainee(executor, model);
await trainee.prepare(batch);

const text = { tokens: new Uint8Array(readFileSync(job.text)) };
const places = text.tokens.length - model.context - 1;
const start = readFileSync(job.start);
let parameters = new Float32Array(
  start.buffer.slice(start.byteOffset, start.byteOffset + start.length),
);
let step = 0;

async function steps(innerSteps: number): Promise<Steps> {
  const told = { ms: [] as number[], cpu: [] as number[], loss: [] as number[] };
  let wall = performance.now();
  let cpu = process.cpuUsage();
  const stretch = await trainee.runStretch({
    ...{ parameters, innerSteps, batch, lrStart: rate, lrEnd: rate },
    batches(index) {
      if (index === 0) {
        wall = performance.now();
        cpu = process.cpuUsage();
      }
      const row = (at: number): number => (((step + index) * batch + at) * model.context) % places;
      return fillBatchAt(
        text,
        Array.from({ length: batch }, (_, at) => row(at)),
        model.context,
      );
    },
    onStep({ loss }) {
      const used = process.cpuUsage(cpu);
      told.loss.push(loss);
      told.cpu.push((used.user + used.system) / 1_000);
      told.ms.push(performance.now() - wall);
      wall = performance.now();
      cpu = process.cpuUsage();
    },
  });
  if (!stretch.ok) throw new Error(stretch.message);
  parameters = new Float32Array(stretch.value.parameters);
  step += innerSteps;
  return told;
}

console.log(JSON.stringify({ version: executor.version }));
for await (const line of createInterface(process.stdin)) {
  console.log(JSON.stringify(await steps(Number(line))));
}
process.exit(0);

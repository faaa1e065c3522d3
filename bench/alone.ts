// The comparison of bench/demo.ts: the fastest member of the demonstration training by itself. The
// same model, text, seed and engine, one thread, no exchange. Prints one line of JSON.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { JobWire, parseYaml } from "@tequio/contract";
import { learningRate } from "@tequio/core/training";
import {
  Evaluator,
  initialParameters,
  loadCorpus,
  mulberry32,
  openExecutor,
  REPORT_TOKENS,
  randomBatch,
  Trainee,
} from "@tequio/trainer";

const { values } = parseArgs({
  options: {
    ms: { type: "string" },
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "0.001" },
    batch: { type: "string", default: "8" },
  },
});
const endMs = Number(values.ms);
const peak = Number(values.rate);
const batch = Number(values.batch);
const file = new URL("../tequio/jobs/demo.yaml", import.meta.url);
const job = parseYaml(JobWire, readFileSync(file, "utf8"));
if (!job.ok || job.value.run === undefined) throw new Error("demo.yaml holds a run");
const { model } = job.value.run;
const opened = await openExecutor({ threads: 1, flushTiny: true });
const corpus = await loadCorpus("sotu");
if (!opened.ok || !corpus.ok) throw new Error("no engine or no text");
const { executor } = opened.value;
const { train, report } = corpus.value.parts;
const trainee = new Trainee(executor, model, {
  optimiser: job.value.run.optimiser,
});
await trainee.prepare(batch);
const random = mulberry32(Number(values.seed) * 1_000);
let parameters = initialParameters(model, Number(values.seed));
let tokens = 0;
/** Steps between two looks at the clock. */
const CHUNK = 10;
/** The same warm-up ramp as the pooled run's first site. */
const RAMP = 20;
const startMs = performance.now();
for (;;) {
  const spentMs = performance.now() - startMs;
  if (spentMs >= endMs) break;
  const rate = learningRate(peak, spentMs / endMs);
  const result = await trainee.runStretch({
    parameters,
    innerSteps: CHUNK,
    batch,
    lrStart: rate,
    lrEnd: rate,
    rampSteps: trainee.t === 0 ? RAMP : 0,
    batches: () => randomBatch(train, model.context, batch, random),
  });
  if (!result.ok) throw new Error(result.message);
  parameters = result.value.parameters;
  tokens += result.value.tokens;
}
// The very windows on which the control plane reports (trainer/src/service-thread.ts).
const evaluator = await Evaluator.open({
  executor,
  config: model,
  part: report,
  seed: 99,
  batch: 8,
  batches: REPORT_TOKENS / (8 * model.context),
});
if (!evaluator.ok) throw new Error(evaluator.message);
console.log(JSON.stringify({ lossAfter: await evaluator.value.loss(parameters), tokens }));

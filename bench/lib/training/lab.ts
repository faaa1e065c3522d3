// The protocol of the reference measurements: model, text, seeds, warm start and the held-out
// figure, on the product's own engine. Sites are simulated one after another in one process.
// What a method does with them is in pooled.ts and the settings; nothing here decides anything.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type InnerOptimiser, learningRate } from "@tequio/core/training";
import {
  type Batch,
  type Executor,
  type GraphSession,
  initialParameters,
  loadSotu,
  lossGraph,
  type ModelConfig,
  mulberry32,
  type OptimiserState,
  openExecutor,
  type Random,
  randomBatch,
  type Text,
  Trainee,
} from "@tequio/trainer";

/** 119,424 parameters: the model of the reference measurements. */
export const REFERENCE_MODEL: ModelConfig = {
  ...{ vocab: 256, context: 64, width: 64, layers: 2, heads: 2 },
};
/** Rows of a batch of one site that is not slowed down. */
export const BATCH = 16;
const WARM_UP = { steps: 300, rate: 1e-3, ramp: 20, dataSeed: 55, startSeed: 1 };
/** The cosine of the rounds begins after so many steps. */
const RAMP_STEPS = 20;
const HELD_OUT = { seed: 99, batches: 8 };
/** First bytes of the text that are trained on; what follows is held out. */
const TRAIN_SHARE = 0.95;
/** Steps for which the rate is a straight line where nobody exchanges anything. */
const CHUNK = 20;

/** What all sites start from. */
export interface Start {
  readonly parameters: Float32Array;
  readonly moments: OptimiserState;
}

/** Engine, text and start of one model; opened once for a whole benchmark. */
export interface Lab {
  readonly model: ModelConfig;
  /** Of the sites and of whoever trains alone, after the common start (which is AdamW's). */
  readonly optimiser: InnerOptimiser;
  readonly executor: Executor;
  readonly train: Text;
  readonly start: Start;
  /** Held-out loss, nats per byte: the figure. */
  loss(parameters: Float32Array): Promise<number>;
  /** Loss on other text: each seed is one fixed set of batches of 16 windows. */
  probe(text: Text, seed: number, batches: number): Probe;
  readonly heldOut: Text;
}

/** Loss of a model on fixed batches. */
export type Probe = (parameters: Float32Array) => Promise<number>;

/** One simulated site: its optimiser and its stream of windows. */
export interface LabSite {
  readonly trainee: Trainee;
  readonly random: Random;
  readonly text: Text;
}

/** Opens engine and text and trains the common start, unless it lies in the temporary folder. */
export async function openLab(
  model: ModelConfig = REFERENCE_MODEL,
  optimiser: InnerOptimiser = "muon",
): Promise<Lab> {
  const opened = await openExecutor({ threads: 1, flushTiny: true });
  const corpus = await loadSotu();
  if (!opened.ok) throw new Error(opened.message);
  if (!corpus.ok) throw new Error(corpus.message);
  const { executor } = opened.value;
  const { whole } = corpus.value;
  const border = Math.floor(TRAIN_SHARE * whole.length);
  const train = { tokens: whole.subarray(0, border) };
  const heldOut = { tokens: whole.subarray(border) };
  const session = await executor.open(lossGraph({ ...model, batch: BATCH }));
  const probe = (text: Text, seed: number, batches: number) =>
    probeOf(session, model, text, seed, batches);
  const start = await warmStart(executor, model, train);
  const loss = probe(heldOut, HELD_OUT.seed, HELD_OUT.batches);
  return { ...{ model, optimiser, executor, train, heldOut, start, probe, loss } };
}

function probeOf(
  session: GraphSession,
  model: ModelConfig,
  text: Text,
  seed: number,
  batches: number,
): Probe {
  const random = mulberry32(seed);
  const chosen = Array.from({ length: batches }, () =>
    randomBatch(text, model.context, BATCH, random),
  );
  return async (parameters) => {
    let sum = 0;
    for (const { x, y } of chosen) sum += (await session.run({ p: parameters, x, y })).loss![0]!;
    return sum / chosen.length;
  };
}

/** One site's 300 steps alone, kept in the temporary folder for the next benchmark. */
async function warmStart(executor: Executor, model: ModelConfig, train: Text): Promise<Start> {
  const name = createHash("sha256")
    .update(JSON.stringify([model, WARM_UP]))
    .digest("hex");
  const folder = join(tmpdir(), "tequio-bench");
  const file = join(folder, `warm-${name.slice(0, 16)}.f32`);
  const t = WARM_UP.steps;
  if (existsSync(file)) {
    const bytes = readFileSync(file);
    const all = new Float32Array(Uint8Array.from(bytes).buffer);
    const n = all.length / 3;
    const part = (index: number) => all.slice(index * n, (index + 1) * n);
    return { parameters: part(0), moments: { m: part(1), v: part(2), t } };
  }
  const trainee = new Trainee(executor, model);
  const random = mulberry32(WARM_UP.dataSeed);
  const done = await trainee.runStretch({
    parameters: initialParameters(model, WARM_UP.startSeed),
    batches: () => randomBatch(train, model.context, BATCH, random),
    ...{ innerSteps: WARM_UP.steps, batch: BATCH, rampSteps: WARM_UP.ramp },
    ...{ lrStart: WARM_UP.rate, lrEnd: WARM_UP.rate },
  });
  if (!done.ok) throw new Error(done.message);
  const { m, v } = trainee.exportState();
  await trainee.release();
  const { parameters } = done.value;
  mkdirSync(folder, { recursive: true });
  const n = parameters.length;
  const all = new Float32Array(3 * n);
  for (const [index, vector] of [parameters, m, v].entries()) all.set(vector, index * n);
  writeFileSync(file, new Uint8Array(all.buffer));
  return { parameters, moments: { m, v, t } };
}

/** The rate of step `step` of `steps`, which is the reference's cosine after a ramp of 20. */
export const rateAt = (peak: number, step: number, steps: number): number =>
  learningRate(peak, (step - RAMP_STEPS) / (steps - RAMP_STEPS));

/** A site with the warm start's moments. Seeds of the reference: 100 + site, then + 1,000. */
export function openSite(lab: Lab, seed: number, site: number, text: Text = lab.train): LabSite {
  const trainee = new Trainee(lab.executor, lab.model, { optimiser: lab.optimiser });
  const taken = trainee.importState(lab.start.moments);
  if (!taken.ok) throw new Error(taken.message);
  return { trainee, random: mulberry32(1_000 * (seed - 1) + 100 + site), text };
}

/** What one stretch of a site is. */
export interface LabStretch {
  readonly from: Float32Array;
  readonly steps: number;
  readonly batch: number;
  readonly lrStart: number;
  readonly lrEnd: number;
  /** A bad site's way to change what it trains on. */
  readonly spoil?: (batch: Batch) => Batch;
}

/** Trains and gives the model at the end; null where training diverged. */
export async function stretchOf(
  lab: Lab,
  { trainee, random, text }: LabSite,
  { from, steps, batch, lrStart, lrEnd, spoil = (same) => same }: LabStretch,
): Promise<Float32Array | null> {
  const done = await trainee.runStretch({
    parameters: from,
    ...{ innerSteps: steps, batch, lrStart, lrEnd },
    batches: () => spoil(randomBatch(text, lab.model.context, batch, random)),
  });
  return done.ok ? done.value.parameters : null;
}

/** One optimiser on one batch: a site alone (batch 16) or all-reduce over four (batch 64). */
export async function trainAlone(
  lab: Lab,
  seed: number,
  setting: { readonly batch: number; readonly steps: number; readonly rate: number },
): Promise<number> {
  const { batch, steps, rate } = setting;
  const site = openSite(lab, seed, 0);
  let model = lab.start.parameters;
  for (let step = 0; step < steps; step += CHUNK) {
    const count = Math.min(CHUNK, steps - step);
    const lrStart = rateAt(rate, step, steps);
    const lrEnd = rateAt(rate, step + count, steps);
    const next = await stretchOf(lab, site, { from: model, steps: count, batch, lrStart, lrEnd });
    if (next === null) return Number.NaN;
    model = next;
  }
  await site.trainee.release();
  return await lab.loss(model);
}

/** The train part by date in as many equal shards: the reference's sites with text of their own. */
export const shardsOf = ({ tokens }: Text, count: number): readonly Text[] => {
  const size = Math.floor(tokens.length / count);
  return Array.from({ length: count }, (_, i) => ({
    tokens: tokens.subarray(i * size, (i + 1) * size),
  }));
};

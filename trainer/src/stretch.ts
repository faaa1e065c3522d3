/**
 * What a site does between two exchanges: a stretch of training steps from a given model. The
 * site's own moments m, v and step counter t live on from stretch to stretch here; the model
 * comes in and goes out. Coding the difference and sending it is the worker's.
 */
import { type InnerOptimiser, stepRate } from "@tequio/core/training";
import { stepScalars } from "./adamw.ts";
import type { Executor, GraphSession } from "./executor.ts";
import { gradientGraph } from "./graph.ts";
import { type ModelConfig, parameterCount } from "./layout.ts";
import { type Muon, openMuon } from "./muon.ts";
import { openVectors, type StepVectors } from "./optimiser.ts";
import { assert, type Outcome, ok, refuse } from "./outcome.ts";
import { SessionCache } from "./sessions.ts";
import type { Batch } from "./windows.ts";

/** A site's optimiser: 8 bytes a parameter and the number of steps taken. */
export interface OptimiserState {
  readonly m: Float32Array;
  readonly v: Float32Array;
  readonly t: number;
}

export interface StepReport {
  /** From 0 within the stretch. */
  readonly step: number;
  /** In nats per token, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Since the start of the stretch. */
  readonly elapsedMs: number;
}

export interface StretchOptions {
  /** The model to start from; it is not changed. */
  readonly parameters: Float32Array;
  /** The batch of each step, from 0; asked once for each step, in order. */
  readonly batches: (step: number) => Batch;
  readonly innerSteps: number;
  /** Windows in each batch. */
  readonly batch: number;
  /**
   * Step s of H uses lrStart + (lrEnd - lrStart) s / H: lrEnd itself is the first rate of the
   * next stretch, so a schedule cut into stretches repeats no rate.
   */
  readonly lrStart: number;
  readonly lrEnd: number;
  /** Steps of a linear ramp below these rates, for moments that are still empty; default 0. */
  readonly rampSteps?: number;
  readonly onStep?: (report: StepReport) => void;
  /** Asked before every step but the first; true ends the stretch early. */
  readonly shouldStop?: () => boolean;
}

export interface StretchResult {
  readonly parameters: Float32Array;
  /** Steps really done; fewer than asked for after shouldStop. */
  readonly steps: number;
  readonly tokens: number;
  /** Mean of the losses of the steps, in nats per token. */
  readonly meanLoss: number;
  /** Wall-clock of the steps, without opening the graph. */
  readonly elapsedMs: number;
}

export interface Gradient {
  readonly loss: number;
  /** [N], of the mean loss over all tokens of the batch. */
  readonly gradient: Float32Array;
}

export interface TraineeOptions {
  /**
   * Default: AdamW. Muon learns more from as many tokens and costs 25 width / (6 tokens of a batch)
   * of a step's arithmetic on top.
   */
  readonly optimiser?: InnerOptimiser;
  /** A clock that never goes back, for elapsedMs. */
  readonly nowMs?: () => number;
}

/** Moments of a site that has not trained yet. */
export function emptyOptimiser(config: ModelConfig): OptimiserState {
  const count = parameterCount(config);
  return { m: new Float32Array(count), v: new Float32Array(count), t: 0 };
}

function allFinite(values: Float32Array): boolean {
  // Adding keeps NaN and infinity, so one comparison at the end replaces one for each number.
  let sum = 0;
  for (const value of values) sum += value * 0;
  return sum === 0;
}

/** One site's training: its executor, its opened graphs and its optimiser. */
export class Trainee {
  readonly config: ModelConfig;
  readonly parameterCount: number;
  readonly #gradients: SessionCache;
  readonly #nowMs: () => number;
  /** What the next stretch goes on with: m, v and t; p and g are of the step at hand only. */
  readonly #vectors: StepVectors;
  #t = 0;
  /** The optimiser as it stood before the last stretch. */
  readonly #before: { m: Float32Array; v: Float32Array; t: number };
  #running = false;
  readonly #openMuon: (() => Promise<Muon>) | undefined;
  #muon: Promise<Muon> | undefined;

  /** @param config a model that `checkConfig` accepts */
  constructor(executor: Executor, config: ModelConfig, options: TraineeOptions = {}) {
    const { optimiser = "adamw", nowMs = () => performance.now() } = options;
    this.config = config;
    if (optimiser === "muon") this.#openMuon = () => openMuon(executor, config);
    this.parameterCount = parameterCount(config);
    this.#gradients = new SessionCache(executor, config, gradientGraph);
    this.#nowMs = nowMs;
    this.#vectors = openVectors(this.parameterCount);
    this.#before = emptyOptimiser(config);
  }

  /** Steps taken since m and v were zero. */
  get t(): number {
    return this.#t;
  }

  /** A copy of the optimiser, for a checkpoint. */
  exportState(): OptimiserState {
    const { m, v } = this.#vectors;
    return { m: m.slice(), v: v.slice(), t: this.#t };
  }

  /** Goes on from a checkpoint. Refuses (CODEC_INVALID) one of another model or a damaged one. */
  importState(state: OptimiserState): Outcome<void> {
    assert(!this.#running, "the optimiser is not replaced during a stretch");
    const { m, v, t } = state;
    const count = this.parameterCount;
    const hint = "Fetch the checkpoint again, or start with empty moments.";
    if (m.length !== count || v.length !== count) {
      const message = `The checkpoint has ${m.length} moments, the model ${count} parameters.`;
      return refuse("CODEC_INVALID", message, hint);
    }
    if (!Number.isSafeInteger(t) || t < 0 || !allFinite(m) || !allFinite(v)) {
      return refuse("CODEC_INVALID", "The checkpoint's moments are not finite numbers.", hint);
    }
    this.#vectors.m.set(m);
    this.#vectors.v.set(v);
    this.#t = t;
    this.#keepBefore();
    return ok(undefined);
  }

  /** Puts the optimiser back to before the stretch that failed. */
  #undo(): void {
    this.#vectors.m.set(this.#before.m);
    this.#vectors.v.set(this.#before.v);
    this.#t = this.#before.t;
  }

  #keepBefore(): void {
    this.#before.m.set(this.#vectors.m);
    this.#before.v.set(this.#vectors.v);
    this.#before.t = this.#t;
  }

  /** Opens the graph for a batch size ahead of time, so that the first stretch is not slower. */
  async prepare(batch: number): Promise<void> {
    await this.#gradients.get(batch);
    this.#muon ??= this.#openMuon?.();
    try {
      await this.#muon;
    } catch (error) {
      // As with the other graphs: what did not open may open later.
      this.#muon = undefined;
      throw error;
    }
  }

  /**
   * Trains `innerSteps` steps. Refuses (LOSS_NOT_FINITE) when training diverges; the optimiser
   * then stands as before the stretch, as it does when the executor throws.
   */
  async runStretch(options: StretchOptions): Promise<Outcome<StretchResult>> {
    const { parameters, batch, innerSteps } = options;
    assert(!this.#running, "a trainee runs one stretch at a time");
    assert(parameters.length === this.parameterCount, "the model has the trainee's size");
    assert(Number.isSafeInteger(innerSteps) && innerSteps >= 1, "a stretch has a step");
    this.#running = true;
    this.#keepBefore();
    let trained: Outcome<StretchResult> | undefined;
    try {
      await this.prepare(batch);
      trained = await this.#trainSteps(options, await this.#gradients.get(batch));
      return trained;
    } finally {
      this.#running = false;
      if (trained?.ok !== true) this.#undo();
    }
  }

  /** Loss and gradient of one batch at these parameters; the optimiser is not touched. */
  async gradient(parameters: Float32Array, batch: Batch): Promise<Gradient> {
    const session = await this.#gradients.get(batch.x.length / this.config.context);
    const { loss, g } = await session.run({ p: parameters, ...batch });
    return { loss: loss![0]!, gradient: g! };
  }

  /** Closes the graphs. */
  async release(): Promise<void> {
    await this.#gradients.release();
    const muon = this.#muon;
    this.#muon = undefined;
    await (await muon)?.release();
  }

  async #trainSteps(
    options: StretchOptions,
    session: GraphSession,
  ): Promise<Outcome<StretchResult>> {
    const { innerSteps, lrStart, lrEnd, rampSteps = 0 } = options;
    const rate = { start: lrStart, end: lrEnd };
    const { p, g } = this.#vectors;
    p.set(options.parameters);
    let lossSum = 0;
    let steps = 0;
    const startMs = this.#nowMs();
    while (steps < innerSteps && !(steps > 0 && options.shouldStop?.())) {
      const learningRate = stepRate(rate, steps, innerSteps, rampSteps);
      const out = await session.run({ p, ...options.batches(steps) }, { g });
      const loss = out.loss![0]!;
      if (!Number.isFinite(loss)) return this.#diverged(learningRate);
      if (out.g !== g) g.set(out.g!);
      this.#t += 1;
      await this.#move(learningRate);
      lossSum += loss;
      const elapsedMs = this.#nowMs() - startMs;
      options.onStep?.({ step: steps, loss, learningRate, elapsedMs });
      steps += 1;
    }
    const elapsedMs = this.#nowMs() - startMs;
    if (!allFinite(p)) return this.#diverged(lrEnd);
    const tokens = steps * options.batch * this.config.context;
    const parameters = p.slice();
    return ok({ parameters, steps, tokens, meanLoss: lossSum / steps, elapsedMs });
  }

  /** The step of the optimiser: p, m and v by the gradient in g. */
  async #move(learningRate: number): Promise<void> {
    const scalars = stepScalars(learningRate, this.#t);
    const muon = await this.#muon;
    if (muon === undefined) return this.#vectors.step(scalars);
    for (const span of muon.others) this.#vectors.step(scalars, span);
    await muon.step(this.#vectors, learningRate);
  }

  #diverged(learningRate: number): Outcome<never> {
    return refuse(
      "LOSS_NOT_FINITE",
      `Training diverged near step ${this.t} at a learning rate of ${learningRate}.`,
      "Start the stretch again from the last good model with a smaller learning rate.",
    );
  }
}

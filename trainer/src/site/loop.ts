// What a site does in a run, round after round: train the stretch from the pool's model, hand it to
// the exchange, and train on until the next model is there. The pool decides; this obeys.
import { difference, windowsOf as windowsOfRanges } from "@tequio/core/training";
import type { Executor } from "../executor.ts";
import { type StretchOptions, type StretchResult, Trainee } from "../stretch.ts";
import { fillBatch, type Text } from "../windows.ts";
import { type ExchangePort, type Next, nowMs, type Train } from "./exchange.ts";

/**
 * Most steps that a site trains on while it waits for the merge, as a share of its stretch. Where
 * an exchange takes three stretches, training on through it ended lower than standing still after
 * one, and lower than stretches of three times the steps; where it takes five, three ended lower
 * than five, which start too far from the model that they are added to (docs/decisions/0028).
 */
const CARRY_SHARE_MAX = 3;

/**
 * Permutation of the windows that are trained on meanwhile. With those of the stretch itself, seen
 * a moment ago, an emulated run of 160 s ended 0.02 nats higher.
 */
const CARRY_SEED = 0x5eed;

export interface SiteOptions {
  readonly exchange: ExchangePort;
  readonly executor: Executor;
  /** The text that the assignment's windows are of, in the run's tokens. */
  readonly textOf: (assignment: Train) => Promise<Text>;
  readonly log: (line: string) => void;
  /** True once the site was asked to stop. */
  readonly stopped: () => boolean;
}

interface Stretch {
  readonly assignment: Train;
  readonly trainee: Trainee;
  readonly text: Text;
}

/** Takes part until the run is over or the site is asked to stop. Throws on lasting trouble. */
export async function takePart(options: SiteOptions): Promise<void> {
  const site = new RunSite(options);
  let next = await options.exchange.first();
  while (next !== undefined) next = await site.train(next);
}

class RunSite {
  readonly #options: SiteOptions;
  #trainee: Trainee | undefined;
  #text: Text | undefined;
  /** What the site has learned since it sent its last contribution; see docs/decisions/0004. */
  #carry: Float32Array | undefined;

  constructor(options: SiteOptions) {
    this.#options = options;
  }

  /** Does one stretch and has it sent; gives the one that follows. */
  async train({ assignment, model, receivedMs }: Next): Promise<Next | undefined> {
    const deadlineMs = receivedMs + (assignment.timeLeftMs ?? Number.POSITIVE_INFINITY);
    const stretch = await this.#ready(assignment);
    const { trainee } = stretch;
    // From the assignment to the first step: the pool plans with it, although the site trained on.
    const fetchMs = nowMs() - receivedMs;
    const before = trainee.exportState();
    const {
      innerSteps,
      learningRateStart: lrStart = 0,
      learningRateEnd: lrEnd = 0,
      rampSteps = 0,
    } = assignment;
    const { stopped, exchange } = this.#options;
    const result = await this.#steps(stretch, windowsIn(assignment), {
      parameters: this.#carry === undefined ? model : sum(model, this.#carry),
      ...{ innerSteps, lrStart, lrEnd, rampSteps },
      shouldStop: () => stopped() || nowMs() > deadlineMs,
    });
    this.#carry = undefined;
    // Asked to leave in the middle: the stretch is given up, its windows go to others.
    if (stopped()) return undefined;
    const moments = assignment.wantsMoments === true ? trainee.exportState() : undefined;
    const exchanged = exchange.exchange({
      ...{ assignment, result, fetchMs, endedMs: nowMs() },
      ...(moments === undefined ? {} : { moments }),
    });
    const carry = await this.#carryOn(stretch, result.parameters, exchanged);
    const { accepted, next } = await exchanged;
    // A refused stretch is as if it had not been, what followed on it included: the optimiser goes
    // back to before it, and the same round may be given to this site once more.
    if (!accepted) trainee.importState(before);
    // After sitting out a round: what was learned belongs to a model that is gone.
    else if (next?.assignment.round === assignment.round + 1) this.#carry = carry;
    return next;
  }

  /**
   * While the contribution is under way and the pool merges, the site trains on: what it learns
   * then is added to the next model and goes with the next contribution. These steps are not
   * counted as tokens, and their windows are drawn apart from those that the pool hands out.
   */
  async #carryOn(
    stretch: Stretch,
    sent: Float32Array,
    exchanged: Promise<unknown>,
  ): Promise<Float32Array | undefined> {
    const { innerSteps, learningRateEnd: rate = 0, round } = stretch.assignment;
    const most = Math.floor(innerSteps * CARRY_SHARE_MAX);
    if (most === 0 || rate === 0) return undefined;
    let arrived = false;
    const note = (): void => {
      arrived = true;
    };
    exchanged.then(note, note);
    const carried = await this.#steps(stretch, windowsIn(stretch.assignment, CARRY_SEED), {
      parameters: sent,
      innerSteps: most,
      lrStart: rate,
      lrEnd: rate,
      shouldStop: () => arrived || this.#options.stopped(),
    });
    this.#options.log(`round ${round}: trained on for ${carried.steps} steps`);
    return difference(carried.parameters, sent);
  }

  async #ready(assignment: Train): Promise<Stretch> {
    this.#text ??= await this.#options.textOf(assignment);
    this.#trainee ??= new Trainee(this.#options.executor, assignment.model, {
      optimiser: assignment.optimiser ?? "adamw",
    });
    const trainee = this.#trainee;
    await trainee.prepare(assignment.batch);
    if (trainee.t === 0 && assignment.momentsBlob !== undefined) {
      const moments = await this.#options.exchange.moments(assignment.momentsBlob);
      if (moments !== undefined) trainee.importState(moments);
    }
    return { assignment, trainee, text: this.#text };
  }

  async #steps(
    { assignment, trainee, text }: Stretch,
    windows: () => number[],
    options: Omit<StretchOptions, "batches" | "batch">,
  ): Promise<StretchResult> {
    const { context } = assignment.model;
    const result = await trainee.runStretch({
      ...options,
      batch: assignment.batch,
      batches: () => fillBatch(text, windows(), context),
    });
    if (!result.ok) {
      this.#options.log(`round ${assignment.round}: ${result.message}`);
      throw new Error(`${result.code}: ${result.message}`);
    }
    return result.value;
  }
}

/**
 * Batches of the assignment's windows, in order; after the last one from the first again. With
 * another `seedOffset` those at the same positions of another permutation of the text.
 */
function windowsIn(assignment: Train, seedOffset = 0): () => number[] {
  const { windows, ranges, batch, seed = 0 } = assignment;
  const all = [...windowsOfRanges({ windows, seed: seed + seedOffset }, ranges)];
  let at = 0;
  return () =>
    Array.from({ length: batch }, () => {
      const window = all[at % all.length]!;
      at += 1;
      return window;
    });
}

function sum(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i += 1) out[i] = a[i]! + b[i]!;
  return out;
}

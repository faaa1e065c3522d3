// The aggregator: prepares runs and merges their rounds. It follows the state, not a list of
// orders: whenever something changed it looks at what the runs want now, so that it goes on by
// itself after a restart. One thing at a time: a merge holds several copies of a model in memory.
import type { JobState, RunState } from "@tequio/core/controller";
import type { Outcome } from "@tequio/core/pool";
import { pendingAggregation } from "@tequio/core/training";
import type { Store } from "@tequio/stores";
import type { Say, TrainerPort } from "../ports.ts";
import type { Pump } from "../pump.ts";
import type { RunIndex } from "../run-index.ts";
import { endEstimateMs } from "../views/progress.ts";
import { startOfFork } from "./fork.ts";
import { failure, merge } from "./merge.ts";
import { Models } from "./models.ts";
import { prepareOwn } from "./own-model.ts";
import { putVectors } from "./vectors.ts";

/** Wait after something that should have worked did not, e.g. on a full disk. */
const RETRY_MS = 2_000;

/** Held-out losses are measured at most so often: each keeps a core busy for 0.1 to 0.3 s that the
 * merge and, on a small machine, the sites would have. */
const LOSS_EVERY_MS = 3_000;
/** A round that ends so near the run's end may be its last one. */
const LAST_ROUNDS_MS = 6_000;

export interface AggregatorOptions {
  readonly pump: Pump;
  readonly store: Store;
  readonly runs: RunIndex;
  readonly trainer: TrainerPort | undefined;
  readonly say: Say;
}

const NO_TRAINER =
  "this control plane has no trainer: start it with one, then submit the run again";

export class Aggregator {
  readonly #options: AggregatorOptions;
  readonly #models: Models;
  /** When each run's loss was measured last, on this process's clock. */
  readonly #measuredMs = new Map<string, number>();
  #working: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#models = new Models(options.store.blobs);
  }

  /** Something changed: look at what the runs want. */
  look(): void {
    this.#again = true;
    if (this.#closed || this.#working !== undefined) return;
    this.#working = this.#loop().finally(() => {
      this.#working = undefined;
      if (this.#again && !this.#closed && this.#retry === undefined) this.look();
    });
  }

  /** Ends after the work in hand. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#working;
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const { pump, runs } = this.#options;
      for (const jobId of runs.ids) {
        const job = pump.state.jobs.get(jobId);
        if (job === undefined || this.#closed) continue;
        if (job.stage === "ended") {
          this.#models.drop(jobId);
          this.#measuredMs.delete(jobId);
        } else if (!(await this.#serve(job))) return this.#retryLater();
      }
    }
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.look();
    }, RETRY_MS);
  }

  /** Does what the run wants now; false when it should be tried again. */
  async #serve(job: JobState): Promise<boolean> {
    const { pump } = this.#options;
    const done = pump.state.runs.has(job.jobId)
      ? await this.#aggregate(job)
      : await this.#prepare(job);
    if (done === undefined || done.ok) return true;
    this.#options.say("warn", "A run has to wait.", { run: job.jobId, why: done.message });
    return done.code === "SHUTTING_DOWN";
  }

  async #prepare(job: JobState): Promise<Outcome<unknown>> {
    const { pump, store, trainer } = this.#options;
    const { jobId } = job;
    const fail = (message: string) => pump.submit({ type: "failRun", jobId, message });
    if (trainer === undefined) return fail(NO_TRAINER);
    const { own } = job.spec.run!;
    const made = own === undefined ? trainer.prepare(job.spec.run!) : prepareOwn(own);
    const prepared = await made.catch(failure);
    if (!prepared.ok) return fail(`${prepared.message} ${prepared.hint}`);
    const { windows, batchSizes } = prepared.value;
    const forked = await startOfFork(store.blobs, trainer, job.spec.run!, prepared.value);
    if (!forked.ok) return fail(`${forked.message} ${forked.hint}`);
    const { parameters } = forked.value;
    const heldOutLoss = own === undefined ? forked.value.heldOutLoss : null;
    const model = await putVectors(store.blobs, [parameters]);
    if (!model.ok) return model;
    return pump.submit({
      type: "prepareRun",
      ...{ jobId, windows, batchSizes, heldOutLoss },
      parameters: parameters.length,
      // The blob is the model's very bytes, so both have one digest.
      modelDigest: model.value,
      modelBlob: model.value,
    });
  }

  async #aggregate(job: JobState): Promise<Outcome<unknown> | undefined> {
    const { pump, store, trainer } = this.#options;
    const { jobId } = job;
    const run = pump.state.runs.get(jobId)!;
    const closing = pendingAggregation(run.machine);
    if (closing === undefined) return undefined;
    const { round } = closing;
    const tell = (reason: string) =>
      pump.submit({ type: "run", jobId, input: { type: "aggregation.failed", round, reason } });
    if (trainer === undefined) return tell(NO_TRAINER);
    const tools = { blobs: store.blobs, models: this.#models, trainer };
    const measureLoss = job.spec.run!.own === undefined && this.#lossDue(run);
    const merged = await merge(tools, run, job.spec.run!, closing, measureLoss).catch(failure);
    if (!merged.ok) {
      this.#options.say("error", "A merge failed.", { run: jobId, round, why: merged.message });
      return tell(merged.message);
    }
    const { input, model } = merged.value;
    const told = await pump.submit({ type: "run", jobId, input });
    if (told.ok) this.#models.keep(jobId, input.modelDigest, model);
    if (told.ok && measureLoss) this.#measuredMs.set(jobId, performance.now());
    return told;
  }

  /** Not every round needs its loss on screen; the one that may be the last does. */
  #lossDue(run: RunState): boolean {
    const sinceMs = performance.now() - (this.#measuredMs.get(run.jobId) ?? -LOSS_EVERY_MS);
    if (sinceMs >= LOSS_EVERY_MS || run.machine.stopAsked) return true;
    const nowMs = this.#options.pump.state.nowMs;
    const endMs = endEstimateMs(run, nowMs);
    return endMs !== undefined && endMs - nowMs < LAST_ROUNDS_MS;
  }
}

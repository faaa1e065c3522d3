// What a site does in a run, round after round: ask what is next, fetch the model, train the
// stretch, send the coded change. The pool decides; this obeys, and says what it did.
import type { AssignmentView, CallReply, Client } from "@tequio/contract";
import {
  type Codec,
  difference,
  encodeWithFeedback,
  splitRanges,
  type WindowRange,
  windowsOf as windowsOfRanges,
} from "@tequio/core/training";
import { type Corpus, loadCorpus } from "../corpus.ts";
import type { Executor } from "../executor.ts";
import { type StretchResult, Trainee } from "../stretch.ts";
import { fillBatch } from "../windows.ts";
import type { BlobClient } from "./blob-client.ts";
import { ModelCopy } from "./model-copy.ts";
import { decodeMoments, encodeMoments } from "./moments.ts";

/** One long poll for the next assignment. The pool answers at once when something changed. */
const POLL_MS = 20_000;
const RETRY_MS = 1_000;
/** A pool that is silent for longer has stopped this site's lease anyway. */
const UNREACHABLE_MS_MAX = 120_000;

export interface SiteOptions {
  readonly client: Client;
  readonly blobs: BlobClient;
  readonly executor: Executor;
  readonly runId: string;
  readonly log: (line: string) => void;
  /** True once the site was asked to stop. */
  readonly stopped: () => boolean;
}

type Train = Required<
  Pick<
    AssignmentView,
    "round" | "model" | "modelDigest" | "innerSteps" | "batch" | "codec" | "ranges" | "windows"
  >
> &
  AssignmentView;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Takes part until the run is over or the site is asked to stop. Throws on lasting trouble. */
export async function takePart(options: SiteOptions): Promise<void> {
  const site = new RunSite(options);
  let after = 0;
  let silentSinceMs: number | undefined;
  while (!options.stopped()) {
    const holds = site.holds;
    const reply = await options.client.call("getAssignment", {
      params: { id: options.runId },
      query: { after, waitMs: POLL_MS, ...(holds === undefined ? {} : { holds }) },
    });
    if (!reply.ok) {
      silentSinceMs ??= performance.now();
      const lasting = reply.code !== "POOL_UNREACHABLE" && reply.code !== "SHUTTING_DOWN";
      if (lasting || performance.now() - silentSinceMs > UNREACHABLE_MS_MAX) {
        throw new Error(`${reply.code}: ${reply.message}`);
      }
      await wait(RETRY_MS);
      continue;
    }
    silentSinceMs = undefined;
    after = reply.value.version;
    if (reply.value.state === "stop") return options.log(`over: ${reply.value.reason}`);
    if (reply.value.state === "wait") options.log(`waits: ${reply.value.reason}`);
    else await site.train(reply.value as Train);
  }
}

class RunSite {
  readonly #options: SiteOptions;
  readonly #copy: ModelCopy;
  #trainee: Trainee | undefined;
  #corpus: Corpus | undefined;
  #residual: Float32Array | undefined;
  /** Stretches that were sent, so that none is done twice after a repeated answer. */
  #doneRound = -1;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#copy = new ModelCopy(options.blobs);
  }

  get holds(): number | undefined {
    return this.#copy.round;
  }

  async train(assignment: Train): Promise<void> {
    if (assignment.round <= this.#doneRound) return wait(100);
    const startMs = performance.now();
    const deadlineMs = startMs + (assignment.timeLeftMs ?? Number.POSITIVE_INFINITY);
    const { trainee, corpus } = await this.#ready(assignment);
    const model = await this.#copy.fetch(assignment);
    const fetchMs = performance.now() - startMs;
    const before = trainee.exportState();
    const result = await this.#stretch(assignment, trainee, corpus, model, deadlineMs);
    if (result === undefined) return;
    const taken = await this.#send(assignment, trainee, model, result, fetchMs);
    // A refused stretch is as if it had not been: the optimiser goes back to before it.
    if (!taken) trainee.importState(before);
    this.#doneRound = assignment.round;
  }

  async #ready(assignment: Train): Promise<{ trainee: Trainee; corpus: Corpus }> {
    if (this.#corpus === undefined) {
      const corpus = await loadCorpus(assignment.corpus ?? "sotu");
      if (!corpus.ok) throw new Error(`${corpus.code}: ${corpus.message}`);
      this.#corpus = corpus.value;
    }
    if (this.#trainee === undefined) {
      this.#trainee = new Trainee(this.#options.executor, assignment.model);
      this.#residual = new Float32Array(this.#trainee.parameterCount);
    }
    const trainee = this.#trainee;
    await trainee.prepare(assignment.batch);
    if (trainee.t === 0 && assignment.momentsBlob !== undefined) {
      const moments = decodeMoments(await this.#options.blobs.get(assignment.momentsBlob));
      if (moments.ok) trainee.importState(moments.value);
    }
    return { trainee, corpus: this.#corpus };
  }

  async #stretch(
    assignment: Train,
    trainee: Trainee,
    corpus: Corpus,
    parameters: Float32Array,
    deadlineMs: number,
  ): Promise<StretchResult | undefined> {
    const { batch, innerSteps, windows, model } = assignment;
    const pool = { windows, seed: assignment.seed ?? 0 };
    const order = windowsOfRanges(pool, assignment.ranges);
    const nextWindows = (): number[] =>
      Array.from({ length: batch }, () => order.next().value as number);
    const { stopped, log } = this.#options;
    const result = await trainee.runStretch({
      parameters,
      batches: () => fillBatch(corpus.parts.train, nextWindows(), model.context),
      innerSteps,
      batch,
      lrStart: assignment.learningRateStart ?? 0,
      lrEnd: assignment.learningRateEnd ?? 0,
      ...(assignment.rampSteps === undefined ? {} : { rampSteps: assignment.rampSteps }),
      shouldStop: () => stopped() || performance.now() > deadlineMs,
    });
    if (!result.ok) {
      log(`round ${assignment.round}: ${result.message}`);
      throw new Error(`${result.code}: ${result.message}`);
    }
    // Asked to leave in the middle: the stretch is given up, its windows go to others.
    return stopped() ? undefined : result.value;
  }

  async #send(
    assignment: Train,
    trainee: Trainee,
    start: Float32Array,
    result: StretchResult,
    fetchMs: number,
  ): Promise<boolean> {
    const { client, blobs, runId, log } = this.#options;
    const delta = difference(start, result.parameters);
    const coded = encodeWithFeedback(assignment.codec as Codec, delta, this.#residual!);
    const sendStartMs = performance.now();
    const blob = await blobs.put(coded.bytes);
    const momentsBlob =
      assignment.wantsMoments === true
        ? await blobs.put(encodeMoments(trainee.exportState()))
        : undefined;
    const transferMs = fetchMs + performance.now() - sendStartMs;
    const { round, batch, modelDigest, codec } = assignment;
    const reply = await client.call("contribute", {
      params: { id: runId },
      body: {
        round,
        modelDigest,
        blob,
        bytes: coded.bytes.length,
        codec,
        tokens: result.tokens,
        innerSteps: result.steps,
        batch,
        computeMs: result.elapsedMs,
        transferMs,
        bytesDown: this.#copy.takeBytes(),
        meanLoss: result.meanLoss,
        ranges: doneRanges(assignment.ranges, result.steps * batch),
        ...(momentsBlob === undefined ? {} : { momentsBlob }),
      },
    });
    const accepted = reply.ok && reply.value.accepted;
    if (accepted) this.#residual = coded.residual;
    log(roundLine(assignment, result, transferMs, reply));
    return accepted;
  }
}

const doneRanges = (ranges: readonly WindowRange[], windows: number): WindowRange[] => [
  ...splitRanges(ranges, windows)[0],
];

function roundLine(
  { round, batch }: Train,
  { steps, tokens, meanLoss, elapsedMs }: StretchResult,
  transferMs: number,
  reply: { ok: true; value: CallReply<"contribute"> } | { ok: false; message: string },
): string {
  const speed = Math.round((tokens * 1_000) / elapsedMs);
  const what = reply.ok ? reply.value.reason : reply.message;
  return (
    `round ${round}: ${steps} steps of ${batch} windows, loss ${meanLoss.toFixed(3)}, ` +
    `${speed} tokens/s, ${Math.round(transferMs)} ms of transfer; ${what}`
  );
}

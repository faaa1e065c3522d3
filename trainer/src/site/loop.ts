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
import { type StretchOptions, type StretchResult, Trainee } from "../stretch.ts";
import { fillBatch } from "../windows.ts";
import type { BlobClient } from "./blob-client.ts";
import { ModelCopy } from "./model-copy.ts";
import { decodeMoments, encodeMoments } from "./moments.ts";

/** One long poll for the next assignment. The pool answers at once when something changed. */
const POLL_MS = 20_000;
const RETRY_MS = 1_000;
/** A pool that is silent for longer has stopped this site's lease anyway. */
const UNREACHABLE_MS_MAX = 120_000;
/** Pause before asking again after an answer that was known already. */
const REPEATED_MS = 100;
/** Most steps that a site trains on while it waits for the merge, as a share of its stretch: more
 * of them would start too far from the model that they are added to. */
const CARRY_SHARE_MAX = 1;

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

interface Stretch {
  readonly assignment: Train;
  readonly trainee: Trainee;
  readonly corpus: Corpus;
}

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Takes part until the run is over or the site is asked to stop. Throws on lasting trouble. */
export async function takePart(options: SiteOptions): Promise<void> {
  const site = new RunSite(options);
  let assignment = await site.next();
  while (assignment !== undefined) {
    assignment =
      assignment.state === "train" ? await site.train(assignment as Train) : await site.next();
  }
}

class RunSite {
  readonly #options: SiteOptions;
  readonly #copy: ModelCopy;
  #trainee: Trainee | undefined;
  #corpus: Corpus | undefined;
  #residual: Float32Array | undefined;
  /** What the site has learned since it sent its last contribution; see docs/decisions/0004. */
  #carry: Float32Array | undefined;
  #carriedSteps = 0;
  /** When the last answer came. */
  #receivedMs = 0;
  /** Version of the last answer, and the round of the last stretch that was taken. */
  #after = 0;
  #doneRound = -1;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#copy = new ModelCopy(options.blobs);
  }

  /** Waits for news; undefined when the site is to go. */
  async next(): Promise<AssignmentView | undefined> {
    const { client, runId, log, stopped } = this.#options;
    let silentSinceMs: number | undefined;
    while (!stopped()) {
      const holds = this.#copy.round;
      const reply = await client.call("getAssignment", {
        params: { id: runId },
        query: { after: this.#after, waitMs: POLL_MS, ...(holds === undefined ? {} : { holds }) },
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
      const { state, version, round, reason } = reply.value;
      this.#after = version;
      this.#receivedMs = performance.now();
      if (state === "stop") log(`over: ${reason}`);
      if (state === "stop") return undefined;
      // An answer that was sent twice: this stretch is done.
      if (state === "train" && (round ?? 0) <= this.#doneRound) {
        await wait(REPEATED_MS);
        continue;
      }
      if (state === "wait") log(`waits: ${reason}`);
      return reply.value;
    }
    return undefined;
  }

  /** Does one stretch and sends it; gives the assignment that follows. */
  async train(assignment: Train): Promise<AssignmentView | undefined> {
    const startMs = performance.now();
    const deadlineMs = startMs + (assignment.timeLeftMs ?? Number.POSITIVE_INFINITY);
    const { trainee, corpus } = await this.#ready(assignment);
    const model = await this.#copy.fetch(assignment);
    // From the assignment to the first step: the pool plans with it, although the site trained on.
    const fetchMs = performance.now() - this.#receivedMs;
    const windows = windowsIn(assignment);
    const stretch = { assignment, trainee, corpus };
    const {
      innerSteps: steps,
      learningRateStart: lrStart = 0,
      learningRateEnd: lrEnd = 0,
    } = assignment;
    const { stopped } = this.#options;
    const result = await this.#steps(stretch, windows, {
      parameters: this.#carry === undefined ? model : sum(model, this.#carry),
      innerSteps: steps,
      lrStart,
      lrEnd,
      ...(assignment.rampSteps === undefined ? {} : { rampSteps: assignment.rampSteps }),
      shouldStop: () => stopped() || performance.now() > deadlineMs,
    });
    if (this.#carry !== undefined) this.#options.log(`carried ${this.#carriedSteps} steps`);
    this.#carry = undefined;
    // Asked to leave in the middle: the stretch is given up, its windows go to others.
    if (stopped()) return undefined;
    const taken = await this.#send(assignment, trainee, model, result, fetchMs);
    if (taken) {
      this.#doneRound = assignment.round;
      return this.#carryOn(stretch, result.parameters, lrEnd);
    }
    // A refused stretch is as if it had not been: the optimiser goes back to before it, and the
    // same round may be given to this site once more.
    trainee.undo();
    return this.next();
  }

  /**
   * While the pool merges, the site trains on, over the same windows: what it learns then is added
   * to the next model and goes with the next contribution. These steps are not counted as tokens.
   */
  async #carryOn(
    stretch: Stretch,
    sent: Float32Array,
    rate: number,
  ): Promise<AssignmentView | undefined> {
    let arrived = false;
    const noted = this.#nextStretch().finally(() => {
      arrived = true;
    });
    noted.catch(() => {});
    const { innerSteps } = stretch.assignment;
    const most = Math.floor(innerSteps * CARRY_SHARE_MAX);
    if (most > 0 && rate > 0) {
      const carried = await this.#steps(stretch, windowsIn(stretch.assignment), {
        parameters: sent,
        innerSteps: most,
        lrStart: rate,
        lrEnd: rate,
        shouldStop: () => arrived || this.#options.stopped(),
      });
      this.#carry = difference(carried.parameters, sent);
      this.#carriedSteps = carried.steps;
    }
    const next = await noted;
    // After sitting out a round: what was learned belongs to a model that is gone.
    const follows = next?.round === stretch.assignment.round + 1;
    if (!follows) this.#carry = undefined;
    return next;
  }

  /** The next stretch, or the end: every event of the run is news, but not all are waited for. */
  async #nextStretch(): Promise<AssignmentView | undefined> {
    let next = await this.next();
    while (next?.state === "wait") next = await this.next();
    return next;
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

  async #steps(
    { assignment, trainee, corpus }: Stretch,
    windows: () => number[],
    options: Omit<StretchOptions, "batches" | "batch">,
  ): Promise<StretchResult> {
    const { context } = assignment.model;
    const result = await trainee.runStretch({
      ...options,
      batch: assignment.batch,
      batches: () => fillBatch(corpus.parts.train, windows(), context),
    });
    if (!result.ok) {
      this.#options.log(`round ${assignment.round}: ${result.message}`);
      throw new Error(`${result.code}: ${result.message}`);
    }
    return result.value;
  }

  async #send(
    assignment: Train,
    trainee: Trainee,
    start: Float32Array,
    result: StretchResult,
    fetchMs: number,
  ): Promise<boolean> {
    const { client, blobs, runId, log } = this.#options;
    const sendStartMs = performance.now();
    const delta = difference(start, result.parameters);
    const coded = encodeWithFeedback(assignment.codec as Codec, delta, this.#residual!);
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

/** Batches of the assignment's windows, in order; after the last one from the first again. */
function windowsIn(assignment: Train): () => number[] {
  const { windows, ranges, batch, seed = 0 } = assignment;
  const all = [...windowsOfRanges({ windows, seed }, ranges)];
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

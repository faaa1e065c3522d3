// A site's side of the exchange: fetch the model, code and send what was learned, wait for what is
// next. The arithmetic of training is loop.ts's, which goes on meanwhile in a thread of its own.
import type { AssignmentView, CallReply, Client } from "@tequio/contract";
import {
  type Codec,
  difference,
  encodeWithFeedback,
  splitRanges,
  type WindowRange,
} from "@tequio/core/training";
import type { OptimiserState, StretchResult } from "../stretch.ts";
import { type BlobClient, Gone } from "./blob-client.ts";
import { ModelCopy } from "./model-copy.ts";
import { decodeMoments, encodeMoments } from "./moments.ts";

/** One long poll for the next assignment. The pool answers at once when something changed. */
const POLL_MS = 20_000;
const RETRY_MS = 1_000;
/** A pool that is silent for longer has stopped this site's lease anyway. */
const UNREACHABLE_MS_MAX = 120_000;
/** Pause before asking again after an answer that was known already. */
const REPEATED_MS = 100;

/** Models that are gone when the site comes to fetch them, one after another: then it is not the
 * others' haste. */
const GONE_MAX = 10;

/** An assignment to train. */
export type Train = Required<
  Pick<
    AssignmentView,
    "round" | "model" | "modelDigest" | "innerSteps" | "batch" | "codec" | "ranges" | "windows"
  >
> &
  AssignmentView;

/** A stretch to train and the model that it starts from. */
export interface Next {
  readonly assignment: Train;
  readonly model: Float32Array;
  /** When the assignment came, on the clock of `nowMs`. */
  readonly receivedMs: number;
}

/** A stretch that was trained. */
export interface Done {
  readonly assignment: Train;
  readonly result: StretchResult;
  /** From the assignment to the first step. */
  readonly fetchMs: number;
  /** End of the last step, on the clock of `nowMs`. */
  readonly endedMs: number;
  /** Only when the assignment wants them. */
  readonly moments?: OptimiserState;
}

export interface Exchanged {
  /** False when the pool did not take the contribution: the stretch is as if it had not been. */
  readonly accepted: boolean;
  /** Undefined when the run is over or the site is to go. */
  readonly next: Next | undefined;
}

/** What the training thread asks of the exchange. Every call rejects on lasting trouble. */
export interface ExchangePort {
  /** Waits for the first stretch. */
  first(): Promise<Next | undefined>;
  /** Sends a stretch and waits for the one that follows. */
  exchange(done: Done): Promise<Exchanged>;
  /** The moments that a site without its own starts from; undefined when they are damaged. */
  moments(digest: string): Promise<OptimiserState | undefined>;
}

export interface ExchangeOptions {
  readonly client: Client;
  readonly blobs: BlobClient;
  readonly runId: string;
  readonly log: (line: string) => void;
  /** True once the site was asked to stop. */
  readonly stopped: () => boolean;
}

/** A clock that never goes back and is the same in all threads of a machine. In a browser workers
 * share the page's origin of time to a fraction of a millisecond. */
export const nowMs = (): number =>
  typeof process === "undefined"
    ? performance.timeOrigin + performance.now()
    : Number(process.hrtime.bigint()) / 1e6;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export class Exchange implements ExchangePort {
  readonly #options: ExchangeOptions;
  readonly #copy: ModelCopy;
  #residual: Float32Array | undefined;
  /** Version of the last answer, and the round of the last stretch that was taken. */
  #after = 0;
  #doneRound = -1;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#copy = new ModelCopy(options.blobs);
  }

  async first(): Promise<Next | undefined> {
    for (let gone = 0; ; ) {
      const answer = await this.#answer();
      if (answer === undefined) return undefined;
      // Every event of the run is news, but not all are waited for.
      if (answer.state !== "train") continue;
      const receivedMs = nowMs();
      const assignment = answer as Train;
      try {
        return { assignment, model: await this.#copy.fetch(assignment), receivedMs };
      } catch (error) {
        // The others merged several rounds meanwhile, and old models are not kept: ask anew.
        if (!(error instanceof Gone) || ++gone === GONE_MAX) throw error;
        this.#options.log(`round ${assignment.round}: its model is gone already; asks again`);
        await wait(REPEATED_MS);
        this.#after = 0;
      }
    }
  }

  async exchange(done: Done): Promise<Exchanged> {
    const accepted = await this.#send(done);
    if (accepted) this.#doneRound = done.assignment.round;
    return { accepted, next: await this.first() };
  }

  async moments(digest: string): Promise<OptimiserState | undefined> {
    const moments = decodeMoments(await this.#options.blobs.get(digest));
    return moments.ok ? moments.value : undefined;
  }

  /** Waits for news; undefined when the site is to go. */
  async #answer(): Promise<AssignmentView | undefined> {
    const { client, runId, log, stopped } = this.#options;
    let silentSinceMs: number | undefined;
    while (!stopped()) {
      const holds = this.#copy.round;
      const reply = await client.call("getAssignment", {
        params: { id: runId },
        query: { after: this.#after, waitMs: POLL_MS, ...(holds === undefined ? {} : { holds }) },
      });
      if (!reply.ok) {
        if (silentSinceMs === undefined) log(`waits for the pool: ${reply.message}`);
        silentSinceMs ??= nowMs();
        const lasting = reply.code !== "POOL_UNREACHABLE" && reply.code !== "SHUTTING_DOWN";
        if (lasting || nowMs() - silentSinceMs > UNREACHABLE_MS_MAX) {
          throw new Error(`${reply.code}: ${reply.message}`);
        }
        await wait(RETRY_MS);
        continue;
      }
      silentSinceMs = undefined;
      const { state, version, round, reason } = reply.value;
      this.#after = version;
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

  async #send({ assignment, result, fetchMs, endedMs, moments }: Done): Promise<boolean> {
    const { client, blobs, runId, log } = this.#options;
    const { round, batch, modelDigest, codec } = assignment;
    const delta = difference(await this.#copy.fetch(assignment), result.parameters);
    this.#residual ??= new Float32Array(delta.length);
    const coded = encodeWithFeedback(codec as Codec, delta, this.#residual);
    const blob = await blobs.put(coded.bytes);
    const momentsBlob = moments === undefined ? undefined : await blobs.put(encodeMoments(moments));
    const transferMs = fetchMs + nowMs() - endedMs;
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

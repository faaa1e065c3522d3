// A training without tensors: the model is a short vector, and its loss is its mean square
// distance to a target. Rounds, codecs, blobs and weights are the real ones.
import { createHash } from "node:crypto";
import type { AssignmentView, Client } from "@tequio/contract";
import { makeClient } from "@tequio/contract";
import { type Outcome, ok } from "@tequio/core/pool";
import { applyDownlink, type Codec, difference, encode, ROUND_LIMITS } from "@tequio/core/training";
import type { PreparedRun, TextRequest, TrainerPort } from "../ports.ts";

const LENGTH = 600;
const TARGET = Float32Array.from({ length: LENGTH }, (_, i) => Math.sin(i));

const lossOf = (parameters: Float32Array): number =>
  parameters.reduce((sum, value, i) => sum + (value - TARGET[i]!) ** 2, 0) / LENGTH;

/** A trainer whose first model is zero; `prepared` replaces what it prepares. */
export const fakeTrainer = (prepared?: Outcome<PreparedRun>): TrainerPort => {
  const parameters = new Float32Array(LENGTH);
  const first = { parameters, windows: 1_000, batchSizes: [1, 2, 4, 8, 16] };
  return {
    prepare: async () => prepared ?? ok({ ...first, heldOutLoss: lossOf(parameters) }),
    gateLoss: async (_run, _round, model) => lossOf(model),
    heldOutLoss: async (_run, model) => lossOf(model),
    sample: async (_run, model, request) => `${request.prompt}${model.length}`,
    // Real formats are the trainer's to test: here the file is its notes, then all values.
    exportPieces: async (_run, format, notes) => [
      new TextEncoder().encode(JSON.stringify({ format, ...notes })),
      { offset: 0, size: LENGTH },
    ],
    encode: async (_run, text) => [...new TextEncoder().encode(text)],
    vocabulary: async () => Array.from({ length: 256 }, (_, id) => Uint8Array.of(id)),
    trainText: async () => new TextEncoder().encode("A text to train on."),
    generate: fakeText,
    close: async () => {},
  };
};

/** Writes `a`, `b`, `c` and so on by the seed, a token each millisecond; needs the model. */
async function* fakeText(
  { parameters, wish }: TextRequest,
  signal: AbortSignal,
): AsyncGenerator<number, undefined> {
  if ((await parameters()).length !== LENGTH) throw new Error("another model");
  for (let i = 0; i < wish.tokens && !signal.aborted; i += 1) {
    yield 97 + ((wish.seed + i) % 26);
    await new Promise((done) => setTimeout(done, 1));
  }
  return undefined;
}

/** The smallest run: H 2, a short warm-up, rounds as given. */
export const RUN = (rounds: number) => ({
  name: "tiny",
  run: {
    model: { vocab: 16, context: 8, width: 16, layers: 1, heads: 1 },
    ...{ stop: { rounds }, innerSteps: 2, warmUpSteps: 2, referenceBatch: 4, maxBatch: 8 },
  },
});

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export interface WorkerOptions {
  readonly url: string;
  readonly token: string;
  readonly runId: string;
  /** What the worker does to the change it sends; for bad workers. */
  readonly spoil?: (delta: Float32Array) => Float32Array;
  /** Called after each contribution with the pool's answer; the worker waits for what it gives. */
  readonly onRound?: (assignment: AssignmentView, code: string | undefined) => unknown;
}

/** A blob that the pool no longer has. */
class Gone extends Error {}

/** A site's worker: trains by moving towards the target. */
export class FakeWorker {
  readonly reasons: string[] = [];
  readonly assignments: AssignmentView[] = [];
  readonly #options: WorkerOptions;
  readonly #client: Client;
  #held: { readonly round: number; readonly h: Float32Array } | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#client = makeClient(options);
  }

  /** Takes part until the run is over, or the pool cannot be reached. */
  async run(): Promise<string> {
    let after = 0;
    let done = -1;
    for (;;) {
      const holds = this.#held === undefined ? {} : { holds: this.#held.round };
      const asked = await this.#client.call("getAssignment", {
        params: { id: this.#options.runId },
        query: { after, waitMs: 5_000, ...holds },
      });
      if (!asked.ok) return asked.code;
      const assignment = asked.value;
      after = assignment.version;
      this.reasons.push(assignment.reason);
      if (assignment.state === "stop") return assignment.reason;
      if (assignment.state === "wait" || assignment.round === done) continue;
      this.assignments.push(assignment);
      try {
        await this.#train(assignment);
      } catch (error) {
        // Rounds of milliseconds: the others may have gone on so far that the model is gone.
        if (!(error instanceof Gone)) throw error;
        continue;
      }
      done = assignment.round!;
    }
  }

  async #train(assignment: AssignmentView): Promise<void> {
    const { round, modelDigest, innerSteps, batch, codec, model, ranges } = assignment;
    const h = await this.#fetch(assignment);
    if (digestOf(new Uint8Array(h.buffer)) !== modelDigest) throw new Error("another model");
    this.#held = { round: round!, h };
    const trained = h.map((value, i) => value + 0.3 * (TARGET[i]! - value));
    const delta = difference(h, trained);
    const bytes = encode(codec as Codec, this.#options.spoil?.(delta) ?? delta);
    const blob = await this.put(bytes);
    const tokens = innerSteps! * batch! * model!.context;
    const answer = await this.#client.call("contribute", {
      params: { id: this.#options.runId },
      body: {
        ...{ round: round!, modelDigest: modelDigest!, blob, bytes: bytes.length, codec: codec! },
        tokens,
        // As fast as the pool assumes of a site that says nothing, so that no round is too short.
        computeMs: (1_000 * tokens) / ROUND_LIMITS.TOKENS_PER_SECOND_GUESS,
        ...{ innerSteps: innerSteps!, batch: batch!, transferMs: 1, bytesDown: 1 },
        ...{ meanLoss: 1, ranges: ranges! },
        ...(assignment.wantsMoments === true ? { momentsBlob: await this.put(bytes) } : {}),
      },
    });
    const code = answer.ok ? answer.value.code : answer.code;
    await this.#options.onRound?.(assignment, code);
  }

  async #fetch({ round, steps, modelBlob }: AssignmentView): Promise<Float32Array> {
    const step = steps?.[0];
    if (step !== undefined && this.#held?.round === round! - 1) {
      const next = applyDownlink(this.#held!.h, await this.get(step.digest));
      if (next.ok) return next.value;
    }
    return new Float32Array((await this.get(modelBlob!)).buffer);
  }

  async get(digest: string): Promise<Uint8Array<ArrayBuffer>> {
    const headers = { authorization: `Bearer ${this.#options.token}` };
    const reply = await fetch(`${this.#options.url}/v1/blobs/${digest}`, { headers });
    if (reply.status === 404) throw new Gone(`GET ${digest}: 404`);
    if (!reply.ok) throw new Error(`GET ${digest}: ${reply.status}`);
    return new Uint8Array(await reply.arrayBuffer());
  }

  async put(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes);
    const reply = await fetch(`${this.#options.url}/v1/blobs/${digest}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${this.#options.token}` },
      body: new Uint8Array(bytes),
    });
    if (!reply.ok) throw new Error(`PUT ${digest}: ${reply.status} ${await reply.text()}`);
    return digest;
  }
}

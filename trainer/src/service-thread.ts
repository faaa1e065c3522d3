// entry: service.ts starts this as a worker thread
// The thread behind service.ts: answers one question after another. Graphs and the text are opened
// once for each run and kept.
import { parentPort, workerData } from "node:worker_threads";
import type { ModelShape, Outcome as PoolOutcome, RunSpec } from "@tequio/core/pool";
import { ok, type Refusal, refuse } from "@tequio/core/pool";
import { loadCorpus, type Tokenised, tokenised } from "./corpus.ts";
import { Evaluator } from "./evaluate.ts";
import { type Executor, openExecutor } from "./executor.ts";
import { checkConfig, initialParameters, parameterCount } from "./layout.ts";
import { printable, Sampler } from "./sample.ts";
import { REPORT_TOKENS, type SampleWish } from "./service.ts";
import { BATCH_SIZES } from "./sessions.ts";
import { windowsOf } from "./windows.ts";

export interface Prepared {
  readonly parameters: Float32Array;
  /** Windows of the train part. */
  readonly windows: number;
  readonly batchSizes: readonly number[];
  readonly heldOutLoss: number;
}

export type Question =
  | { readonly kind: "prepare"; readonly run: RunSpec }
  | {
      readonly kind: "gateLoss";
      readonly run: RunSpec;
      readonly round: number;
      readonly parameters: Float32Array;
    }
  | { readonly kind: "encode"; readonly run: RunSpec; readonly text: string }
  | { readonly kind: "vocabulary"; readonly run: RunSpec }
  | { readonly kind: "trainText"; readonly run: RunSpec }
  | { readonly kind: "heldOutLoss"; readonly run: RunSpec; readonly parameters: Float32Array }
  | {
      readonly kind: "sample";
      readonly run: RunSpec;
      readonly parameters: Float32Array;
      readonly wish: SampleWish;
    };

export interface Answer {
  readonly id: number;
  readonly value?:
    | PoolOutcome<Prepared>
    | number
    | string
    | readonly number[]
    | Uint8Array
    | Uint16Array
    | readonly Uint8Array[];
  readonly error?: string;
}

/** Held-out windows are the same in every round and run; 4,096 predictions take about 0.15 s of a
 * core for 1 M parameters, once a round. */
const REPORT = { seed: 99, tokens: REPORT_TOKENS, batch: 8 };
/** One batch judges a contribution (the reference used two): on the same windows before and
 * after, so little text tells much; seed 5. */
const GATE = { seed: 5, tokens: 512, batch: 8 };
/** The gate's windows change every so many rounds, so that nobody can train for them. */
const GATE_ROUNDS = 10;

let executor: Promise<Executor> | undefined;
const corpora = new Map<string, Promise<Tokenised>>();
const evaluators = new Map<string, Promise<Evaluator>>();
const samplers = new Map<string, Promise<Sampler>>();

function theExecutor(): Promise<Executor> {
  executor ??= openExecutor({ threads: (workerData as { threads: number }).threads }).then(
    (opened) => {
      if (!opened.ok) throw new Error(`${opened.code}: ${opened.message}`);
      return opened.value.executor;
    },
  );
  return executor;
}

function kept<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  made.catch(() => map.delete(key));
  return made;
}

/** A run's text in the run's tokens. */
const theCorpus = (run: RunSpec): Promise<Tokenised> =>
  kept(corpora, corpusKey(run), async () => {
    const opened = await openCorpus(run);
    if (!opened.ok) throw new Error(`${opened.code}: ${opened.message}`);
    return opened.value;
  });

const corpusKey = ({ corpus, tokenizer = "bytes" }: RunSpec): string => `${corpus}|${tokenizer}`;

async function openCorpus({ corpus, tokenizer = "bytes", model }: RunSpec) {
  const needs = { context: model.context, sites: 1 };
  const loaded = await loadCorpus(corpus, needs);
  return loaded.ok ? tokenised(loaded.value, tokenizer, needs) : loaded;
}

const shapeKey = ({ vocab, context, width, layers, heads }: ModelShape): string =>
  [vocab, context, width, layers, heads].join("x");

/** Fixed windows of one part; fewer batches where the text is short. */
const theEvaluator = (run: RunSpec, part: "gate" | "report", seed: number): Promise<Evaluator> =>
  kept(evaluators, `${corpusKey(run)}|${shapeKey(run.model)}|${part}|${seed}`, async () => {
    const { corpus } = await theCorpus(run);
    const { tokens, batch } = part === "gate" ? GATE : REPORT;
    const there = windowsOf(corpus.parts[part], run.model.context);
    const rows = Math.max(1, Math.min(batch, there));
    const wanted = Math.max(1, Math.ceil(tokens / (rows * run.model.context)));
    const batches = Math.max(1, Math.min(wanted, Math.floor(there / rows)));
    const opened = await Evaluator.open({
      executor: await theExecutor(),
      config: run.model,
      part: corpus.parts[part],
      seed,
      batch: rows,
      batches,
    });
    if (!opened.ok) throw new Error(`${opened.code}: ${opened.message}`);
    return opened.value;
  });

async function prepare(run: RunSpec): Promise<PoolOutcome<Prepared>> {
  const checked = checkConfig(run.model);
  if (!checked.ok) return poolRefusal(checked);
  const opened = await openCorpus(run);
  if (!opened.ok) return poolRefusal(opened);
  const { corpus } = opened.value;
  corpora.set(corpusKey(run), Promise.resolve(opened.value));
  const parameters = initialParameters(run.model, run.seed);
  if (parameters.length !== parameterCount(run.model)) throw new Error("layout and start differ");
  const heldOutLoss = await (await theEvaluator(run, "report", REPORT.seed)).loss(parameters);
  return ok({
    parameters,
    windows: windowsOf(corpus.parts.train, run.model.context),
    batchSizes: BATCH_SIZES,
    heldOutLoss,
  });
}

const poolRefusal = (refusal: { message: string; hint: string; code: string }): Refusal =>
  refuse(
    refusal.code === "CORPUS_INVALID" ? "CORPUS_INVALID" : "INVALID_REQUEST",
    refusal.message,
    refusal.hint,
  );

async function gateLoss(run: RunSpec, round: number, parameters: Float32Array): Promise<number> {
  const era = Math.floor(round / GATE_ROUNDS);
  for (const [key, evaluator] of evaluators) {
    // Graphs of eras that are over would pile up.
    if (!key.includes("|gate|") || key.endsWith(`|gate|${GATE.seed + era}`)) continue;
    evaluators.delete(key);
    await (await evaluator).release();
  }
  return (await theEvaluator(run, "gate", GATE.seed + era)).loss(parameters);
}

async function sample(run: RunSpec, parameters: Float32Array, wish: SampleWish): Promise<string> {
  const sampler = await kept(samplers, shapeKey(run.model), async () =>
    Sampler.open(await theExecutor(), run.model),
  );
  const { tokenizer } = await theCorpus(run);
  return printable(await sampler.sampleBytes({ parameters, tokenizer, ...wish }));
}

async function encode(run: RunSpec, text: string): Promise<readonly number[]> {
  const { tokenizer } = await theCorpus(run);
  return [...tokenizer.encode(new TextEncoder().encode(text))];
}

/** The bytes of every token. */
async function vocabulary(run: RunSpec): Promise<readonly Uint8Array[]> {
  const { tokenizer } = await theCorpus(run);
  return Array.from({ length: tokenizer.vocab }, (_, token) => tokenizer.decode([token]));
}

async function answer(question: Question): Promise<Answer["value"]> {
  switch (question.kind) {
    case "prepare":
      return prepare(question.run);
    case "gateLoss":
      return gateLoss(question.run, question.round, question.parameters);
    case "heldOutLoss":
      return (await theEvaluator(question.run, "report", REPORT.seed)).loss(question.parameters);
    case "encode":
      return encode(question.run, question.text);
    case "vocabulary":
      return vocabulary(question.run);
    case "trainText":
      return (await theCorpus(question.run)).corpus.parts.train.tokens;
    case "sample":
      return sample(question.run, question.parameters, question.wish);
    default:
      return question satisfies never;
  }
}

// One at a time: two graph runs at once would only take each other's core.
let last: Promise<void> = Promise.resolve();
parentPort?.on("message", ({ id, question }: { id: number; question: Question }) => {
  last = last.then(async () => {
    try {
      parentPort?.postMessage({ id, value: await answer(question) } satisfies Answer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage({ id, error: message } satisfies Answer);
    }
  });
});

// entry: service.ts starts this as a worker thread
// The thread behind service.ts: writes texts, keeps the last few models.
import { parentPort, workerData } from "node:worker_threads";
import type { ModelShape } from "@tequio/core/pool";
import { openExecutor } from "../executor.ts";
import { Generator, type TextWish } from "./generator.ts";

export type ToThread =
  | {
      readonly kind: "start";
      readonly id: number;
      readonly shape: ModelShape;
      readonly digest: string;
      readonly wish: TextWish;
    }
  | { readonly kind: "model"; readonly id: number; readonly parameters: Float32Array }
  | { readonly kind: "cancel"; readonly id: number }
  /** End all texts after their token, then the thread. */
  | { readonly kind: "close" };

export type FromThread =
  | { readonly kind: "wants model"; readonly id: number }
  | { readonly kind: "token"; readonly id: number; readonly token: number }
  | { readonly kind: "over"; readonly id: number; readonly error?: string };

/** Models kept: the newest of a run or two, and one that somebody compares it with. */
const MODELS_MAX = 3;

const models = new Map<string, Float32Array>();
/** Requests under way; with what each waits for, if it waits for its model. */
const active = new Map<number, ((parameters: Float32Array | undefined) => void) | undefined>();

const say = (message: FromThread): void => parentPort?.postMessage(message);

let generator: Promise<Generator> | undefined;
function theGenerator(): Promise<Generator> {
  generator ??= openExecutor({ threads: (workerData as { threads: number }).threads }).then(
    (opened) => {
      if (!opened.ok) throw new Error(`${opened.code}: ${opened.message}`);
      return new Generator(opened.value.executor);
    },
  );
  return generator;
}

/** The model, which is asked for if it is not kept; undefined when the request was cancelled. */
async function modelOf(id: number, digest: string): Promise<Float32Array | undefined> {
  const known = models.get(digest);
  const found =
    known ??
    (await new Promise<Float32Array | undefined>((resolve) => {
      active.set(id, resolve);
      say({ kind: "wants model", id });
    }));
  if (found === undefined) return undefined;
  models.delete(digest);
  models.set(digest, found);
  if (models.size > MODELS_MAX) models.delete(models.keys().next().value!);
  return found;
}

const writing = new Set<Promise<void>>();

function cancel(id: number): void {
  const waits = active.get(id);
  active.delete(id);
  waits?.(undefined);
}

async function write({ id, shape, digest, wish }: Extract<ToThread, { kind: "start" }>) {
  active.set(id, undefined);
  try {
    const parameters = await modelOf(id, digest);
    if (parameters === undefined) return;
    for await (const token of (await theGenerator()).generate(shape, parameters, wish)) {
      if (!active.has(id)) return;
      say({ kind: "token", id, token });
    }
    say({ kind: "over", id });
  } catch (error) {
    say({ kind: "over", id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    active.delete(id);
  }
}

parentPort?.on("message", (message: ToThread) => {
  switch (message.kind) {
    case "start": {
      const written = write(message).finally(() => writing.delete(written));
      writing.add(written);
      return;
    }
    case "model":
      return active.get(message.id)?.(message.parameters);
    case "cancel":
      return cancel(message.id);
    case "close":
      for (const id of active.keys()) cancel(id);
      return void Promise.all(writing).then(() => process.exit());
    default:
      return message satisfies never;
  }
});

// entry: loop.ts's process starts this as a thread
// The exchange in a thread of its own: a training step holds its thread for 0.01 to 0.5 s, and
// sockets that get their turn only between two steps would make every transfer many steps long.
import { type MessagePort, parentPort, type Transferable, workerData } from "node:worker_threads";
import { makeClient } from "@tequio/contract";
import { believePool } from "./believe.ts";
import { blobClient } from "./blob-client.ts";
import { type Done, Exchange, type Exchanged, type Next } from "./exchange.ts";
import type { ExchangeAnswer, ExchangeQuestion, ExchangeSettings } from "./exchange-client.ts";

believePool();
const port = parentPort as MessagePort;
const { url, token, runId, bandwidth = [] } = workerData as ExchangeSettings;
let stopping = false;

const exchange = new Exchange({
  client: makeClient({ url, token }),
  blobs: blobClient(url, token, bandwidth),
  runId,
  log: (line) => post({ kind: "log", line }),
  stopped: () => stopping,
});

function post(answer: ExchangeAnswer, transfer: readonly Transferable[] = []): void {
  port.postMessage(answer, transfer);
}

/** The model is copied, since this thread needs its own for the next contribution. */
function withCopy(next: Next | undefined): [Next | undefined, ArrayBuffer[]] {
  if (next === undefined) return [undefined, []];
  const model = new Float32Array(next.model);
  return [{ ...next, model }, [model.buffer]];
}

async function answer(question: ExchangeQuestion): Promise<[unknown, ArrayBuffer[]]> {
  switch (question.kind) {
    case "first":
      return withCopy(await exchange.first());
    case "exchange": {
      const { accepted, next } = await exchange.exchange(question.done satisfies Done);
      const [copied, transfer] = withCopy(next);
      return [{ accepted, next: copied } satisfies Exchanged, transfer];
    }
    case "moments":
      return [await exchange.moments(question.digest), []];
    default:
      return question satisfies never;
  }
}

port.on("message", (message: { id: number; question: ExchangeQuestion } | "stop") => {
  if (message === "stop") {
    stopping = true;
    return;
  }
  const { id, question } = message;
  answer(question).then(
    ([value, transfer]) => post({ kind: "value", id, value }, transfer),
    (error: unknown) =>
      post({ kind: "error", id, text: error instanceof Error ? error.message : String(error) }),
  );
});

// The exchange as the training thread sees it: the calls of `ExchangePort`, answered by the thread
// of exchange-thread.ts.
import { Worker } from "node:worker_threads";
import type { BandwidthRule } from "@tequio/core/pool";
import type { OptimiserState } from "../stretch.ts";
import type { Exchanged, ExchangePort, Next } from "./exchange.ts";

/** What the thread is started with. */
export interface ExchangeSettings {
  readonly url: string;
  readonly token: string;
  readonly runId: string;
  /** What the owner lets transfers use, by the hour; absent: all. */
  readonly bandwidth?: readonly BandwidthRule[];
}

export type ExchangeQuestion =
  | { readonly kind: "first" }
  | { readonly kind: "exchange"; readonly done: Parameters<ExchangePort["exchange"]>[0] }
  | { readonly kind: "moments"; readonly digest: string };

export type ExchangeAnswer =
  | { readonly kind: "log"; readonly line: string }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly text: string };

export interface ThreadedExchange extends ExchangePort {
  /** Ends waiting as soon as the pool answers. */
  stop(): void;
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Starts the thread. Calls reject when it fails. */
export function openExchange(
  settings: ExchangeSettings,
  log: (line: string) => void,
): ThreadedExchange {
  const thread = new Worker(new URL("./exchange-thread.ts", import.meta.url), {
    workerData: settings,
    execArgv: [],
  });
  const pending = new Map<number, Pending>();
  let ids = 0;
  let dead: Error | undefined;
  const fail = (error: Error): void => {
    dead = error;
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  thread.on("error", fail);
  thread.on("exit", (code) => fail(new Error(`The exchange ended with code ${code}.`)));
  thread.on("message", (answer: ExchangeAnswer) => {
    if (answer.kind === "log") return log(answer.line);
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if (answer.kind === "value") waiting?.resolve(answer.value as never);
    else waiting?.reject(new Error(answer.text));
  });

  function ask<Value>(question: ExchangeQuestion): Promise<Value> {
    if (dead !== undefined) return Promise.reject(dead);
    ids += 1;
    const id = ids;
    return new Promise<Value>((resolve, reject) => {
      pending.set(id, { resolve, reject });
      thread.postMessage({ id, question });
    });
  }

  return {
    first: () => ask<Next | undefined>({ kind: "first" }),
    exchange: (done) => ask<Exchanged>({ kind: "exchange", done }),
    moments: (digest) => ask<OptimiserState | undefined>({ kind: "moments", digest }),
    stop: () => thread.postMessage("stop"),
    async close() {
      await thread.terminate();
    },
  };
}

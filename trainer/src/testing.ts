/** Helpers of this package's tests: opened executors and tiny models. No product code uses it. */
import { type Executor, type ExecutorKind, openExecutor } from "./executor.ts";
import type { ModelConfig } from "./layout.ts";
import { mulberry32 } from "./random.ts";
import type { Batch } from "./windows.ts";

/** Odd sizes, so that two swapped dimensions cannot agree by chance. */
export const TINY: ModelConfig = { vocab: 11, context: 6, width: 16, layers: 2, heads: 2 };

/** One thread of this kind; throws where it does not load. */
export async function executorOf(prefer: ExecutorKind): Promise<Executor> {
  const opened = await openExecutor({ prefer, threads: 1 });
  if (!opened.ok) throw new Error(opened.message);
  return opened.value.executor;
}

/** Whatever this machine has. */
export async function anyExecutor(): Promise<Executor> {
  const opened = await openExecutor({ threads: 1 });
  if (!opened.ok) throw new Error(opened.message);
  return opened.value.executor;
}

/** Random token ids and targets. */
export function randomTokens(config: ModelConfig, batch: number, seed: number): Batch {
  const random = mulberry32(seed);
  const ids = (): Int32Array =>
    Int32Array.from({ length: batch * config.context }, () => Math.floor(random() * config.vocab));
  return { x: ids(), y: ids() };
}

/** Why a test of the native executor is skipped here, or false where it loads. */
export async function nativeMissing(): Promise<string | false> {
  const opened = await openExecutor({ prefer: "native", threads: 1 });
  return opened.ok ? false : opened.message;
}

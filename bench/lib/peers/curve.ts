// Losses of the models that a method left behind, by one evaluator for all methods: the windows on
// which a control plane reports its runs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Evaluator,
  loadCorpus,
  type ModelConfig,
  openExecutor,
  REPORT_TOKENS,
} from "@tequio/trainer";

export interface Point {
  readonly seconds: number;
  readonly loss: number;
}

/** As in trainer/src/service-thread.ts. */
const REPORT = { seed: 99, batch: 8 };

export interface Judge {
  /** Losses of `SECONDS.f32` files in time order. */
  curve(folder: string): Promise<readonly Point[]>;
}

/** Throws when the text or the engine is missing. */
export async function openJudge(config: ModelConfig): Promise<Judge> {
  const corpus = await loadCorpus("sotu");
  const opened = await openExecutor({ threads: 2 });
  if (!corpus.ok || !opened.ok) throw new Error("no text or no engine");
  const evaluator = await Evaluator.open({
    executor: opened.value.executor,
    config,
    part: corpus.value.parts.report,
    ...REPORT,
    batches: REPORT_TOKENS / (REPORT.batch * config.context),
  });
  if (!evaluator.ok) throw new Error(evaluator.message);
  const judge = evaluator.value;
  return {
    curve: async (folder) => {
      const points: Point[] = [];
      for (const file of readdirSync(folder)
        .filter((name) => name.endsWith(".f32"))
        .sort()) {
        const bytes = readFileSync(join(folder, file));
        const vector = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        points.push({ seconds: Number(file.slice(0, -4)), loss: await judge.loss(vector) });
      }
      return points;
    },
  };
}

/** Seconds until the loss was `target` or less for the first time; undefined: never. */
export function secondsTo(target: number, curve: readonly Point[]): number | undefined {
  return curve.find(({ loss }) => loss <= target)?.seconds;
}

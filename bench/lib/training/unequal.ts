// Sites of unequal speed within the wall-clock in which the fastest, alone, does so many steps.
// The clock is computed (spread.ts), the training is real. Every policy has the same rates to
// choose from, and its best counts.
import { type Codec, outerSettings } from "@tequio/core/training";
import { BATCH, type Lab, trainAlone } from "./lab.ts";
import { trainPooled } from "./pooled.ts";
import { exchangeMs, type Line, POLICIES } from "./spread.ts";

export interface UnequalSetting {
  readonly seed: number;
  readonly speeds: readonly number[];
  /** Steps of the fastest site alone: the wall-clock of all. */
  readonly steps: number;
  readonly innerSteps: number;
  readonly codecUp: Codec;
  readonly codecDown: Codec;
  readonly rates: readonly number[];
  readonly line: Line;
  /** Milliseconds of a step of the fastest site with a whole batch. */
  readonly stepMs: number;
  /** `alone` and names of POLICIES. */
  readonly policies: readonly string[];
}

/** A policy with its best rate. */
export interface PolicyResult {
  readonly policy: string;
  readonly loss: number;
  readonly rate: number;
  /** Inner steps that fit into the wall-clock. */
  readonly steps: number;
}

/** Trains every policy with every rate, in the same computed wall-clock. */
export async function measureUnequal(
  lab: Lab,
  setting: UnequalSetting,
): Promise<readonly PolicyResult[]> {
  const results: PolicyResult[] = [];
  for (const policy of setting.policies) {
    let best: PolicyResult | undefined;
    for (const rate of setting.rates) {
      const steps = stepsWithin(lab, setting, policy);
      const loss = await lossOf(lab, setting, policy, rate, steps);
      if (best === undefined || loss < best.loss) best = { policy, loss, rate, steps };
    }
    if (best !== undefined) results.push(best);
  }
  return results;
}

/** Steps of a policy in the wall-clock, the last round of them whole. */
function stepsWithin(lab: Lab, setting: UnequalSetting, policy: string): number {
  const { speeds, innerSteps, stepMs, steps, line, codecUp, codecDown } = setting;
  const spread = POLICIES[policy];
  if (spread === undefined) return steps;
  const parameters = lab.start.parameters.length;
  const roundMs =
    spread.roundSteps(speeds, innerSteps) * stepMs +
    exchangeMs(line, parameters, codecUp, codecDown);
  return innerSteps * Math.max(1, Math.floor((steps * stepMs) / roundMs));
}

/**
 * The least of these shares of the wall-clock in which our policy, on a schedule of that length,
 * ends at or below a loss; undefined if it does in none. Shares fall; it stops at the first miss.
 */
export async function shareOfTime(
  lab: Lab,
  setting: UnequalSetting,
  { loss, shares }: { readonly loss: number; readonly shares: readonly number[] },
): Promise<number | undefined> {
  let least: number | undefined;
  for (const share of shares) {
    const within = { ...setting, steps: Math.floor(setting.steps * share), policies: ["ours"] };
    const [ours] = await measureUnequal(lab, within);
    if (ours === undefined || !(ours.loss <= loss)) break;
    least = share;
  }
  return least;
}

async function lossOf(
  lab: Lab,
  setting: UnequalSetting,
  policy: string,
  rate: number,
  steps: number,
): Promise<number> {
  const { seed, speeds, innerSteps, codecUp, codecDown } = setting;
  const spread = POLICIES[policy];
  if (spread === undefined) return await trainAlone(lab, seed, { batch: BATCH, steps, rate });
  const sizes = spread.sizes(speeds, innerSteps);
  const rounds = steps / innerSteps;
  const outer = (progress: number) => outerSettings(innerSteps, rounds, progress, lab.optimiser);
  // As in the product, sites train on while a contribution is merged (decision 0004).
  const exchange = exchangeMs(setting.line, lab.start.parameters.length, codecUp, codecDown);
  const carried = Math.min(innerSteps, Math.floor(exchange / setting.stepMs));
  const run = { carried, seed, steps, innerSteps, rate, codecUp, codecDown, outer, sizes };
  return (await trainPooled(lab, { ...run, sites: sizes.length })).loss;
}

// Runs with sites that harm or leave, each against the run without them: what the loss is, and
// whom the run names.
import { type Codec, outerSettings } from "@tequio/core/training";
import { mulberry32 } from "@tequio/trainer";
import type { BadKind } from "./bad.ts";
import { type Lab, shardsOf } from "./lab.ts";
import { type PooledResult, trainPooled } from "./pooled.ts";
import { type Named, openWatch } from "./watch.ts";

export interface DisturbedSetting {
  readonly seed: number;
  readonly sites: number;
  readonly steps: number;
  readonly innerSteps: number;
  readonly rate: number;
  readonly codecUp: Codec;
  readonly codecDown: Codec;
}

export interface Disturbed {
  readonly loss: number;
  /** Sites that were in quarantine at any time. */
  readonly named: readonly Named[];
}

/** What sites are like besides being bad. */
export interface Likeness {
  /** Each has another part of the text, by date. */
  readonly ownText?: boolean;
  /** Batches of 16, 8, 4, 2 and so on. */
  readonly slow?: boolean;
}

const BATCHES = [16, 8, 4, 2] as const;

/** A run with bad sites, which are the last ones. */
export async function withBad(
  lab: Lab,
  setting: DisturbedSetting,
  kinds: readonly BadKind[],
  { ownText = false, slow = false }: Likeness = {},
): Promise<Disturbed> {
  const { sites, innerSteps: steps } = setting;
  const indices = Array.from({ length: sites }, (_, i) => i);
  const bad = new Map(kinds.map((kind, i) => [sites - 1 - i, kind]));
  const sizes = indices.map((i) => ({ batch: BATCHES[i % BATCHES.length]!, steps }));
  const watch = openWatch();
  const { loss } = await trainPooled(lab, {
    ...{ ...setting, bad, watch, outer: outerOf(lab, setting) },
    ...(ownText ? { texts: shardsOf(lab.train, sites) } : {}),
    ...(slow ? { sizes } : {}),
  });
  return { loss, named: watch.named };
}

/** The same sites without the bad ones. */
export async function without(
  lab: Lab,
  setting: DisturbedSetting,
  badSites: number,
): Promise<PooledResult> {
  return await trainPooled(lab, {
    ...{ ...setting, sites: setting.sites - badSites, outer: outerOf(lab, setting) },
  });
}

/** Keeps the chance of leaving apart from that of the batches. */
const CHURN_SEED = 7_000;

/**
 * Sites that are there and away for so many rounds in the mean, each at random, so that half of
 * the work is missing. By rounds the run ends when it would have ended with everybody there (as a
 * job's `stop.rounds`), by tokens when the same work is done (as its `stop.tokens`).
 */
export async function withChurn(
  lab: Lab,
  setting: DisturbedSetting,
  { meanRounds, byTokens }: { readonly meanRounds: number; readonly byTokens: boolean },
): Promise<PooledResult> {
  const random = mulberry32(CHURN_SEED + setting.seed);
  const here: boolean[] = Array.from({ length: setting.sites }, () => true);
  let seen = -1;
  const takesPart = (round: number, site: number): boolean => {
    if (round !== seen) {
      seen = round;
      for (const i of here.keys()) if (random() < 1 / meanRounds) here[i] = here[i] !== true;
      // A round needs somebody: the run would wait for the next one to come back.
      if (!here.includes(true)) here[Math.floor(random() * here.length)] = true;
    }
    return here[site] === true;
  };
  return await trainPooled(lab, { ...setting, outer: outerOf(lab, setting), takesPart, byTokens });
}

const outerOf =
  ({ optimiser }: Lab, { innerSteps, steps }: DisturbedSetting) =>
  (progress: number) =>
    outerSettings(innerSteps, Math.ceil(steps / innerSteps), progress, optimiser);

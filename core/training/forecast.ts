/**
 * What a set of sites would make of a run: the length of a round and the pace towards the target,
 * worked out with the very sizes that rounds use (`sizing.ts`). Which sites a run then gets is the
 * scheduler's business.
 */
import type { Link } from "../pool/index.ts";
import { assert } from "../pool/index.ts";
import { lowerMedian } from "./clip.ts";
import { type Codec, codedBytes } from "./codec/index.ts";
import { chooseInnerSteps, codecForLink, type StopRule } from "./schedule.ts";
import { planStretch, type SizingSite, targetRoundMs } from "./sizing.ts";
import { exchangeMs, linkMs, type SpeedModel, stepMs } from "./speed.ts";

/** A site that takes part or could. */
export interface ForecastSite {
  readonly siteId: string;
  readonly speed: SpeedModel;
  readonly link: Link;
  /** Weighted mean of its measured exchanges, ms; null: what the link promises. */
  readonly transferMs: number | null;
}

/** What of a run's configuration the length of its rounds depends on. */
export interface ForecastRules {
  readonly parameters: number;
  readonly context: number;
  /** H; null: chosen by rule. */
  readonly innerSteps: number | null;
  readonly referenceBatch: number;
  readonly maxBatch: number;
  readonly batchSizes: readonly number[];
  readonly codecUp?: Codec;
  readonly codecDown: Codec;
  readonly stop: StopRule;
}

/** One site's part of a round. */
export interface ForecastPart {
  readonly siteId: string;
  /** Tokens of its stretch; 0: not one step and its exchange fit into a round. */
  readonly tokens: number;
  readonly transferMs: number;
  /** Computing and exchange, ms. */
  readonly expectedMs: number;
}

/** A typical round of these sites. */
export interface RoundForecast {
  /** H. */
  readonly innerSteps: number;
  readonly roundMs: number;
  readonly tokensPerSecond: number;
  /** Way to the target done in a second; only ratios mean anything. */
  readonly pace: number;
  /** In the order of the sites. */
  readonly parts: readonly ForecastPart[];
}

/**
 * Batch, in reference batches, with which a step gets half as far as with an endless one. Form:
 * McCandlish and others 2018, equation 2.11: steps needed = least steps x (1 + critical / batch).
 * The figure is designed: at the reference batch noise still decides (training reference, 4.4).
 */
const CRITICAL_BATCHES = 4;

/** Time that a merge takes for each parameter of each contribution: decode, clip, add, gate. */
const MERGE_NS_PER_PARAMETER = 20;

/** Forecasts a round; sites must not be empty. */
export function forecastRound(sites: readonly ForecastSite[], rules: ForecastRules): RoundForecast {
  assert(sites.length > 0, "a round has at least one site");
  const { parameters, context } = rules;
  const sizing = sites.map((site) => sizingOf(site, rules));
  const innerSteps = rules.innerSteps ?? innerStepsOf(sizing, rules);
  const all = { ...rules, innerSteps };
  const targetMs = targetRoundMs(sizing, all);
  const stretches = sizing.map((site) => planStretch(site, all, targetMs));
  const parts = stretches.map((stretch, i): ForecastPart => {
    const { siteId, transferMs } = sizing[i]!;
    const rows = stretch === undefined ? 0 : stretch.innerSteps * stretch.batch;
    const expectedMs = stretch?.expectedMs ?? 0;
    return { siteId, tokens: rows * context, transferMs, expectedMs };
  });
  const working = parts.filter(({ tokens }) => tokens > 0);
  const mergeMs = (working.length * parameters * MERGE_NS_PER_PARAMETER) / 1e6;
  const roundMs = Math.max(1, ...parts.map(({ expectedMs }) => expectedMs)) + mergeMs;
  const tokens = parts.reduce((sum, part) => sum + part.tokens, 0);
  const tokensPerSecond = (1_000 * tokens) / roundMs;
  const batch = tokens / (innerSteps * context);
  const critical = CRITICAL_BATCHES * rules.referenceBatch;
  const pace = isForTokens(rules.stop)
    ? tokensPerSecond
    : (1_000 * innerSteps * batch) / (batch + critical) / roundMs;
  return { innerSteps, roundMs, tokensPerSecond, pace, parts };
}

/**
 * The pace by which sets of sites are compared: that of the sites which do something. One that
 * never gets to a step would still lengthen the exchange by which inner steps are chosen, and with
 * more inner steps a set would look quicker than it is.
 */
export function paceOfSites(sites: readonly ForecastSite[], rules: ForecastRules): number {
  const { pace, parts } = forecastRound(sites, rules);
  const working = sites.filter((_, i) => parts[i]!.tokens > 0);
  const idle = working.length < sites.length;
  return idle && working.length > 0 ? paceOfSites(working, rules) : pace;
}

/** A run that ends by tokens alone is over soonest where most tokens are trained. */
const isForTokens = ({ tokens, minutes, rounds }: StopRule): boolean =>
  tokens !== undefined && minutes === undefined && rounds === undefined;

function sizingOf(site: ForecastSite, rules: ForecastRules): SizingSite {
  const { siteId, speed, link } = site;
  const up = codedBytes(rules.codecUp ?? codecForLink(link, rules.parameters), rules.parameters);
  const down = codedBytes(rules.codecDown, rules.parameters);
  return { siteId, speed, transferMs: exchangeMs(site.transferMs, link, up, down) };
}

/** H as the first round would choose it (`round/plan.ts`): by the middle exchange, coded. */
function innerStepsOf(sizing: readonly SizingSite[], rules: ForecastRules): number {
  const { parameters, referenceBatch } = rules;
  const transferMs = lowerMedian(sizing.map((site) => site.transferMs)) ?? 0;
  const fastestMs = Math.min(...sizing.map((site) => stepMs(site.speed, referenceBatch)));
  return chooseInnerSteps(parameters, transferMs, fastestMs);
}

/** Time in which a site fetches the whole model, which it has to before it can help, ms. */
export const joinMs = (link: Link, parameters: number): number =>
  linkMs(link, 0, codedBytes("fp32", parameters));
